/*
 * log: one record of something that the program said: syslog(3), or a call of otelshim.h.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any. A full pool counts it as NO_CHUNK_LOG.
 */
#ifndef OTELSHIM_LOG_H
#define OTELSHIM_LOG_H

#include "buffer.h"
#include "facts.h"
#include <stdarg.h>

/* A record that is being written: in the caller's frame, from log_begin() to log_end(). It holds a reservation. */
struct log {
    struct facts facts; /* append what was said */
    struct thread *thread;
    const struct dropbox *box;
    struct buffer_reservation reservation;
    volatile uint32_t bytes, busy;
    uint64_t now_ns;
};

/* What is known before the first fact. */
struct log_head {
    uint16_t instrumentation;
    uint8_t kind;      /* enum wire_log_kind */
    uint8_t severity;  /* of OpenTelemetry, 1 to 24 */
    const void *frame; /* of the call: see current_get() */
};

/* Room for at most `fact_bytes`. False: nothing is recorded. Between begin and end nothing else of the shim may be called. */
bool log_begin(struct log *log, const struct log_head *head, uint32_t fact_bytes);
/* As if it had never begun. */
void log_abandon(struct log *log);
/* `is_urgent`: somebody is to be told at once. */
void log_end(struct log *log, bool is_urgent);

/* What printf(3) would print, and what is known beside it. */
struct log_words {
    const char *format;
    int error; /* errno at the call; recorded where %m prints it */
    bool is_urgent;
    bool has_priority; /* of syslog(3): the two that follow */
    int priority;
    const char *identity; /* NULL: none */
};

/* The whole record. errno kept; the arguments stay the caller's. */
void log_printf(const struct log_head *head, const struct log_words *words, va_list arguments);

#endif

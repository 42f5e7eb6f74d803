/*
 * facts: raw, bounded copies of what a call was about, in the encoding of struct wire_fact.
 *
 * Context: hot, async-signal-safe. What does not fit is cut or left out, counted in *cut; nothing fails.
 */
#ifndef OTELSHIM_FACTS_H
#define OTELSHIM_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <wire.h>

enum wire_attribute {
#define ATTRIBUTE(number, NAME, TYPE, when, name, meaning) WIRE_##NAME = (number),
#include <attributes.h>
#undef ATTRIBUTE
};

/* A place facts are appended to. `bytes` is raised only after the bytes are there: a kill leaves no half fact. */
struct facts {
    uint8_t *base;
    volatile uint32_t *bytes; /* used so far */
    uint32_t max_bytes;
    bool always_only;       /* not sampled: keep only the facts that metrics need */
    volatile uint16_t *cut; /* counts what did not fit; NULL: nobody counts */
    volatile uint32_t *
        busy; /* 1 while appending (thread.h); never NULL: FACTS_NOT_SHARED where no signal handler appends */
};

/* A word nobody looks at. */
extern volatile uint32_t facts_not_shared;
#define FACTS_NOT_SHARED (&facts_not_shared)

/* At most WIRE_STRING_MAX bytes of `text`, cut on a UTF-8 boundary. NULL text: nothing. */
void facts_string(struct facts *facts, enum wire_attribute key, const char *text, size_t bytes);
/* The same for a NUL-terminated string. */
void facts_text(struct facts *facts, enum wire_attribute key, const char *text);
/* At most `max_bytes` of it are measured (more than WIRE_STRING_MAX); nothing, where it is not wanted. */
void facts_text_max(struct facts *facts, enum wire_attribute key, const char *text, size_t max_bytes);
/* Raw bytes: cut anywhere. */
void facts_bytes(struct facts *facts, enum wire_attribute key, const void *data, size_t bytes);
void facts_int(struct facts *facts, enum wire_attribute key, int64_t value);
void facts_double(struct facts *facts, enum wire_attribute key, double value);

#endif

/*
 * otlp: one OTLP destination of one signal: batch, encode, send with the spec's retry rules, spool while it is down.
 *
 * Context: loop. One request in flight per destination, batches in order ("export must never run concurrently for one
 * exporter instance"). Receipts are handed back once a batch is delivered, spooled, or given up and counted.
 */
#ifndef OTELSHIM_OTLP_H
#define OTELSHIM_OTLP_H

#include "base/loop.h"
#include "settings/settings.h"
#include "telemetry/batch.h"
#include "telemetry/log_record.h"
#include "telemetry/metric.h"

struct otlp;

enum otlp_signal { OTLP_TRACES, OTLP_METRICS, OTLP_LOGS };

struct otlp_counts {
    uint64_t exported;        /* spans, data points or records the destination took */
    uint64_t rejected;        /* by partial success or a non-retryable answer */
    uint64_t dropped_spool;   /* oldest batches removed because the spool was full */
    uint64_t repeated;        /* batches sent again */
    uint64_t spooled_batches; /* on disk now */
    uint64_t spooled_bytes;
    bool has_checkpoint;  /* beside them: otlp_checkpoint_metrics() */
    uint64_t queued;      /* spans in memory now */
    uint64_t added;       /* spans or records that were given to it, ever */
    uint64_t n_in_flight; /* of the request that is under way */
    char last_error[200]; /* one line; "" none */
    uint64_t last_error_unix_ns;
    bool is_down;
    bool is_waiting; /* the last attempt failed; the same request is tried again soon */
};

/*
 * What became of items: an export operation that is over, after its last try, or items that were lost without one. What goes
 * back to the spool is neither exported nor lost: it comes again.
 */
struct otlp_result {
    uint32_t n_exported, n_failed;
    const char *
        error; /* error.type: "rejected" (partial success), a status, "timeout", "spool_full" …; NULL: none */
    int status;        /* of HTTP; 0: none came */
    bool is_operation; /* else no request was made of them */
    uint64_t duration_ms;
};

struct otlp_events {
    void (*on_receipts)(void *context, const struct receipt *receipts, uint32_t n_receipts);
    /* One line for the log, once per fact (rate-limited by the destination). */
    void (*on_note)(void *context, const char *line);
    void *context;
    /* NULL: nobody counts. */
    void (*on_result)(void *context, const struct otlp_result *result);
};

/* `spool_dir` is the directory of all spools; each destination has a sub-directory of its own in it, named by a hash
 * of its URL (never of its headers); batches found there are replayed first. `settings` must outlive it. */
struct otlp *otlp_create(struct loop *loop, const struct settings *settings, enum otlp_signal signal,
                         const char *spool_dir, const struct otlp_events *events);
void otlp_destroy(struct otlp *otlp);

/* What the settings say of this signal's way. */
const struct delivery *otlp_delivery(const struct settings *settings, enum otlp_signal signal);

/* Two processes whose settings are equal in everything that concerns delivery share a destination. */
bool otlp_serves(const struct otlp *otlp, const struct settings *settings);

/* False: OTEL_BSP_MAX_QUEUE_SIZE spans (OTEL_BLRP_… records) are in memory; do not assemble more. */
bool otlp_has_room(const struct otlp *otlp);
/* Where to assemble the next span: lives until otlp_add(). */
struct arena *otlp_arena(struct otlp *otlp);
/* `span` NULL: only the receipt (a record that is not exported). */
void otlp_add(struct otlp *otlp, struct span *span, const struct receipt *receipt);

/* The same of a log record, assembled in otlp_arena(). */
void otlp_add_record(struct otlp *otlp, struct log_record *record, const struct receipt *receipt);

/*
 * A request with these metrics, sent at once, retried like a batch of spans; `collection` stays the caller's. It goes by way of
 * the spool, where there is one: an exporter that is killed while it is on its way has not lost it. What the checkpoint has of it is
 * then to be taken out: otlp_checkpoint_metrics().
 */
void otlp_add_metrics(struct otlp *otlp, const struct metric_collection *collection);
/* What is not exported yet, for whoever finds it should this exporter be killed. Empty: nothing. False: no spool. */
bool otlp_checkpoint_metrics(struct otlp *otlp, const struct metric_collection *collection);
/* A request with this record alone (a crash), sent at once, by way of the spool like metrics. The record stays the caller's. */
void otlp_add_log(struct otlp *otlp, const struct log_record *record);
/* Something is on its way or waits to be: exports of metrics never run at the same time. */
bool otlp_is_busy(const struct otlp *otlp);

/* The pool is more than half full: spool what waits in memory now and hand back its receipts. */
void otlp_relieve(struct otlp *otlp);
/* Send what is there without waiting for the schedule delay. */
void otlp_flush(struct otlp *otlp);
/* Nothing in memory, nothing in flight, nothing spooled. */
bool otlp_is_idle(const struct otlp *otlp);
/* Leaving: everything in memory goes to the spool, synchronously, at once. */
void otlp_spool_all(struct otlp *otlp);
void otlp_get_counts(const struct otlp *otlp, struct otlp_counts *ret_counts);
const char *otlp_url(const struct otlp *otlp);

#endif

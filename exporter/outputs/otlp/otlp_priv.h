/*
 * otlp_priv: one OTLP destination, as otlp.c and flight.c share it.
 *
 *     assembled ─▶ batcher ─▶ flight ─▶ delivered                        one flight at a time: the oldest batch there is,
 *                     │          │                                        the spool's before the memory's
 *                     └──────────┴─▶ spool ─▶ flight ─▶ delivered         destination down, or the pool is short
 *
 * A flight is sent until it is delivered, refused, or its time (OTLP timeout) is up. Then the destination is "down":
 * batches go to the spool, and the oldest one is tried again with growing backoff. Down ends with any answer that is
 * not a wish to try later. Receipts of a spooled batch are handed back at once; its file goes when it was delivered.
 */
#ifndef OTELSHIM_OTLP_PRIV_H
#define OTELSHIM_OTLP_PRIV_H

#include "outputs/otlp/otlp.h"

#include "base/gzip.h"
#include "outputs/otlp/batcher.h"
#include "outputs/otlp/retry.h"
#include "outputs/otlp/send_http.h"
#include "outputs/otlp/spool.h"

/* OTLP, before compression. */
#define REQUEST_MAX_BYTES (64u << 20)

enum fact { FACT_DOWN, FACT_UP, FACT_REFUSED, FACT_PARTIAL, FACT_SPOOL, FACT_CORRUPT, FACT_LOST, N_FACTS };

enum flight_state { FLIGHT_NONE, FLIGHT_SENDING, FLIGHT_WAITING /* for the retry timer */ };

struct flight {
    enum flight_state state;
    struct batch
        *batch; /* NULL: it comes from the spool, or was spooled since; else spans or an encoded request */
    uint32_t i_first, n_spans;  /* of the batch; less than all when a request would be too large */
    struct spool_batch spooled; /* sequence 0: not in the spool */
    bool is_gzip;
    uint32_t n_attempts;
    uint64_t begin_mono_ms;
};

struct otlp {
    struct loop *loop;
    const struct settings *settings;
    const struct delivery *delivery; /* of the settings: the signal's */
    const struct batching *batching; /* likewise */
    enum otlp_signal signal;
    const char *noun;      /* "spans", "points", "records" */
    const char *said_once; /* of a refusal: how to ask for none; NULL: every refusal is said */
    struct otlp_events events;
    char url[300]; /* as it may be shown */
    struct sender *sender;
    struct gzip *gzip;   /* NULL: not asked for */
    struct spool *spool; /* NULL: none to be had */
    struct batcher batcher;
    struct flight flight;
    struct body body, packed, plain; /* the flight's; one on its way to the spool; before gzip */
    struct arena scratch;
    struct retry retry;
    bool is_down, is_due; /* due: send what is there, be it less than a batch */
    bool is_pump_due;
    bool is_refused; /* the last answer was a refusal */
    struct loop_timer *schedule_timer, *retry_timer, *pump_timer;
    struct otlp_counts counts;
    uint64_t n_lost_in_memory;
    struct {
        uint64_t last_mono_ms;
        bool was_said;
    } notes[N_FACTS];
};

/* The destination's last error, not worth a line of the log yet. */
void otlp_remember_error(struct otlp *otlp, const char *text);
/* One line for the log, at most every ten seconds for one fact; also the destination's last error. */
void otlp_note(struct otlp *otlp, enum fact fact, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `n` items are lost, and no request was made of them. */
void otlp_count_lost(struct otlp *otlp, uint64_t n, const char *error);
/* The flight's request is over. */
void otlp_tell_result(const struct otlp *otlp, const struct http_result *http, uint32_t n_exported,
                      uint32_t n_failed);

/* Hands back the receipts; the batch goes. */
void flight_finish_batch(struct otlp *otlp, struct batch *batch);
/* Everything queued goes to the spool, the flight's batch first. False: the spool cannot take it. */
bool flight_spool_queued(struct otlp *otlp);
/* An encoded request (in `plain`) goes to the spool, whatever the destination does. False: it cannot take it. */
bool flight_spool_encoded(struct otlp *otlp, const struct body *body, uint32_t n_items);
/* Does what can be done now: while down, only the retry timer sends. */
void flight_pump(struct otlp *otlp);
void flight_retry(struct otlp *otlp);

#endif

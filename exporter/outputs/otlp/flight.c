/* flight: the one request of a destination that is under way, and the way of batches into the spool. See otlp_priv.h. */
#include "outputs/otlp/otlp_priv.h"

#include "outputs/otlp/encode_logs.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

void flight_finish_batch(struct otlp *otlp, struct batch *batch)
{
    if (batch->n_receipts && otlp->events.on_receipts)
        otlp->events.on_receipts(otlp->events.context, batch->receipts, batch->n_receipts);
    batcher_finish(&otlp->batcher, batch);
}

static int encode_items(struct otlp *otlp, const struct batch *batch, uint32_t i_first, uint32_t n,
                        struct body *ret_body)
{
    if (batch->records)
        return encode_logs((const struct log_record *const *)batch->records + i_first, n, REQUEST_MAX_BYTES,
                           ret_body);
    int status = encode_trace(batch->spans + i_first, n, REQUEST_MAX_BYTES, &otlp->scratch, ret_body);
    arena_reset(&otlp->scratch);
    return status;
}

/* Of the spans from `i_first` on as many as a request may hold. Returns how many; 0: the first alone is too large. */
static uint32_t encode_some(struct otlp *otlp, const struct batch *batch, uint32_t i_first,
                            struct body *ret_body)
{
    for (uint32_t n = batch->n_spans - i_first; n; n /= 2) {
        int status = encode_items(otlp, batch, i_first, n, ret_body);
        if (status == 0)
            return n;
    }
    return 0;
}

static uint32_t copy_encoded(const struct batch *batch, struct body *ret_body)
{
    body_reserve(ret_body, batch->encoded_bytes);
    memcpy(ret_body->bytes, batch->encoded, batch->encoded_bytes);
    ret_body->n_bytes = batch->encoded_bytes;
    return batch->n_spans;
}

/* The next request out of the batch. Returns how many spans or points are in it. */
static uint32_t encode(struct otlp *otlp, const struct batch *batch, uint32_t i_first, struct body *ret_body)
{
    struct body *body = otlp->gzip ? &otlp->plain : ret_body;
    uint32_t n = batch->encoded ? copy_encoded(batch, body) : encode_some(otlp, batch, i_first, body);
    if (!n)
        return 0;
    if (otlp->gzip) {
        size_t max_bytes = gzip_max_bytes(body->n_bytes);
        body_reserve(ret_body, max_bytes);
        ret_body->n_bytes = gzip_encode(otlp->gzip, body->bytes, body->n_bytes, ret_body->bytes, max_bytes);
    }
    return n;
}

static void count_oversized(struct otlp *otlp)
{
    otlp->counts.rejected++;
    otlp_count_lost(otlp, 1, "too_large");
    otlp_note(otlp, FACT_REFUSED, "one of the %s is larger than a request may be (64 MiB): dropped",
              otlp->noun);
}

static int append_to_spool(struct otlp *otlp, const struct body *body, struct spool_batch *batch)
{
    if (!otlp->spool)
        return -ENOENT;
    uint64_t n_lost_before = spool_get_counts(otlp->spool).n_lost_spans;
    int status = spool_append(otlp->spool, body, batch, otlp->flight.spooled.sequence);
    uint64_t n_lost = spool_get_counts(otlp->spool).n_lost_spans - n_lost_before;
    otlp_count_lost(otlp, n_lost, "spool_full");
    if (n_lost)
        otlp_note(otlp, FACT_LOST, "the spool is full (OTELSHIM_SPOOL_SIZE): the oldest %llu %s are dropped",
                  (unsigned long long)n_lost, otlp->noun);
    if (status != 0)
        otlp_note(otlp, FACT_SPOOL, "cannot write to the spool: %s", strerrordesc_np(-status));
    return status;
}

static const struct body *packed(struct otlp *otlp, const struct body *body)
{
    if (!otlp->gzip)
        return body;
    size_t max_bytes = gzip_max_bytes(body->n_bytes);
    body_reserve(&otlp->packed, max_bytes);
    otlp->packed.n_bytes = gzip_encode(otlp->gzip, body->bytes, body->n_bytes, otlp->packed.bytes, max_bytes);
    return &otlp->packed;
}

bool flight_spool_encoded(struct otlp *otlp, const struct body *body, uint32_t n_items)
{
    struct spool_batch spooled = {.n_spans = n_items, .is_gzip = otlp->gzip != NULL};
    return otlp->spool && append_to_spool(otlp, packed(otlp, body), &spooled) == 0;
}

/* Spools the spans from `i_first` on; takes the batch when it could, and hands back its receipts. */
static bool spool_batch(struct otlp *otlp, struct batch *batch, uint32_t i_first)
{
    while (i_first < batch->n_spans) {
        uint32_t n = encode(otlp, batch, i_first, &otlp->packed);
        struct spool_batch spooled = {.n_spans = n, .is_gzip = otlp->gzip != NULL};
        if (n && append_to_spool(otlp, &otlp->packed, &spooled) != 0)
            return false;
        if (!n)
            count_oversized(otlp);
        i_first += n ? n : 1;
    }
    flight_finish_batch(otlp, batch);
    return true;
}

/* The flight's batch too: it is the oldest. It may still arrive; then its file goes. */
static bool spool_flight(struct otlp *otlp)
{
    struct flight *flight = &otlp->flight;
    if (flight->state == FLIGHT_NONE || !flight->batch)
        return true;
    if (!flight->spooled.sequence) {
        struct spool_batch spooled = {.n_spans = flight->n_spans, .is_gzip = flight->is_gzip};
        if (append_to_spool(otlp, &otlp->body, &spooled) != 0)
            return false;
        flight->spooled = spooled;
    }
    struct batch *batch = flight->batch;
    if (!spool_batch(otlp, batch, flight->i_first + flight->n_spans))
        return false;
    flight->batch = NULL;
    return true;
}

bool flight_spool_queued(struct otlp *otlp)
{
    if (!spool_flight(otlp))
        return false;
    for (struct batch *batch; (batch = batcher_take(&otlp->batcher));)
        if (!spool_batch(otlp, batch, 0)) {
            batcher_put_back(&otlp->batcher, batch);
            return false;
        }
    return true;
}

static void describe(const struct http_result *result, const struct answer *answer, char *ret_text,
                     size_t max_bytes)
{
    if (result->outcome == HTTP_ANSWERED)
        snprintf(ret_text, max_bytes, "HTTP %d%s%s", result->status, answer->message[0] ? ": " : "",
                 answer->message);
    else
        snprintf(ret_text, max_bytes, "%s", answer->message);
}

/* How long one batch may take with all its retries; 0: no limit. */
static uint32_t flight_bound_ms(const struct otlp *otlp)
{
    uint32_t timeout_ms = otlp->delivery->timeout_ms, export_ms = otlp->delivery->export_timeout_ms;
    return !timeout_ms || (export_ms && export_ms < timeout_ms) ? export_ms : timeout_ms;
}

static void on_answer(void *context, const struct http_result *result);

static void send_flight(struct otlp *otlp)
{
    struct flight *flight = &otlp->flight;
    uint32_t bound_ms = flight_bound_ms(otlp);
    uint64_t spent_ms = loop_now_ms(otlp->loop) - flight->begin_mono_ms;
    uint32_t timeout_ms = !bound_ms || spent_ms >= bound_ms ? bound_ms : bound_ms - (uint32_t)spent_ms;
    flight->state = FLIGHT_SENDING;
    if (flight->n_attempts++)
        otlp->counts.repeated++;
    sender_post(otlp->sender, &otlp->body, flight->is_gzip, timeout_ms, on_answer, otlp);
}

/* Part of a batch, or what is left of one that was too large for a request. False: the batch is through. */
static bool board_batch(struct otlp *otlp, struct batch *batch, uint32_t i_first)
{
    for (; i_first < batch->n_spans; i_first++) {
        uint32_t n = encode(otlp, batch, i_first, &otlp->body);
        if (!n) {
            count_oversized(otlp);
            continue;
        }
        otlp->flight = (struct flight){
            .batch = batch,
            .i_first = i_first,
            .n_spans = n,
            .is_gzip = otlp->gzip != NULL,
            .begin_mono_ms = loop_now_ms(otlp->loop),
        };
        return true;
    }
    flight_finish_batch(otlp, batch);
    return false;
}

static bool board_spooled(struct otlp *otlp)
{
    if (!otlp->spool)
        return false;
    struct spool_batch spooled;
    uint64_t n_corrupt = spool_get_counts(otlp->spool).n_corrupt;
    int status = spool_load(otlp->spool, &otlp->body, &spooled);
    n_corrupt = spool_get_counts(otlp->spool).n_corrupt - n_corrupt;
    if (n_corrupt)
        otlp_note(otlp, FACT_CORRUPT, "%llu files of the spool could not be read: skipped",
                  (unsigned long long)n_corrupt);
    if (status != 0)
        return false;
    otlp->flight = (struct flight){
        .spooled = spooled,
        .n_spans = spooled.n_spans,
        .is_gzip = spooled.is_gzip,
        .begin_mono_ms = loop_now_ms(otlp->loop),
    };
    return true;
}

static bool board_next(struct otlp *otlp)
{
    if (board_spooled(otlp))
        return true;
    for (;;) {
        uint32_t n_filling = batcher_n_filling(&otlp->batcher);
        /* receipts alone need no request, and wait for nothing but what came before them */
        if (!batcher_has_queued(&otlp->batcher) && (otlp->is_due || !n_filling))
            batcher_close(&otlp->batcher);
        struct batch *batch = batcher_take(&otlp->batcher);
        if (!batch)
            return false;
        if (board_batch(otlp, batch, 0))
            return true;
    }
}

/* The flight is over, one way or the other. */
static void land(struct otlp *otlp)
{
    struct flight flight = otlp->flight;
    otlp->flight = (struct flight){0};
    if (flight.spooled.sequence)
        spool_remove(otlp->spool, flight.spooled.sequence);
    retry_reset(&otlp->retry);
    if (otlp->is_down) {
        otlp->is_down = false;
        otlp_note(otlp, FACT_UP, "back again");
    }
    if (flight.batch && board_batch(otlp, flight.batch, flight.i_first + flight.n_spans))
        send_flight(otlp);
    else
        flight_pump(otlp);
}

/* Back to where it came from; the oldest will be tried again later. */
static void go_down(struct otlp *otlp, const char *why, uint32_t delay_ms)
{
    if (!otlp->is_down)
        otlp_note(otlp, FACT_DOWN, "%s: down%s%s%s", why, otlp->spool ? "; " : ", and there is no spool",
                  otlp->spool ? otlp->noun : "", otlp->spool ? " go to the spool" : "");
    otlp->is_down = true;
    if (!spool_flight(otlp) && otlp->flight.batch) {
        /* what of it was delivered or spooled already is at most one request, and sent again whole */
        batcher_put_back(&otlp->batcher, otlp->flight.batch);
    }
    otlp->flight = (struct flight){0};
    loop_timer_start(otlp->retry_timer, delay_ms);
    flight_pump(otlp);
}

static void try_later(struct otlp *otlp, const char *why, const struct http_result *http)
{
    struct flight *flight = &otlp->flight;
    uint32_t bound_ms = flight_bound_ms(otlp);
    uint32_t cap_ms = otlp->is_down ? RETRY_DOWN_CAP_MS : RETRY_CAP_MS;
    uint32_t delay_ms = retry_next_ms(&otlp->retry, cap_ms, http->retry_after_ms);
    uint64_t spent_ms = loop_now_ms(otlp->loop) - flight->begin_mono_ms;
    if (otlp->is_down || (bound_ms && spent_ms + delay_ms >= bound_ms)) {
        otlp_tell_result(otlp, http, 0, 0); /* its items come again, out of the spool */
        go_down(otlp, why, delay_ms);
        return;
    }
    flight->state = FLIGHT_WAITING;
    otlp_remember_error(otlp, why);
    loop_timer_start(otlp->retry_timer, delay_ms);
}

/*
 * A backend for traces alone answers 404 to every export of metrics and logs: said once, then only counted, until something is
 * taken.
 */
static void note_refusal(struct otlp *otlp, uint32_t n_items, const char *why)
{
    if (otlp->said_once && otlp->is_refused) {
        otlp_remember_error(otlp, why);
        return;
    }
    otlp->is_refused = true;
    otlp_note(otlp, FACT_REFUSED, "%u %s dropped: %s%s", n_items, otlp->noun, why,
              otlp->said_once ? otlp->said_once : "");
}

static void on_answer(void *context, const struct http_result *result)
{
    struct otlp *otlp = context;
    struct answer answer;
    char why[250];
    uint32_t n_spans = otlp->flight.n_spans;
    sender_read_answer(result, &answer);
    describe(result, &answer, why, sizeof(why));
    switch (retry_judge(result)) {
    case RETRY_DELIVERED: {
        uint64_t n_rejected = answer.n_rejected < n_spans ? answer.n_rejected : n_spans;
        otlp->counts.exported += n_spans - n_rejected;
        otlp->counts.rejected += n_rejected;
        otlp->is_refused = false;
        otlp_tell_result(otlp, result, n_spans - (uint32_t)n_rejected, (uint32_t)n_rejected);
        if (n_rejected)
            otlp_note(otlp, FACT_PARTIAL, "%llu of %u %s refused: %s", (unsigned long long)n_rejected,
                      n_spans, otlp->noun, answer.message);
        else if (answer.message[0])
            otlp_note(otlp, FACT_PARTIAL, "taken, with a warning: %s", answer.message);
        land(otlp);
        break;
    }
    case RETRY_NEVER:
        otlp->counts.rejected += n_spans;
        otlp_tell_result(otlp, result, 0, n_spans);
        note_refusal(otlp, n_spans, why);
        land(otlp);
        break;
    case RETRY_AGAIN:
        try_later(otlp, why, result);
        break;
    }
}

void flight_pump(struct otlp *otlp)
{
    if (otlp->is_down) {
        if (otlp->is_due)
            batcher_close(&otlp->batcher);
        flight_spool_queued(otlp);
    } else if (otlp->flight.state == FLIGHT_NONE && board_next(otlp)) {
        send_flight(otlp);
    }
    if (!batcher_n_filling(&otlp->batcher))
        otlp->is_due = false;
}

void flight_retry(struct otlp *otlp)
{
    if (otlp->flight.state == FLIGHT_WAITING) {
        send_flight(otlp);
        return;
    }
    if (otlp->flight.state != FLIGHT_NONE || !otlp->is_down)
        return;
    if (board_next(otlp)) {
        send_flight(otlp);
        return;
    }
    otlp->is_down = false; /* nothing is left to try with: the next batch finds out */
    retry_reset(&otlp->retry);
}

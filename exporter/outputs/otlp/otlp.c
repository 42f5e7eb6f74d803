/* otlp: see otlp.h; the drawing is in otlp_priv.h. */
#include "outputs/otlp/otlp_priv.h"

#include "base/clock.h"
#include "outputs/otlp/encode_logs.h"
#include "outputs/otlp/encode_metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_EVERY_MS 10000u

static const struct signal_words {
    const char *name, *noun, *said_once;
} words[] = {
    [OTLP_TRACES] = {"traces", "spans", NULL},
    [OTLP_METRICS] = {"metrics", "points", " (OTEL_METRICS_EXPORTER=none asks for none; said once)"},
    [OTLP_LOGS] = {"logs", "records", " (OTEL_LOGS_EXPORTER=none asks for none; said once)"},
};

void otlp_remember_error(struct otlp *otlp, const char *text)
{
    snprintf(otlp->counts.last_error, sizeof(otlp->counts.last_error), "%s", text);
    otlp->counts.last_error_unix_ns = clock_ns(CLOCK_REALTIME);
}

void otlp_note(struct otlp *otlp, enum fact fact, const char *format, ...)
{
    char line[700];
    uint64_t now_mono_ms = loop_now_ms(otlp->loop);
    int n = snprintf(line, sizeof(line), "%s to %s: ", words[otlp->signal].name, otlp->url);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + n, sizeof(line) - (size_t)n, format, arguments);
    va_end(arguments);
    if (fact != FACT_UP)
        otlp_remember_error(otlp, line + n);
    if (otlp->notes[fact].was_said && now_mono_ms - otlp->notes[fact].last_mono_ms < NOTE_EVERY_MS)
        return;
    otlp->notes[fact].was_said = true;
    otlp->notes[fact].last_mono_ms = now_mono_ms;
    if (otlp->events.on_note)
        otlp->events.on_note(otlp->events.context, line);
}

void otlp_count_lost(struct otlp *otlp, uint64_t n, const char *error)
{
    const struct otlp_result result = {.n_failed = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, .error = error};
    if (n && otlp->events.on_result)
        otlp->events.on_result(otlp->events.context, &result);
}

/* error.type of a request that was not taken whole (semantic conventions, otel.sdk.exporter.*). */
static const char *error_of(const struct http_result *http, uint64_t n_rejected, char ret_status[16])
{
    static const char *const outcomes[] = {[HTTP_NO_CONNECTION] = "no_connection",
                                           [HTTP_TIMEOUT] = "timeout",
                                           [HTTP_BROKEN] = "broken_connection",
                                           [HTTP_TOO_BIG] = "response_too_large",
                                           [HTTP_REFUSED] = "not_sent"};
    if (http->outcome != HTTP_ANSWERED)
        return outcomes[http->outcome];
    if (http->status >= 200 && http->status < 300)
        return n_rejected ? "rejected" : NULL;
    snprintf(ret_status, 16, "%d", http->status);
    return ret_status;
}

void otlp_tell_result(const struct otlp *otlp, const struct http_result *http, uint32_t n_exported,
                      uint32_t n_failed)
{
    char status[16];
    const struct otlp_result result = {
        .n_exported = n_exported,
        .n_failed = n_failed,
        .error = error_of(http, n_failed, status),
        .status = http->status,
        .is_operation = true,
        .duration_ms = loop_now_ms(otlp->loop) - otlp->flight.begin_mono_ms,
    };
    if (otlp->events.on_result)
        otlp->events.on_result(otlp->events.context, &result);
}

static bool has_spooled(const struct otlp *otlp)
{
    return otlp->spool && spool_get_counts(otlp->spool).n_batches;
}

static void on_pump(void *context)
{
    struct otlp *otlp = context;
    otlp->is_pump_due = false;
    flight_pump(otlp);
}

static void pump_soon(struct otlp *otlp)
{
    if (!otlp->is_pump_due)
        loop_timer_start(otlp->pump_timer, 0);
    otlp->is_pump_due = true;
}

static void on_schedule(void *context)
{
    struct otlp *otlp = context;
    otlp->is_due = batcher_n_filling(&otlp->batcher) > 0;
    flight_pump(otlp);
}

static void on_retry(void *context)
{
    flight_retry(context);
}

const struct delivery *otlp_delivery(const struct settings *settings, enum otlp_signal signal)
{
    return signal == OTLP_METRICS ? &settings->metrics
           : signal == OTLP_LOGS  ? &settings->logs
                                  : &settings->traces;
}

/* Of metrics nothing is collected here. */
static const struct batching *batching_of(const struct settings *settings, enum otlp_signal signal)
{
    return signal == OTLP_LOGS ? &settings->log_batches : &settings->span_batches;
}

struct otlp *otlp_create(struct loop *loop, const struct settings *settings, enum otlp_signal signal,
                         const char *spool_dir, const struct otlp_events *events)
{
    struct otlp *otlp = calloc(1, sizeof(*otlp));
    struct problem problem;
    if (!otlp)
        abort();
    otlp->loop = loop;
    otlp->settings = settings;
    otlp->signal = signal;
    otlp->delivery = otlp_delivery(settings, signal);
    otlp->noun = words[signal].noun;
    otlp->said_once = words[signal].said_once;
    otlp->events = *events;
    if (http_print_url(otlp->delivery->url, otlp->url, sizeof(otlp->url)) != 0)
        snprintf(otlp->url, sizeof(otlp->url), "(not a URL)");
    otlp->sender = sender_create(loop, otlp->delivery);
    otlp->gzip = otlp->delivery->gzip ? gzip_create() : NULL;
    otlp->batching = batching_of(settings, signal);
    batcher_init(&otlp->batcher, otlp->batching->max_batch, otlp->batching->max_queue);
    retry_init(&otlp->retry, clock_ns(CLOCK_REALTIME) * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)otlp);
    otlp->schedule_timer = loop_timer_create(loop, on_schedule, otlp);
    otlp->retry_timer = loop_timer_create(loop, on_retry, otlp);
    otlp->pump_timer = loop_timer_create(loop, on_pump, otlp);
    if (settings->spool_bytes) {
        otlp->spool = spool_open(spool_dir, otlp->delivery, settings->spool_bytes, &problem);
        if (!otlp->spool)
            otlp_note(otlp, FACT_SPOOL, "no spool: %s", problem.text);
    }
    if (has_spooled(otlp))
        pump_soon(otlp);
    return otlp;
}

void otlp_destroy(struct otlp *otlp)
{
    if (!otlp)
        return;
    sender_destroy(otlp->sender);
    loop_timer_destroy(otlp->schedule_timer);
    loop_timer_destroy(otlp->retry_timer);
    loop_timer_destroy(otlp->pump_timer);
    batch_release(otlp->flight.batch);
    batcher_fini(&otlp->batcher);
    spool_close(otlp->spool);
    gzip_destroy(otlp->gzip);
    body_fini(&otlp->body);
    body_fini(&otlp->packed);
    body_fini(&otlp->plain);
    arena_fini(&otlp->scratch);
    free(otlp);
}

static bool is_equal_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

static bool is_same_delivery(const struct delivery *ours, const struct delivery *other)
{
    if (!is_equal_text(ours->url, other->url) || !is_equal_text(ours->certificate, other->certificate) ||
        !is_equal_text(ours->client_key, other->client_key) ||
        !is_equal_text(ours->client_certificate, other->client_certificate) ||
        ours->timeout_ms != other->timeout_ms || ours->gzip != other->gzip ||
        ours->export_timeout_ms != other->export_timeout_ms || ours->n_headers != other->n_headers)
        return false;
    for (uint32_t i = 0; i < ours->n_headers; i++)
        if (!is_equal_text(ours->headers[i].name, other->headers[i].name) ||
            !is_equal_text(ours->headers[i].value, other->headers[i].value))
            return false;
    return true;
}

bool otlp_serves(const struct otlp *otlp, const struct settings *settings)
{
    const struct settings *ours = otlp->settings;
    if (ours->spool_bytes != settings->spool_bytes ||
        !is_same_delivery(otlp->delivery, otlp_delivery(settings, otlp->signal)))
        return false;
    const struct batching *theirs = batching_of(settings, otlp->signal);
    return otlp->signal == OTLP_METRICS ? ours->metric_interval_ms == settings->metric_interval_ms
                                        : otlp->batching->schedule_delay_ms == theirs->schedule_delay_ms &&
                                              otlp->batching->max_queue == theirs->max_queue &&
                                              otlp->batching->max_batch == theirs->max_batch;
}

bool otlp_has_room(const struct otlp *otlp)
{
    return batcher_has_room(&otlp->batcher);
}

struct arena *otlp_arena(struct otlp *otlp)
{
    return batcher_arena(&otlp->batcher);
}

/* The work waits for the loop's next turn: receipts are not handed back from within. */
static void plan(struct otlp *otlp, bool was_empty, bool is_full, bool is_item)
{
    if (is_full) {
        loop_timer_stop(otlp->schedule_timer);
        pump_soon(otlp);
    } else if (is_item && was_empty) {
        loop_timer_start(otlp->schedule_timer, otlp->batching->schedule_delay_ms);
    } else if (!is_item && was_empty && !batcher_has_queued(&otlp->batcher)) {
        pump_soon(otlp);
    }
}

void otlp_add(struct otlp *otlp, struct span *span, const struct receipt *receipt)
{
    bool was_empty = batcher_n_filling(&otlp->batcher) == 0;
    otlp->counts.added += span != NULL;
    plan(otlp, was_empty, batcher_add(&otlp->batcher, span, receipt), span != NULL);
}

void otlp_add_record(struct otlp *otlp, struct log_record *record, const struct receipt *receipt)
{
    bool was_empty = batcher_n_filling(&otlp->batcher) == 0;
    otlp->counts.added += record != NULL;
    plan(otlp, was_empty, batcher_add_record(&otlp->batcher, record, receipt), record != NULL);
}

/* In memory, where there is no spool or it cannot be written. */
static void queue_encoded(struct otlp *otlp, const struct body *body, uint32_t n_points)
{
    struct batch *batch = batcher_begin_encoded(&otlp->batcher);
    batch->encoded = arena_copy(&batch->arena, body->bytes, body->n_bytes);
    batch->encoded_bytes = body->n_bytes;
    batch->n_spans = n_points;
    batcher_append(&otlp->batcher, batch);
}

void otlp_add_metrics(struct otlp *otlp, const struct metric_collection *collection)
{
    if (encode_metrics(collection, REQUEST_MAX_BYTES, &otlp->plain) != 0) {
        otlp->counts.rejected += collection->n_points;
        otlp_count_lost(otlp, collection->n_points, "too_large");
        otlp_note(otlp, FACT_REFUSED, "%u points are larger than a request may be (64 MiB): dropped",
                  collection->n_points);
    } else if (!flight_spool_encoded(otlp, &otlp->plain, collection->n_points)) {
        queue_encoded(otlp, &otlp->plain, collection->n_points);
    }
    pump_soon(otlp);
}

void otlp_add_log(struct otlp *otlp, const struct log_record *record)
{
    otlp->counts.added++;
    if (encode_logs(&record, 1, REQUEST_MAX_BYTES, &otlp->plain) != 0) {
        otlp->counts.rejected++;
        otlp_count_lost(otlp, 1, "too_large");
        otlp_note(otlp, FACT_REFUSED, "a record is larger than a request may be (64 MiB): dropped");
    } else if (!flight_spool_encoded(otlp, &otlp->plain, 1)) {
        queue_encoded(otlp, &otlp->plain, 1);
    }
    pump_soon(otlp);
}

bool otlp_checkpoint_metrics(struct otlp *otlp, const struct metric_collection *collection)
{
    if (!otlp->spool)
        return false;
    if (!collection->n_points)
        return spool_set_checkpoint(otlp->spool, NULL, 0) == 0;
    return encode_metrics(collection, REQUEST_MAX_BYTES, &otlp->plain) == 0 &&
           spool_set_checkpoint(otlp->spool, &otlp->plain, collection->n_points) == 0;
}

bool otlp_is_busy(const struct otlp *otlp)
{
    return !otlp->is_down && (batcher_has_queued(&otlp->batcher) || otlp->flight.state != FLIGHT_NONE);
}

/* Where nothing can be written, the oldest in memory make room: without them the host's pool would fill for good. */
void otlp_relieve(struct otlp *otlp)
{
    batcher_close(&otlp->batcher);
    loop_timer_stop(otlp->schedule_timer);
    otlp->is_due = false;
    pump_soon(otlp); /* where nothing is under way nobody else would look at the spool again */
    if (flight_spool_queued(otlp))
        return;
    while (!batcher_has_room(&otlp->batcher)) {
        struct batch *batch = batcher_take(&otlp->batcher);
        if (!batch)
            return;
        otlp->n_lost_in_memory += batch->n_spans;
        otlp_count_lost(otlp, batch->n_spans, "queue_full");
        otlp_note(otlp, FACT_LOST, "the queue is full and the spool cannot be written: %u %s dropped",
                  batch->n_spans, otlp->noun);
        flight_finish_batch(otlp, batch);
    }
}

void otlp_flush(struct otlp *otlp)
{
    loop_timer_stop(otlp->schedule_timer);
    on_schedule(otlp);
}

bool otlp_is_idle(const struct otlp *otlp)
{
    return otlp->flight.state == FLIGHT_NONE && !batcher_has_queued(&otlp->batcher) &&
           (!otlp->batcher.filling ||
            (!otlp->batcher.filling->n_spans && !otlp->batcher.filling->n_receipts)) &&
           !has_spooled(otlp);
}

void otlp_spool_all(struct otlp *otlp)
{
    loop_timer_stop(otlp->schedule_timer);
    loop_timer_stop(otlp->retry_timer);
    loop_timer_stop(otlp->pump_timer);
    otlp->is_pump_due = false;
    batcher_close(&otlp->batcher);
    flight_spool_queued(otlp); /* what could not be spooled stays unacknowledged in the mapped files */
    sender_cancel(otlp->sender);
    if (!otlp->flight.batch)
        otlp->flight = (struct flight){0};
}

void otlp_get_counts(const struct otlp *otlp, struct otlp_counts *ret_counts)
{
    *ret_counts = otlp->counts;
    ret_counts->queued = otlp->batcher.n_spans;
    ret_counts->n_in_flight = otlp->flight.state != FLIGHT_NONE ? otlp->flight.n_spans : 0;
    ret_counts->is_down = otlp->is_down;
    ret_counts->is_waiting = otlp->flight.state == FLIGHT_WAITING;
    ret_counts->dropped_spool = otlp->n_lost_in_memory;
    if (otlp->spool) {
        struct spool_counts counts = spool_get_counts(otlp->spool);
        ret_counts->dropped_spool += counts.n_lost_spans;
        ret_counts->spooled_batches = counts.n_batches;
        ret_counts->spooled_bytes = counts.n_bytes;
        ret_counts->has_checkpoint = counts.has_checkpoint;
    }
}

const char *otlp_url(const struct otlp *otlp)
{
    return otlp->url;
}

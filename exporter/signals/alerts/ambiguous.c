/*
 * ambiguous: a request that may or may not have happened: one that changes something each time it is made (POST, PATCH; PUT and DELETE
 * do no harm when they are made again), that was sent whole, and whose answer never came. Whoever sends it again may have bought twice.
 *
 * Sent whole: libcurl had a connection for it (HTTP_UPLOADED_BYTES is recorded only then) and gave all the bytes to it that it had announced;
 * of a body of unknown length nobody can say so: it counts as whole. What a dying program had under way counts, too: nobody can know.
 */
#include "signals/alerts/judge_priv.h"

#include "signals/crash/redact.h"
#include <string.h>
#include <time.h>

#define BODY_SHOWN_BYTES 200u

static bool changes_something(const struct trial *trial)
{
    const struct raw_fact *method = raw_span_find(trial->raw, WIRE_HTTP_REQUEST_METHOD);
    if (!method || !method->bytes)
        return false;
    return (method->n_bytes == 4 && memcmp(method->bytes, "POST", 4) == 0) ||
           (method->n_bytes == 5 && memcmp(method->bytes, "PATCH", 5) == 0);
}

bool ambiguous_is(const struct trial *trial)
{
    int64_t sent = judge_number(trial, WIRE_HTTP_UPLOADED_BYTES, -1);
    int64_t announced = judge_number(trial, WIRE_HTTP_ANNOUNCED_BYTES, -1);
    if (trial->status >= 200 || !changes_something(trial))
        return false;
    if (trial->raw->kind == RAW_IN_FLIGHT)
        return true;
    return sent >= 0 && sent >= announced;
}

/* ---- what identifies it ---- */

/* Headers by which a server, or its support, finds the request again. */
static bool is_identity(const char *name)
{
    static const char *const parts[] = {"idempot",   "request-id",     "order-id",
                                        "client-id", "correlation-id", "nonce"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

static void add_identity(const struct trial *trial, struct alert *alert)
{
    static const char prefix[] = "http.request.header.";
    const struct attributes *list = &trial->span->attributes;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct attribute *item = &list->items[i];
        if (item->type == ATTRIBUTE_STRINGS && strncmp(item->key, prefix, sizeof(prefix) - 1) == 0 &&
            is_identity(item->key + sizeof(prefix) - 1) && item->value.strings.n_items)
            judge_add(trial, alert, item->key + sizeof(prefix) - 1, item->value.strings.items[0].bytes);
    }
}

/* Where OTELSHIM_BODY_BYTES recorded it; without what looks like a secret. */
static const char *print_body(const struct trial *trial)
{
    const struct raw_fact *body = raw_span_find(trial->raw, WIRE_HTTP_REQUEST_BODY);
    if (!body || !body->bytes || !body->n_bytes)
        return NULL;
    size_t shown = body->n_bytes < BODY_SHOWN_BYTES ? body->n_bytes : BODY_SHOWN_BYTES;
    const char *text = redact_message(trial->arena, text_repaired(trial->arena, body->bytes, shown).bytes);
    return shown < body->n_bytes || body->is_cut ? arena_printf(trial->arena, "%s…", text) : text;
}

/* When it went out: as soon as there was a connection for it. */
static const char *print_sent_at(const struct trial *trial)
{
    uint64_t at = trial->span->start_unix_ns;
    for (uint32_t i = 0; i < trial->span->n_events; i++)
        if (strcmp(trial->span->events[i].name, "otelshim.http.request.start") == 0)
            at = trial->span->events[i].time_unix_ns;
    time_t seconds = (time_t)(at / 1000000000u);
    struct tm local;
    char text[32] = "", zone[16] = "";
    if (!localtime_r(&seconds, &local))
        return NULL;
    (void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
    (void)strftime(zone, sizeof(zone), "%Z", &local);
    return arena_printf(trial->arena, "%s.%03u %s", text, (unsigned)(at / 1000000u % 1000u), zone);
}

/* ---- the alert ---- */

static const char *print_why(const struct trial *trial)
{
    const char *took = judge_print_duration(trial->arena, judge_duration_ns(trial));
    if (trial->raw->kind == RAW_IN_FLIGHT)
        return arena_printf(trial->arena,
                            judge_is_korean(trial) ? "%s 뒤 프로그램 종료" : "the program ended after %s",
                            took);
    if (trial->raw->outcome == WIRE_ABANDONED || !trial->error.name)
        return arena_printf(trial->arena, judge_is_korean(trial) ? "%s 뒤 중단됨" : "given up after %s",
                            took);
    return arena_printf(trial->arena, judge_is_korean(trial) ? "%2$s 뒤 %1$s" : "%s after %s",
                        trial->error.name, took);
}

void ambiguous_describe(const struct trial *trial, struct alert *alert)
{
    struct arena *arena = trial->arena;
    bool is_certain = trial->raw->kind != RAW_IN_FLIGHT;
    int64_t sent = judge_number(trial, WIRE_HTTP_UPLOADED_BYTES, -1);
    alert->type = judge_is_korean(trial) ? "처리 여부 불명" : "AmbiguousRequest";
    alert->message =
        judge_is_korean(trial)
            ? arena_printf(arena,
                           "%s: %s 응답을 받지 못했습니다 (%s). 처리되었을 수도, 아닐 수도 있습니다: "
                           "재시도하기 전에 확인하세요.",
                           trial->target, is_certain ? "전송되었으나" : "전송 중이었을 수 있으며",
                           print_why(trial))
            : arena_printf(arena,
                           "%s %s and its answer never came (%s): it may or may not have happened: check "
                           "before retrying",
                           trial->target, is_certain ? "was sent" : "was under way", print_why(trial));
    judge_add(trial, alert, "method", judge_text(trial, "http.request.method"));
    judge_add(trial, alert, "url", judge_url(trial));
    judge_add(trial, alert, "body_size",
              sent >= 0 ? arena_printf(arena, "%lld bytes", (long long)sent) : NULL);
    judge_add(trial, alert, "body", print_body(trial));
    add_identity(trial, alert);
    judge_add(trial, alert, "sent_at", print_sent_at(trial));
    judge_add(trial, alert, "error", trial->error.name);
    if (judge_number(trial, WIRE_HTTP_TIMEOUT_MS, 0) > 0)
        judge_add(
            trial, alert, "timeout",
            judge_print_duration(arena, (uint64_t)judge_number(trial, WIRE_HTTP_TIMEOUT_MS, 0) * 1000000u));
    judge_add(trial, alert, "failed_in_a_row",
              trial->in_a_row > 1 ? arena_printf(arena, "%u", trial->in_a_row) : NULL);
    alert->phases = judge_http_phases(trial);
}

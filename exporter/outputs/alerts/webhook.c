/*
 * webhook: the destination: one POST of JSON per alert to a URL.
 *
 * The URL is a secret (Slack's and Discord's are nothing else): of it only the host is ever shown.
 */
#include "outputs/alerts/destination.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/sha256.h"
#include "outputs/alerts/pace.h"
#include "outputs/alerts/webhook_body.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000u
#define NO_ACCOUNT_MS 60000u
#define DEFAULT_RETRY_MS 1000u
#define MAX_RETRY_S 3600

struct webhook_sending {
    struct http_call *call;
    struct loop_timer *timer; /* of an answer that needs no request */
    struct target target;
    char *body;
    char host[80];
    sent_fn done;
    void *context;
};

static uint64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static uint32_t list_targets(const struct settings *settings, enum alert_class class,
                             struct target *ret_targets, uint32_t max)
{
    (void)class;
    const char *url = settings->alerts.webhook_url;
    if (!url || !max)
        return 0;
    *ret_targets = (struct target){.kind = &webhook_destination};
    sha256_print(url, strlen(url), ret_targets->address, 16);
    sha256_print(url, strlen(url), ret_targets->account, 16);
    return 1;
}

/* One a second, three at once, suits Slack (1/s) and Discord (5 in 2 s). */
static uint64_t wait_ms(const struct target *target, uint64_t at_ms)
{
    return pace_wait_ms(target->account, target->address, false, at_ms);
}

static bool has_account(const struct settings *settings, const struct target *target)
{
    struct target own;
    return list_targets(settings, ALERT_ERROR, &own, 1) == 1 && strcmp(own.account, target->account) == 0;
}

/* Without user, port and path. */
static void copy_host(const char *url, char *ret_host, size_t max_bytes)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', n);
    if (at) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    if (*host != '[')
        n = strcspn(host, ":/?#") < n ? strcspn(host, ":/?#") : n;
    snprintf(ret_host, max_bytes, "%.*s", (int)n, host);
}

/* ---- what came of it ---- */

static uint64_t retry_of(const struct http_result *result)
{
    if (result->retry_after_ms > 0)
        return (uint64_t)result->retry_after_ms;
    json_t *root = json_read(result->body, result->body_bytes, HTTP_MAX_RESPONSE_BYTES);
    double seconds = json_number_value(json_object_get(root, "retry_after")); /* Discord: 0.65 */
    json_decref(root);
    return seconds > 0 && seconds < MAX_RETRY_S ? (uint64_t)(seconds * 1000) + 1 : DEFAULT_RETRY_MS;
}

static void judge_trouble(const struct webhook_sending *sending, const struct http_result *result,
                          struct sent *sent)
{
    sent->outcome = SENT_RETRY;
    sent->retry_ms = pace_fail(sending->target.account, now_ms());
    sent->is_unsure = result->was_sent && (!result->status || result->status == 504);
    if (result->retry_after_ms > (int64_t)sent->retry_ms) {
        sent->retry_ms = (uint64_t)result->retry_after_ms;
        pace_pause(sending->target.account, sent->retry_ms, now_ms());
    }
    if (result->status)
        snprintf(sent->problem, sizeof(sent->problem), "webhook %s: HTTP %d (it is tried again)",
                 sending->host, result->status);
    else
        snprintf(sent->problem, sizeof(sent->problem), "webhook %s: %.150s (it is tried again)",
                 sending->host, result->error);
}

static void judge_refusal(const struct webhook_sending *sending, const struct http_result *result,
                          struct sent *sent)
{
    int status = result->status;
    const char *remedy = "this message was refused; OTELSHIM_WEBHOOK_FORMAT must be what the server expects";
    sent->outcome = SENT_BAD;
    if (!status || status < 400) {
        sent->outcome = SENT_REFUSED;
        remedy = status ? "it leads elsewhere: OTELSHIM_WEBHOOK_URL must be that address itself"
                        : "OTELSHIM_WEBHOOK_URL must be an http:// or https:// URL";
    } else if (status == 401 || status == 403 || status == 404 || status == 410) {
        sent->outcome = SENT_REFUSED;
        remedy = "the webhook is gone, or its secret is wrong: make a new one for OTELSHIM_WEBHOOK_URL";
    }
    if (status)
        snprintf(sent->problem, sizeof(sent->problem), "webhook %s: HTTP %d (%s)", sending->host, status,
                 remedy);
    else
        snprintf(sent->problem, sizeof(sent->problem), "webhook: %s", remedy);
}

static void judge(const struct webhook_sending *sending, const struct http_result *result, struct sent *sent)
{
    bool is_answered = result->outcome == HTTP_ANSWERED || result->outcome == HTTP_TOO_BIG;
    int status = result->status;
    if (is_answered && status >= 200 && status < 300) {
        pace_recover(sending->target.account);
        *sent = (struct sent){.outcome = SENT, .n_parts_sent = 1};
    } else if (is_answered && status == 429) {
        sent->outcome = SENT_RETRY;
        sent->retry_ms = retry_of(result);
        pace_pause(sending->target.account, sent->retry_ms, now_ms());
        snprintf(sent->problem, sizeof(sent->problem), "webhook %s: too many messages", sending->host);
    } else if (result->outcome == HTTP_REFUSED) {
        judge_refusal(sending, result, sent);
    } else if (!is_answered || status >= 500 || status == 408 || status == 425) {
        judge_trouble(sending, result, sent);
    } else {
        pace_recover(sending->target.account);
        judge_refusal(sending, result, sent);
    }
}

static void free_sending(struct webhook_sending *sending)
{
    loop_timer_destroy(sending->timer);
    free(sending->body);
    free(sending);
}

static void finished(void *context, const struct http_result *result)
{
    struct webhook_sending *sending = context;
    struct sent sent = {.outcome = SENT};
    judge(sending, result, &sent);
    sending->done(sending->context, &sent);
    free_sending(sending);
}

/* ---- sending ---- */

static void timer_fired(void *context)
{
    struct webhook_sending *sending = context;
    sending->done(sending->context, &(struct sent){.outcome = SENT_RETRY, .retry_ms = NO_ACCOUNT_MS});
    free_sending(sending);
}

static void *send_alert(struct http_client *client, const struct settings *settings,
                        const struct target *target, const struct outgoing *outgoing, sent_fn done,
                        void *context)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct webhook_sending *sending = calloc(1, sizeof(*sending));
    if (!sending)
        abort();
    sending->target = *target;
    sending->done = done;
    sending->context = context;
    if (!has_account(settings, target)) {
        sending->timer = loop_timer_create(http_client_loop(client), timer_fired, sending);
        loop_timer_start(sending->timer, 0);
        return sending;
    }
    copy_host(settings->alerts.webhook_url, sending->host, sizeof(sending->host));
    sending->body = webhook_body_make(settings->alerts.webhook_format, outgoing);
    struct http_request request = {.url = settings->alerts.webhook_url,
                                   .headers = headers,
                                   .body = sending->body,
                                   .body_bytes = strlen(sending->body),
                                   .timeout_ms = TIMEOUT_MS,
                                   .user_agent = "otelshim/" OTELSHIM_VERSION,
                                   .is_once = true};
    pace_take(target->account, target->address, false, now_ms());
    sending->call = http_post(client, &request, finished, sending);
    return sending;
}

static void cancel(void *call)
{
    struct webhook_sending *sending = call;
    http_call_cancel(sending->call);
    free_sending(sending);
}

const struct destination_kind webhook_destination = {
    .name = "webhook", .list = list_targets, .wait_ms = wait_ms, .send = send_alert, .cancel = cancel};

/*
 * telegram: the destination: chats of a bot.
 *
 * One send() is one message or document. What comes back decides: flood and network wait (pace.c), markup that is refused is sent once more
 * as plain text, a group that became a supergroup is reported as moved; all else is said in one sentence (telegram_answer.c).
 */
#include "outputs/alerts/destination.h"

#include "base/clock.h"
#include "base/sha256.h"
#include "outputs/alerts/pace.h"
#include "outputs/alerts/telegram_answer.h"
#include "outputs/alerts/telegram_api.h"
#include "outputs/alerts/telegram_text.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_MESSAGES 3u /* of one text; a longer one is its beginning and a document */
#define MAX_DOCUMENT_BYTES (50 << 20)
#define CAPTION_UNITS 200u
#define NO_ACCOUNT_MS 60000u /* nobody has its token now: another program may come */

/* How the part goes out. Each is tried once. */
enum form { AS_HTML, AS_HTML_WITHOUT_TIME, AS_PLAIN };

/* What a text is sent as: messages, then the rest of it as a document, then the report. */
struct plan {
    struct telegram_text text;
    uint32_t n_messages;
    bool has_overflow, has_report;
    uint32_t n_parts;
};

struct telegram_sending {
    struct http_client *client;
    struct arena arena;
    struct alert_settings settings; /* of these the token and the way there, copied */
    struct target target;
    struct telegram_message message;
    const char *html_without_time, *plain;
    uint32_t part, n_parts;
    enum form form;
    struct telegram_request *request;
    struct loop_timer *timer; /* of an answer that needs no request */
    struct sent early;
    sent_fn done;
    void *context;
};

/* Set by what a server answered, and kept for all: it does not know <tg-time>. */
static bool has_no_time_tag;

static uint64_t now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* ---- targets ---- */

static uint32_t list_targets(const struct settings *settings, enum alert_class class,
                             struct target *ret_targets, uint32_t max)
{
    const struct alert_settings *alerts = &settings->alerts;
    bool is_trade = class == ALERT_TRADE || class == ALERT_INFO;
    const struct text_list *chats = is_trade ? &alerts->trade_chats : &alerts->error_chats;
    uint32_t n = 0;
    for (uint32_t i = 0; alerts->telegram_token && i < chats->n && n < max; i++) {
        struct target *target = &ret_targets[n];
        *target = (struct target){.kind = &telegram_destination};
        int bytes = snprintf(target->address, sizeof(target->address), "%s", chats->items[i]);
        sha256_print(alerts->telegram_token, strlen(alerts->telegram_token), target->account, 16);
        n += bytes > 0 && (size_t)bytes < sizeof(target->address);
    }
    return n;
}

/* The chat without its topic: limits are the chat's. */
static void chat_of(const struct target *target, char *ret_chat, size_t max_bytes)
{
    snprintf(ret_chat, max_bytes, "%.*s", (int)strcspn(target->address, "/"), target->address);
}

/* Ids of groups and channels are negative; a @name is one of those. */
static bool is_group(const struct target *target)
{
    return target->address[0] == '-' || target->address[0] == '@';
}

static uint64_t wait_ms(const struct target *target, uint64_t at_ms)
{
    char chat[sizeof(target->address)];
    chat_of(target, chat, sizeof(chat));
    return pace_wait_ms(target->account, chat, is_group(target), at_ms);
}

/* ---- what is sent ---- */

static bool is_sendable(const char *path)
{
    struct stat status;
    return path && stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
           status.st_size <= MAX_DOCUMENT_BYTES;
}

static void make_plan(struct plan *plan, const struct outgoing *outgoing, struct arena *arena)
{
    *plan = (struct plan){.n_messages = 1};
    telegram_text_make(&plan->text, outgoing->text, !has_no_time_tag, arena);
    if (!outgoing->edits) {
        plan->has_overflow = plan->text.n_parts > MAX_MESSAGES;
        plan->n_messages = plan->has_overflow ? 1 : plan->text.n_parts;
        plan->has_report = is_sendable(outgoing->document);
    }
    plan->n_parts = plan->n_messages + plan->has_overflow + plan->has_report;
}

static const char *copy(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

static void copy_settings(struct telegram_sending *sending, const struct alert_settings *settings)
{
    sending->settings = (struct alert_settings){
        .telegram_token = copy(&sending->arena, settings->telegram_token),
        .telegram_api_url = copy(&sending->arena, settings->telegram_api_url),
        .telegram_proxy = copy(&sending->arena, settings->telegram_proxy),
        .telegram_certificate = copy(&sending->arena, settings->telegram_certificate),
    };
}

static void free_sending(struct telegram_sending *sending)
{
    loop_timer_destroy(sending->timer);
    arena_fini(&sending->arena);
    free(sending);
}

/* ---- what came of it ---- */

static void finish(struct telegram_sending *sending, const struct sent *sent)
{
    sending->done(sending->context, sent);
    free_sending(sending);
}

static void finish_part(struct telegram_sending *sending, struct sent *sent)
{
    sent->n_parts_sent = sending->part + 1;
    sent->outcome = sent->n_parts_sent < sending->n_parts ? SENT_PART : SENT;
    finish(sending, sent);
}

static enum sent_outcome outcome_of(enum telegram_meaning meaning)
{
    switch (meaning) {
    case TELEGRAM_CHAT:
        return SENT_DEAD;
    case TELEGRAM_TOKEN:
        return SENT_REFUSED;
    case TELEGRAM_FLOOD:
    case TELEGRAM_UNREACHABLE:
    case TELEGRAM_MIGRATED:
        return SENT_RETRY;
    case TELEGRAM_OK:
    case TELEGRAM_NOT_MODIFIED:
    case TELEGRAM_CONFLICT:
    case TELEGRAM_MARKUP:
    case TELEGRAM_GONE:
    case TELEGRAM_BAD:
        break;
    }
    return SENT_BAD;
}

static void post_message(struct telegram_sending *sending);

/* Once without the tag that older servers do not have, once without any. */
static bool try_simpler(struct telegram_sending *sending, const struct telegram_answer *answer)
{
    if (sending->form == AS_HTML && sending->html_without_time &&
        strcasestr(answer->description, "tg-time")) {
        has_no_time_tag = true;
        sending->form = AS_HTML_WITHOUT_TIME;
        sending->message.text = sending->html_without_time;
    } else if (sending->form != AS_PLAIN && sending->plain) {
        sending->form = AS_PLAIN;
        sending->message.is_html = false;
        sending->message.text = sending->plain;
    } else {
        return false;
    }
    post_message(sending);
    return true;
}

/* "-100…/7" of a topic stays one: topics move with their group. */
static void set_moved(const struct target *target, const char *chat, struct sent *sent)
{
    const char *topic = strchr(target->address, '/');
    snprintf(sent->address, sizeof(sent->address), "%s%s", chat, topic ? topic : "");
}

static void take_answer(void *context, const struct http_result *result)
{
    struct telegram_sending *sending = context;
    struct telegram_answer answer;
    struct sent sent = {.n_parts_sent = sending->part};
    sending->request = NULL;
    telegram_answer_parse(&answer, result);
    if (answer.meaning != TELEGRAM_UNREACHABLE)
        pace_recover(sending->target.account);
    if (answer.meaning == TELEGRAM_OK && sending->part == 0)
        memcpy(sent.message_id, answer.message_id, sizeof(answer.message_id));
    if (answer.meaning == TELEGRAM_OK || answer.meaning == TELEGRAM_NOT_MODIFIED) {
        finish_part(sending, &sent);
        return;
    }
    if (answer.meaning == TELEGRAM_MARKUP && try_simpler(sending, &answer))
        return;
    sent.outcome = outcome_of(answer.meaning);
    telegram_answer_explain(&answer, sending->target.address, sent.problem, sizeof(sent.problem));
    if (answer.meaning == TELEGRAM_FLOOD) {
        pace_pause(sending->target.account, answer.retry_ms, now_ms());
        sent.retry_ms = answer.retry_ms;
    } else if (answer.meaning == TELEGRAM_UNREACHABLE) {
        sent.retry_ms = pace_fail(sending->target.account, now_ms());
        sent.is_unsure = result->was_sent && (!result->status || result->status == 504);
    } else if (answer.meaning == TELEGRAM_MIGRATED) {
        set_moved(&sending->target, answer.migrated_to, &sent);
    }
    if (sent.outcome == SENT_BAD && sending->part > 0) /* what counts is out: the alert was told */
        finish_part(sending, &sent);
    else
        finish(sending, &sent);
}

static void take_document_answer(void *context, const struct http_result *result)
{
    struct telegram_sending *sending = context;
    if (result->outcome != HTTP_REFUSED) {
        take_answer(context, result);
        return;
    }
    struct sent sent = {
        .problem = "the report could not be read: it was not attached"}; /* it was removed just now */
    finish_part(sending, &sent);
}

/* ---- sending ---- */

static void post_message(struct telegram_sending *sending)
{
    sending->request =
        telegram_send_message(sending->client, &sending->settings, &sending->message, take_answer, sending);
    assert(sending->request);
}

static void send_message(struct telegram_sending *sending, const struct plan *plan,
                         const struct outgoing *outgoing)
{
    const struct telegram_part *part = &plan->text.parts[sending->part];
    sending->plain = part->plain;
    if (part->has_time_tag) {
        struct telegram_text without;
        telegram_text_make(&without, outgoing->text, false, &sending->arena);
        sending->html_without_time = without.parts[sending->part].html;
    }
    sending->form = AS_HTML;
    sending->message.text = part->html;
    sending->message.is_html = true;
    sending->message.is_silent = outgoing->is_silent || sending->part > 0; /* it rings once */
    sending->message.edits = copy(&sending->arena, outgoing->edits);
    sending->message.replies_to = copy(&sending->arena, outgoing->replies_to);
    post_message(sending);
}

static void send_document(struct telegram_sending *sending, const struct plan *plan,
                          const struct outgoing *outgoing)
{
    bool is_overflow = plan->has_overflow && sending->part == plan->n_messages;
    const char *slash = is_overflow ? NULL : strrchr(outgoing->document, '/');
    struct telegram_document document = {.file_name = "message.txt"};
    if (is_overflow) {
        document.text = rich_print_plain(outgoing->text, &sending->arena);
    } else {
        document.path = outgoing->document;
        document.file_name = slash ? slash + 1 : outgoing->document;
    }
    sending->form = AS_PLAIN;
    sending->message.text = telegram_text_title(outgoing->text, CAPTION_UNITS, &sending->arena);
    sending->message.is_silent = true;
    sending->request = telegram_send_document(sending->client, &sending->settings, &sending->message,
                                              &document, take_document_answer, sending);
    assert(sending->request);
}

static void timer_fired(void *context)
{
    struct telegram_sending *sending = context;
    finish(sending, &sending->early);
}

/* Nothing is to be asked of the server; the answer comes later all the same. */
static void finish_later(struct telegram_sending *sending, enum sent_outcome outcome, uint64_t retry_ms)
{
    sending->early = (struct sent){.outcome = outcome, .retry_ms = retry_ms, .n_parts_sent = sending->part};
    sending->timer = loop_timer_create(http_client_loop(sending->client), timer_fired, sending);
    loop_timer_start(sending->timer, 0);
}

static bool has_account(const struct settings *settings, const struct target *target)
{
    char account[sizeof(target->account)];
    const char *token = settings->alerts.telegram_token;
    if (!token)
        return false;
    sha256_print(token, strlen(token), account, 16);
    return strcmp(account, target->account) == 0;
}

static void *send_part(struct http_client *client, const struct settings *settings,
                       const struct target *target, const struct outgoing *outgoing, sent_fn done,
                       void *context)
{
    struct telegram_sending *sending = calloc(1, sizeof(*sending));
    struct plan plan;
    char chat[sizeof(target->address)];
    if (!sending)
        abort();
    sending->client = client;
    sending->target = *target;
    sending->done = done;
    sending->context = context;
    sending->part = outgoing->n_parts_sent;
    if (!has_account(settings, target)) {
        finish_later(sending, SENT_RETRY, NO_ACCOUNT_MS);
        return sending;
    }
    copy_settings(sending, &settings->alerts);
    sending->message.chat = sending->target.address;
    make_plan(&plan, outgoing, &sending->arena);
    sending->n_parts = plan.n_parts;
    if (sending->part >= plan.n_parts) { /* the report is not there any more */
        finish_later(sending, SENT, 0);
        return sending;
    }
    chat_of(target, chat, sizeof(chat));
    pace_take(target->account, chat, is_group(target), now_ms());
    if (sending->part < plan.n_messages)
        send_message(sending, &plan, outgoing);
    else
        send_document(sending, &plan, outgoing);
    return sending;
}

static void cancel(void *call)
{
    struct telegram_sending *sending = call;
    telegram_request_cancel(sending->request);
    free_sending(sending);
}

const struct destination_kind telegram_destination = {
    .name = "telegram", .list = list_targets, .wait_ms = wait_ms, .send = send_part, .cancel = cancel};

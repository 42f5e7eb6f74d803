/*
 * fake_destination: the queue's destination in unit tests: chats that answer as they are told, and remember what they were sent.
 *
 * A chat's address is what OTELSHIM_TELEGRAM_CHATS names, the account is the token.
 */
#ifndef OTELSHIM_FAKE_DESTINATION_H
#define OTELSHIM_FAKE_DESTINATION_H

#include "outputs/alerts/destination.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_MAX 4096u

struct fake_message {
    char address[96], text[2048], id[32], edits[32], replies_to[32];
    enum alert_class class;
    bool is_silent, is_late, is_repetition;
};

static struct fake {
    struct loop *loop;
    struct fake_message *messages; /* FAKE_MAX, as they were taken */
    uint32_t n, n_edits, n_attempts;
    /* what is answered, in this order, before SENT again; by address where it has one */
    struct sent script[64];
    char script_address[64][96];
    uint32_t n_script;
    bool is_down; /* everything: SENT_RETRY */
    uint64_t wait_ms;
    uint64_t answer_after_ms;
    void (*taken)(
        const struct fake_message
            *message); /* the server has it: when it is sent, before the answer; NULL: nobody looks */
} fake;

struct fake_call {
    struct loop_timer *timer;
    sent_fn done;
    void *context;
    struct fake_message message;
};

static void fake_text(char *ret_text, size_t max_bytes, const struct rich_text *text)
{
    struct arena arena = {.first = NULL};
    snprintf(ret_text, max_bytes, "%s", rich_print_plain(text, &arena));
    arena_fini(&arena);
}

static struct sent fake_answer(const struct fake_message *message)
{
    struct sent sent = {.outcome = SENT};
    if (fake.is_down)
        return (struct sent){.outcome = SENT_RETRY, .problem = "down"};
    for (uint32_t i = 0; i < fake.n_script; i++) {
        if (fake.script_address[i][0] && strcmp(fake.script_address[i], message->address) != 0)
            continue;
        sent = fake.script[i];
        fake.n_script--;
        memmove(&fake.script[i], &fake.script[i + 1], (fake.n_script - i) * sizeof(sent));
        memmove(&fake.script_address[i], &fake.script_address[i + 1],
                (fake.n_script - i) * sizeof(fake.script_address[0]));
        return sent;
    }
    return sent;
}

static void fake_done(void *context)
{
    struct fake_call *call = context;
    struct sent sent = fake_answer(&call->message);
    fake.n_attempts++;
    if (sent.outcome == SENT && fake.n < FAKE_MAX) {
        struct fake_message *message = &fake.messages[fake.n++];
        *message = call->message;
        snprintf(message->id, sizeof(message->id), "%u", fake.n);
        fake.n_edits += message->edits[0] != 0;
        memcpy(sent.message_id, message->id, sizeof(sent.message_id));
    }
    call->done(call->context, &sent);
    loop_timer_destroy(call->timer);
    free(call);
}

static void *fake_send(struct http_client *client, const struct settings *settings,
                       const struct target *target, const struct outgoing *outgoing, sent_fn done,
                       void *context)
{
    struct fake_call *call = calloc(1, sizeof(*call));
    (void)client;
    if (!call || !settings->alerts.telegram_token)
        abort();
    call->done = done;
    call->context = context;
    struct fake_message *message = &call->message;
    memcpy(message->address, target->address, sizeof(message->address));
    fake_text(message->text, sizeof(message->text), outgoing->text);
    snprintf(message->edits, sizeof(message->edits), "%s", outgoing->edits ? outgoing->edits : "");
    snprintf(message->replies_to, sizeof(message->replies_to), "%s",
             outgoing->replies_to ? outgoing->replies_to : "");
    message->is_silent = outgoing->is_silent;
    if (outgoing->alert) {
        message->class = outgoing->alert->class;
        message->is_late = outgoing->alert->is_late;
        message->is_repetition = outgoing->alert->is_repetition;
    }
    if (fake.taken && !fake.is_down)
        fake.taken(message);
    call->timer = loop_timer_create(fake.loop, fake_done, call);
    loop_timer_start(call->timer, fake.answer_after_ms);
    return call;
}

static void fake_cancel(void *context)
{
    struct fake_call *call = context;
    loop_timer_destroy(call->timer);
    free(call);
}

static uint32_t fake_list(const struct settings *settings, enum alert_class class, struct target *ret_targets,
                          uint32_t max);
static uint64_t fake_wait(const struct target *target, uint64_t now_ms)
{
    (void)target;
    (void)now_ms;
    return fake.wait_ms;
}

static const struct destination_kind fake_kind = {
    .name = "fake", .list = fake_list, .wait_ms = fake_wait, .send = fake_send, .cancel = fake_cancel};
const struct destination_kind *const destination_kinds[] = {&fake_kind, NULL};

static uint32_t fake_list(const struct settings *settings, enum alert_class class, struct target *ret_targets,
                          uint32_t max)
{
    bool is_trade = class == ALERT_TRADE || class == ALERT_INFO;
    const struct text_list *chats = is_trade ? &settings->alerts.trade_chats : &settings->alerts.error_chats;
    uint32_t n = 0;
    for (; settings->alerts.telegram_token && n < chats->n && n < max; n++) {
        ret_targets[n] = (struct target){.kind = &fake_kind};
        snprintf(ret_targets[n].address, sizeof(ret_targets[n].address), "%s", chats->items[n]);
        snprintf(ret_targets[n].account, sizeof(ret_targets[n].account), "%.16s",
                 settings->alerts.telegram_token);
    }
    return n;
}

static void fake_init(struct loop *loop)
{
    struct fake_message *messages = fake.messages ? fake.messages : calloc(FAKE_MAX, sizeof(*messages));
    if (!messages)
        abort();
    fake = (struct fake){.loop = loop, .messages = messages, .answer_after_ms = 1};
}

/* The next message to `address` (NULL: any) is answered so. */
__attribute__((unused)) static void fake_say(const char *address, struct sent sent)
{
    snprintf(fake.script_address[fake.n_script], sizeof(fake.script_address[0]), "%s",
             address ? address : "");
    fake.script[fake.n_script++] = sent;
}

#endif

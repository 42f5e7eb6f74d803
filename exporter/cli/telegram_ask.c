/* telegram_ask: see telegram_ask.h. */
#include "cli/telegram_ask.h"

#include "base/json.h"
#include "outputs/alerts/telegram_answer.h"
#include "outputs/alerts/telegram_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_CHATS 100u
#define MAX_PROBLEM_BYTES 300u

struct asking {
    struct loop *loop;
    struct arena *arena;
    enum telegram_question question;
    const char *chat;
    struct telegram_known *known;
};

static const char *text_or(struct arena *arena, const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_copy_text(arena, object, key);
    return text && *text ? text : otherwise;
}

/* A chat has a title, a person a name. */
static struct telegram_chat read_chat(struct arena *arena, const json_t *chat)
{
    const char *user = text_or(arena, chat, "username", NULL);
    struct telegram_chat known = {.id = arena_printf(arena, "%" PRId64, json_get_integer(chat, "id")),
                                  .kind = text_or(arena, chat, "type", ""),
                                  .topic = ""};
    known.title = text_or(arena, chat, "title", NULL);
    if (!known.title)
        known.title = text_or(arena, chat, "first_name", "");
    if (user)
        known.title = arena_printf(arena, "%s%s@%s", known.title, *known.title ? " " : "", user);
    return known;
}

static void add_chat(struct telegram_known *known, const struct telegram_chat *chat)
{
    for (uint32_t i = 0; i < known->n_chats; i++)
        if (strcmp(known->chats[i].id, chat->id) == 0 && strcmp(known->chats[i].topic, chat->topic) == 0)
            return;
    if (known->n_chats < MAX_CHATS)
        known->chats[known->n_chats++] = *chat;
}

/* Messages, posts of channels, and that the bot was added somewhere. */
static void read_update(struct asking *asking, const json_t *update)
{
    static const char *const kinds[] = {"message", "edited_message", "channel_post", "edited_channel_post",
                                        "my_chat_member"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const json_t *message = json_object_get(update, kinds[i]), *chat = json_object_get(message, "chat");
        if (!chat)
            continue;
        struct telegram_chat known = read_chat(asking->arena, chat);
        if (json_get_flag(message, "is_topic_message"))
            known.topic =
                arena_printf(asking->arena, "%" PRId64, json_get_integer(message, "message_thread_id"));
        add_chat(asking->known, &known);
    }
}

static void read_result(struct asking *asking, const json_t *result)
{
    struct telegram_known *known = asking->known;
    known->chats = arena_alloc(asking->arena, MAX_CHATS * sizeof(*known->chats));
    if (asking->question == TELEGRAM_WHO) {
        known->bot = read_chat(asking->arena, result);
    } else if (asking->question == TELEGRAM_WHICH_CHAT) {
        struct telegram_chat chat = read_chat(asking->arena, result);
        add_chat(known, &chat);
    } else {
        for (size_t i = 0; i < json_array_size(result); i++)
            read_update(asking, json_array_get(result, i));
    }
}

static void answered(void *context, const struct http_result *result)
{
    struct asking *asking = context;
    struct telegram_answer answer;
    telegram_answer_parse(&answer, result);
    asking->known->is_ok = answer.meaning == TELEGRAM_OK;
    if (asking->known->is_ok) {
        json_t *document = json_read(result->body, result->body_bytes, HTTP_MAX_RESPONSE_BYTES);
        read_result(asking, json_object_get(document, "result"));
        json_decref(document);
    } else {
        char *problem = arena_alloc(asking->arena, MAX_PROBLEM_BYTES);
        telegram_answer_explain(&answer, asking->chat, problem, MAX_PROBLEM_BYTES);
        asking->known->problem = problem;
    }
    loop_stop(asking->loop);
}

/* "-100123/7" is a topic of a chat; "@name" goes as it is. */
static const char *query_of(struct arena *arena, const char *chat)
{
    return arena_printf(arena, "chat_id=%.*s", (int)strcspn(chat, "/"), chat);
}

void telegram_ask(struct arena *arena, const struct settings *settings, enum telegram_question question,
                  const char *chat, struct telegram_known *ret_known)
{
    static const char *const methods[] = {
        [TELEGRAM_WHO] = "getMe", [TELEGRAM_WHICH_CHAT] = "getChat", [TELEGRAM_CHATS] = "getUpdates"};
    *ret_known = (struct telegram_known){.problem = ""};
    struct asking asking = {
        .loop = loop_create(), .arena = arena, .question = question, .chat = chat, .known = ret_known};
    struct http_client *client = http_client_create(asking.loop);
    const char *query = question == TELEGRAM_WHICH_CHAT ? query_of(arena, chat) : NULL;
    telegram_call(client, &settings->alerts, methods[question], query, answered, &asking);
    loop_run(asking.loop);
    http_client_destroy(client);
    loop_destroy(asking.loop);
}

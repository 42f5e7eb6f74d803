/* telegram_answer: see telegram_answer.h. Descriptions are those of the server's source: they are its only way to tell errors apart. */
#include "outputs/alerts/telegram_answer.h"

#include "base/json.h"
#include "base/utf8.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_RETRY_S 86400
#define DEFAULT_RETRY_MS 1000u

/* ---- secrets ---- */

static bool is_token_character(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' ||
           c == ':'; /* ':' of one that follows at once */
}

/*
 * Bytes of a token at `text`: NUMBER:LETTERS, as @BotFather makes them; behind "/bot" whatever follows the number. 0: none begins
 * here.
 */
static size_t token_bytes(const char *text, bool is_in_path)
{
    size_t n = strspn(text, "0123456789"), letters = 0;
    if (is_in_path && n)
        return strcspn(text, "/?#\"' \t\n");
    if (n < 3 || text[n] != ':')
        return 0;
    while (is_token_character(text[n + 1 + letters]))
        letters++;
    return letters >= 10 ? n + 1 + letters : 0;
}

void telegram_redact(char *text)
{
    char *out = text; /* never before `at` */
    bool is_digit = false;
    for (char *at = text; *at;) {
        bool is_in_path = out - text >= 4 && strncasecmp(out - 4, "/bot", 4) == 0;
        size_t n = is_digit ? 0 : token_bytes(at, is_in_path);
        if (n) {
            memset(out, '*', n < 3 ? n : 3);
            out += n < 3 ? n : 3;
            at += n;
            continue;
        }
        is_digit = isdigit((unsigned char)*at);
        *out++ = *at++;
    }
    *out = 0;
}

/* Anybody's bytes as one line of ours: valid UTF-8, no control characters, no token, cut at a character. */
static void set_description(struct telegram_answer *answer, const char *text)
{
    char line[600], repaired[3 * sizeof(line) + 1];
    snprintf(line, sizeof(line), "%s", text);
    telegram_redact(line);
    size_t n = utf8_repair(repaired, line, strlen(line));
    repaired[n] = 0;
    for (char *c = repaired; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    if (n >= sizeof(answer->description)) {
        repaired[sizeof(answer->description) - 1] = 0;
        repaired[utf8_valid_bytes(repaired, sizeof(answer->description) - 1)] = 0;
    }
    memcpy(answer->description, repaired, strlen(repaired) + 1);
}

/* ---- what it means ---- */

struct phrase {
    const char *text; /* somewhere in the description, whatever the case of its letters */
    enum telegram_meaning meaning;
};

/* Of a 400. The first that fits; what none fits is TELEGRAM_BAD. */
static const struct phrase phrases[] = {
    {"can't parse entities", TELEGRAM_MARKUP},
    {"message is not modified", TELEGRAM_NOT_MODIFIED},
    {"message to edit not found", TELEGRAM_GONE},
    {"message can't be edited", TELEGRAM_GONE},
    {"no text in the message to edit", TELEGRAM_GONE},
    {"MESSAGE_ID_INVALID", TELEGRAM_GONE},
    {"thread not found", TELEGRAM_CHAT},
    {"TOPIC_", TELEGRAM_CHAT},
    {"chat not found", TELEGRAM_CHAT},
    {"chat_id is empty", TELEGRAM_CHAT},
    {"not enough rights", TELEGRAM_CHAT},
    {"have no rights", TELEGRAM_CHAT},
    {"need administrator rights", TELEGRAM_CHAT},
    {"CHAT_WRITE_FORBIDDEN", TELEGRAM_CHAT},
    {"CHAT_RESTRICTED", TELEGRAM_CHAT},
    {"PEER_ID_INVALID", TELEGRAM_CHAT},
    {"USER_IS_BLOCKED", TELEGRAM_CHAT},
    {"group is deactivated", TELEGRAM_CHAT},
    {"group chat was upgraded", TELEGRAM_CHAT}, /* and it does not say to what */
};

static enum telegram_meaning meaning_of(int status, const char *description)
{
    switch (status) {
    case 401:
    case 421:
        return TELEGRAM_TOKEN;
    case 403:
        return TELEGRAM_CHAT;
    case 404: /* of a method that it has not, it says more than "Not Found" */
        return strcasestr(description, "method") ? TELEGRAM_BAD : TELEGRAM_TOKEN;
    case 409:
        return TELEGRAM_CONFLICT;
    case 429:
        return TELEGRAM_FLOOD;
    default:
        break;
    }
    if (status >= 500 || status < 400)
        return TELEGRAM_UNREACHABLE;
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (strcasestr(description, phrases[i].text))
            return phrases[i].meaning;
    return TELEGRAM_BAD;
}

static void take_error(struct telegram_answer *answer, const json_t *root, const struct http_result *result)
{
    const json_t *parameters = json_object_get(root, "parameters");
    const char *description = json_get_text(root, "description");
    set_description(answer, description ? description : "an error without a description");
    answer->meaning = meaning_of(answer->status, answer->description);
    if (answer->meaning == TELEGRAM_FLOOD) {
        uint64_t seconds = json_get_number(parameters, "retry_after");
        answer->retry_ms = seconds > 0                  ? seconds * 1000
                           : result->retry_after_ms > 0 ? (uint64_t)result->retry_after_ms
                                                        : DEFAULT_RETRY_MS;
        if (seconds > MAX_RETRY_S)
            answer->retry_ms = MAX_RETRY_S * 1000ull;
    }
    int64_t migrated = json_get_integer(parameters, "migrate_to_chat_id");
    if (answer->status == 400 && migrated) {
        answer->meaning = TELEGRAM_MIGRATED;
        snprintf(answer->migrated_to, sizeof(answer->migrated_to), "%" PRId64, migrated);
    }
}

static void take_answer(struct telegram_answer *answer, const json_t *root, const struct http_result *result)
{
    const json_t *ok = json_object_get(root, "ok");
    int64_t id = json_get_integer(json_object_get(root, "result"), "message_id");
    if (json_is_true(ok) && result->status == 200) {
        answer->meaning = TELEGRAM_OK;
        if (id)
            snprintf(answer->message_id, sizeof(answer->message_id), "%" PRId64, id);
        return;
    }
    if (json_is_false(ok)) {
        take_error(answer, root, result);
        return;
    }
    /* a proxy, a portal, a server that is going down; one in front of it that thinks a document too large */
    answer->meaning = result->status == 413 ? TELEGRAM_BAD : TELEGRAM_UNREACHABLE;
    char text[64];
    snprintf(text, sizeof(text), "HTTP %d, and not the Bot API's JSON", result->status);
    set_description(answer, text);
}

void telegram_answer_parse(struct telegram_answer *ret_answer, const struct http_result *result)
{
    *ret_answer = (struct telegram_answer){.meaning = TELEGRAM_UNREACHABLE, .status = result->status};
    if (result->outcome != HTTP_ANSWERED) {
        set_description(ret_answer, result->error);
        return;
    }
    json_t *root = json_read(result->body, result->body_bytes, HTTP_MAX_RESPONSE_BYTES);
    take_answer(ret_answer, root, result);
    json_decref(root);
}

/* ---- what mends it ---- */

static const char *remedy_for_chat(const char *description)
{
    static const struct {
        const char *text, *remedy;
    } remedies[] = {
        {"blocked by the user", "open the chat with the bot there and press Start or Unblock"},
        {"can't initiate conversation", "the person must write to the bot first: open it and press Start"},
        {"user is deactivated", "that account is deleted: take the chat out of OTELSHIM_TELEGRAM_CHATS"},
        {"was kicked", "add the bot to the group again"},
        {"not a member", "add the bot to it; in a channel as an administrator who may post"},
        {"was deleted", "the group is gone: take it out of OTELSHIM_TELEGRAM_CHATS"},
        {"thread not found", "no such topic: check what follows the slash, or leave it out"},
        {"TOPIC_", "open the topic again, or name another behind the slash"},
        {"chat not found", "check the id (`otelshim telegram chats` lists those the bot knows; groups begin "
                           "with -), and that the bot has been added or written to"},
        {"upgraded", "`otelshim telegram chats` shows the new id"},
        {"rights", "let the bot write there: group or channel settings, administrators or permissions"},
    };
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (strcasestr(description, remedies[i].text))
            return remedies[i].remedy;
    return "let the bot write there, or name another chat";
}

static const char *remedy_for_network(const struct telegram_answer *answer)
{
    static const struct {
        const char *text, *remedy;
    } remedies[] = {
        {"certificate", "a server with a certificate of its own needs OTELSHIM_TELEGRAM_CERTIFICATE"},
        {"SSL", "a server with a certificate of its own needs OTELSHIM_TELEGRAM_CERTIFICATE"},
        {"resolve proxy", "check OTELSHIM_TELEGRAM_PROXY and https_proxy"},
        {"proxy", "check OTELSHIM_TELEGRAM_PROXY and https_proxy"},
        {"not the Bot API",
         "check OTELSHIM_TELEGRAM_API_URL, and what stands between: a proxy, a log-in page"},
    };
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (strcasestr(answer->description, remedies[i].text))
            return remedies[i].remedy;
    if (answer->status >= 500)
        return "the server is in trouble itself; it is tried again";
    return "it is tried again; where Telegram is blocked, OTELSHIM_TELEGRAM_PROXY or "
           "OTELSHIM_TELEGRAM_API_URL leads around";
}

static const char *remedy_for_token(const struct telegram_answer *answer)
{
    if (answer->status == 401 && strcasestr(answer->description, "invalid token"))
        return "the token is not whole: @BotFather shows it with /mybots, API Token";
    if (answer->status == 401)
        return "the token was revoked or is another server's: @BotFather gives a new one with /token";
    return "check OTELSHIM_TELEGRAM_API_URL, and that the token is whole (NUMBER:LETTERS, as @BotFather gave "
           "it)";
}

void telegram_answer_explain(const struct telegram_answer *answer, const char *chat, char *ret_text,
                             size_t max_bytes)
{
    const char *remedy = NULL;
    switch (answer->meaning) {
    case TELEGRAM_CHAT:
        remedy = remedy_for_chat(answer->description);
        break;
    case TELEGRAM_MIGRATED:
        snprintf(ret_text, max_bytes, "chat %s is now %s: write that into OTELSHIM_TELEGRAM_CHATS",
                 chat ? chat : "", answer->migrated_to);
        return;
    case TELEGRAM_TOKEN:
        remedy = remedy_for_token(answer);
        break;
    case TELEGRAM_CONFLICT:
        remedy = "another program reads this bot's messages: stop it, or make a second bot for alerts";
        break;
    case TELEGRAM_UNREACHABLE:
        remedy = remedy_for_network(answer);
        break;
    case TELEGRAM_OK:
    case TELEGRAM_FLOOD:
    case TELEGRAM_MARKUP:
    case TELEGRAM_NOT_MODIFIED:
    case TELEGRAM_GONE:
    case TELEGRAM_BAD:
        break;
    }
    bool names_chat = chat && answer->meaning != TELEGRAM_TOKEN && answer->meaning != TELEGRAM_UNREACHABLE &&
                      answer->meaning != TELEGRAM_CONFLICT;
    snprintf(ret_text, max_bytes, "%s%s%s%s", names_chat ? "chat " : "Telegram", names_chat ? chat : "",
             *answer->description ? ": " : "", answer->description);
    size_t n = strlen(ret_text);
    if (remedy && n < max_bytes)
        snprintf(ret_text + n, max_bytes - n, " (%s)", remedy);
}

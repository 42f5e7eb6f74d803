/*
 * telegram_answer: what the Bot API's server said, what it means for us, and how to mend it.
 *
 * Context: loop; pure. The token is in no text that comes from here.
 */
#ifndef OTELSHIM_TELEGRAM_ANSWER_H
#define OTELSHIM_TELEGRAM_ANSWER_H

#include "base/http_client.h"

enum telegram_meaning {
    TELEGRAM_OK,
    TELEGRAM_FLOOD,        /* after `retry_ms` */
    TELEGRAM_UNREACHABLE,  /* no answer of the Bot API: network, TLS, a proxy's page, 5xx */
    TELEGRAM_MIGRATED,     /* the group is now `migrated_to` */
    TELEGRAM_CHAT,         /* this chat takes nothing from us: 403, chat not found, no rights, topic */
    TELEGRAM_TOKEN,        /* nothing can be sent with this token: 401, 404 */
    TELEGRAM_CONFLICT,     /* somebody else reads this bot's updates, or a webhook does */
    TELEGRAM_MARKUP,       /* can't parse entities */
    TELEGRAM_NOT_MODIFIED, /* an edit that changes nothing */
    TELEGRAM_GONE,         /* the message to be edited is not there any more */
    TELEGRAM_BAD,          /* this request never can be carried out */
};

struct telegram_answer {
    enum telegram_meaning meaning;
    int status; /* 0: none */
    uint64_t retry_ms;
    char migrated_to[24]; /* chat id; "": none */
    char message_id[24];  /* of what was sent; "": none */
    /*
     * As the server gave it, or what happened instead, on one line, valid UTF-8: "Forbidden: bot was blocked by the user",
     * "Could not resolve host: …".
     */
    char description[160];
};

void telegram_answer_parse(struct telegram_answer *ret_answer, const struct http_result *result);
/* One sentence: what is wrong with `chat` ("-100123/7"; NULL: no chat was named) and what mends it. */
void telegram_answer_explain(const struct telegram_answer *answer, const char *chat, char *ret_text,
                             size_t max_bytes);
/* Whatever looks like a bot's token in `text`, in a path or not, becomes ***; in place. */
void telegram_redact(char *text);

#endif

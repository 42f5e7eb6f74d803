/*
 * telegram_ask: who the bot is, and what it knows of chats: for commands, which wait for the answer.
 *
 * Context: one command, one thread. Ownership: all texts live in `arena`.
 */
#ifndef OTELSHIM_TELEGRAM_ASK_H
#define OTELSHIM_TELEGRAM_ASK_H

#include "settings/settings.h"

enum telegram_question {
    TELEGRAM_WHO,        /* getMe */
    TELEGRAM_WHICH_CHAT, /* getChat */
    TELEGRAM_CHATS,      /* getUpdates, without an offset: nothing is taken away from another reader */
};

struct telegram_chat {
    const char *id, *title, *kind, *topic; /* topic "" none */
};

struct telegram_known {
    bool is_ok;
    const char *problem;         /* one sentence with what mends it; "" */
    struct telegram_chat bot;    /* of TELEGRAM_WHO: its title is "@name" */
    struct telegram_chat *chats; /* of TELEGRAM_WHICH_CHAT one */
    uint32_t n_chats;
};

/* `chat` as settings have it, only of TELEGRAM_WHICH_CHAT. The settings have a token. */
void telegram_ask(struct arena *arena, const struct settings *settings, enum telegram_question question,
                  const char *chat, struct telegram_known *ret_known);

#endif

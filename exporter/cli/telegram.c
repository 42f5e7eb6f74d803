/* telegram: how to get a bot and the ids of its chats: the walk through @BotFather, as far as it has been gone. */
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/report.h"
#include "cli/telegram_ask.h"

#include <stdio.h>
#include <string.h>

const char command_telegram_help[] =
    "usage: otelshim telegram setup|chats [-o json]\n"
    "\n"
    "setup  what is still to do until alerts reach a telephone, step by step; checks the\n"
    "       steps that were done\n"
    "chats  the chats that have written to the bot lately, with the ids for\n"
    "       OTELSHIM_TELEGRAM_CHATS. Nothing is taken away from a program that reads the\n"
    "       bot's messages itself\n"
    "\n"
    "  -o, --output text|json   of chats: {\"schema\":1,\"chats\":[{id, kind, title, topic}]}\n"
    "\n"
    "Exit status: 0; 1 something is missing or refused; 2 wrong usage; 3 no token is set.\n";

#define STATUS_NOT_CONFIGURED 3

static void print_chat_json(const struct telegram_chat *chat, bool is_first)
{
    const char *const members[][2] = {
        {"id", chat->id}, {"kind", chat->kind}, {"title", chat->title}, {"topic", chat->topic}};
    fputs(is_first ? "{" : ",{", stdout);
    for (size_t i = 0; i < 4; i++) {
        printf("%s\"%s\":", i ? "," : "", members[i][0]);
        report_put_string(stdout, members[i][1]);
    }
    putchar('}');
}

static void print_chats(const struct telegram_known *known, bool is_json)
{
    if (is_json)
        fputs("{\"schema\":1,\"chats\":[", stdout);
    else if (known->n_chats)
        printf("%-20s %-11s %s\n", "ID", "KIND", "TITLE");
    for (uint32_t i = 0; i < known->n_chats; i++) {
        const struct telegram_chat *chat = &known->chats[i];
        char id[64];
        snprintf(id, sizeof(id), "%s%s%s", chat->id, *chat->topic ? "/" : "", chat->topic);
        if (is_json)
            print_chat_json(chat, i == 0);
        else
            printf("%-20s %-11s %s\n", id, chat->kind, chat->title);
    }
    if (is_json)
        fputs("]}\n", stdout);
    else if (!known->n_chats)
        puts("none: write a message to the bot (in a group: one that begins with /), then ask again");
}

static int list_chats(const struct settings *settings, bool is_json)
{
    struct arena arena = {0};
    struct telegram_known known;
    telegram_ask(&arena, settings, TELEGRAM_CHATS, NULL, &known);
    if (known.is_ok)
        print_chats(&known, is_json);
    else
        fprintf(stderr, "otelshim telegram: %s\n", known.problem);
    arena_fini(&arena);
    return known.is_ok ? 0 : STATUS_FAILED;
}

/* Where the user's own otelshim.conf is looked for. */
static const char *find_conf(const struct settings *settings)
{
    static const char name[] = "/otelshim/otelshim.conf";
    for (uint32_t i = 0; i < settings->n_paths; i++) {
        size_t bytes = strlen(settings->paths[i]);
        if (bytes > strlen(name) && strcmp(settings->paths[i] + bytes - strlen(name), name) == 0)
            return settings->paths[i];
    }
    return "/etc/otelshim.conf";
}

static void print_first_steps(const struct settings *settings)
{
    const char *conf = find_conf(settings), *slash = strrchr(conf, '/');
    int bytes = slash ? (int)(slash - conf) : 0;
    printf("1. In Telegram write to @BotFather: /newbot. He asks for a name and answers with a token like "
           "123456:ABC-DEF.\n"
           "2. Put it where only you can read it, and name the file in otelshim.conf:\n"
           "       install -D -m 600 /dev/stdin %.*s/telegram-token     (then paste, Return, Ctrl-D)\n"
           "       echo OTELSHIM_TELEGRAM_TOKEN_FILE=%.*s/telegram-token >>%s\n"
           "   OTELSHIM_TELEGRAM_TOKEN in the program's environment does as well.\n"
           "3. Then again: otelshim telegram setup\n",
           bytes, conf, bytes, conf, conf);
}

static int set_up(const struct settings *settings)
{
    static struct doctor doctor;
    const struct alert_settings *alerts = &settings->alerts;
    if (!alerts->telegram_token) {
        print_first_steps(settings);
        return STATUS_NOT_CONFIGURED;
    }
    doctor_look_at_alerts(&doctor, settings);
    int status = doctor_print(&doctor, false);
    if (!alerts->error_chats.n && !alerts->trade_chats.n) {
        puts("\n1. In Telegram open the bot and press Start; for a group, add the bot and write one message "
             "that begins with /.\n"
             "2. Choose the chats' ids from these, and set OTELSHIM_TELEGRAM_CHATS=ID,ID:\n");
        status = list_chats(settings, false) ? STATUS_FAILED : status;
    } else if (status == 0) {
        puts("\nAll is set up: otelshim send-test");
    }
    arena_fini(&doctor.arena);
    return status;
}

int command_telegram(int argc, char **argv)
{
    const char *format = NULL;
    bool is_json;
    const char *verb;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format}};
    int status = command_parse_words(argc, argv, rows, 1, &verb, 1);
    if (status == OPTIONS_FINE && (!verb || (strcmp(verb, "setup") != 0 && strcmp(verb, "chats") != 0))) {
        fprintf(stderr, "otelshim telegram: %s%s%s: setup or chats\n",
                verb ? "unknown operand '" : "nothing given", verb ? verb : "", verb ? "'" : "");
        return STATUS_USAGE;
    }
    if (status == OPTIONS_FINE)
        status = command_parse_format("telegram", format, &is_json);
    if (status == OPTIONS_FINE && format && strcmp(verb, "setup") == 0) {
        fputs("otelshim telegram setup: -o: only of chats\n", stderr);
        return STATUS_USAGE;
    }
    if (status != OPTIONS_FINE)
        return status;
    struct settings *settings = settings_create_own();
    if (strcmp(verb, "setup") == 0) {
        status = set_up(settings);
    } else if (!settings->alerts.telegram_token) {
        fputs("otelshim telegram: no token is set: otelshim telegram setup\n", stderr);
        status = STATUS_NOT_CONFIGURED;
    } else {
        status = list_chats(settings, is_json);
    }
    settings_destroy(settings);
    return status;
}

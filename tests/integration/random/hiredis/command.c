/* command: any command, as words. */
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *key_of(struct world *w, struct command *command)
{
    snprintf(command->text[0], sizeof(command->text[0]), "w%d:k%u", w->base.number, roll(&w->base, 6));
    return command->text[0];
}

static void fill(struct command *command, int n, ...)
{
    va_list words;
    va_start(words, n);
    command->n_words = n;
    for (int i = 0; i < n; i++)
        command->words[i] = va_arg(words, const char *);
    va_end(words);
}

/* Any that has one reply and waits for nothing. */
void command_choose(struct world *w, struct command *command)
{
    static const char big[] = "a long value, over and over again: 0123456789012345678901234567890123456789";
    const char *key = key_of(w, command);
    snprintf(command->text[1], sizeof(command->text[1]), "%u", roll(&w->base, 1000));
    const char *number = command->text[1];
    switch (roll(&w->base, 14)) {
    case 0:
        fill(command, 2, "GET", key);
        break;
    case 1:
        fill(command, 3, "SET", key, one_in(&w->base, 3) ? big : number);
        break;
    case 2:
        fill(command, 2, "INCR", key);
        break;
    case 3:
        fill(command, 3, "LPUSH", key, number);
        break;
    case 4:
        fill(command, 4, "LRANGE", key, "0", "5");
        break;
    case 5:
        fill(command, 2, "DEL", key);
        break;
    case 6:
        fill(command, 4, "HSET", key, "f", number);
        break;
    case 7:
        fill(command, 2, "HGETALL", key);
        break;
    case 8:
        fill(command, 3, "NOSUCH", key, number);
        break;
    case 9:
        fill(command, 1, "PING");
        break;
    case 10:
        fill(command, 2, "TYPE", key);
        break;
    case 11:
        fill(command, 1, "GET"); /* too few */
        break;
    case 12:
        fill(command, 2, "EXISTS", key);
        break;
    default:
        fill(command, 2, "STRLEN", key);
    }
    /* What is not known is shown without its arguments. */
    bool has_key = command->n_words > 1 && strcmp(command->words[0], "NOSUCH") != 0;
    snprintf(command->tag, sizeof(command->tag), "%s%s%s", command->words[0], has_key ? " " : "",
             has_key ? command->words[1] : "");
}

void command_lengths(const struct command *command, size_t *lengths)
{
    for (int i = 0; i < command->n_words; i++)
        lengths[i] = strlen(command->words[i]);
}

const char *command_format(const struct command *command)
{
    static const char *const formats[] = {"", "%s", "%s %s", "%s %s %s", "%s %s %s %s"};
    return formats[command->n_words];
}

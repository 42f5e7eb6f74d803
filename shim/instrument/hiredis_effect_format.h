/*
 * hiredis_effect_format: commands that change how those behind them are to be read: the database, a transaction,
 * messages. They are told by their first word, the only look into a command that is taken here.
 *
 * Context: hot, async-signal-safe: pure functions on the caller's memory.
 */
#ifndef OTELSHIM_HIREDIS_EFFECT_FORMAT_H
#define OTELSHIM_HIREDIS_EFFECT_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIREDIS_NO_DATABASE (-1)

enum hiredis_verb {
    HIREDIS_PLAIN, /* all others, and a SELECT that Redis will refuse */
    HIREDIS_SELECT,
    HIREDIS_MULTI,
    HIREDIS_EXEC,
    HIREDIS_DISCARD,
    HIREDIS_RESET,
    HIREDIS_SUBSCRIBE, /* with P, S, UN before it or none: answered by any number of messages */
    HIREDIS_MONITOR,
};

struct hiredis_effect {
    enum hiredis_verb verb;
    int64_t database; /* of SELECT */
};

/* By their first letters, which tell nearly every command from those above. What is no letter may be anything. */
#define HIREDIS_LETTER(letter) (1u << ((letter)&0x1f))
static inline bool hiredis_may_have_effect(const char *word)
{
    const uint32_t first_letters = HIREDIS_LETTER('S') | HIREDIS_LETTER('M') | HIREDIS_LETTER('E') |
                                   HIREDIS_LETTER('D') | HIREDIS_LETTER('R') | HIREDIS_LETTER('P') |
                                   HIREDIS_LETTER('U');
    if (word[0] > '%' && !(first_letters & HIREDIS_LETTER(word[0])))
        return false;
    int second = word[0] ? word[1] & ~0x20 : 0;
    switch (word[0] & ~0x20) {
    case 'S':
        return (second == 'E' && (word[2] & ~0x20) == 'L') || second == 'U' || second == 'S';
    case 'M':
        return second == 'U' || second == 'O';
    case 'E':
        return second == 'X';
    case 'D':
        return second == 'I';
    case 'R':
        return second == 'E';
    case 'P':
        return second == 'S' || second == 'U';
    case 'U':
        return second == 'N';
    default:
        return word[0] <= '%'; /* a space, a conversion */
    }
}

struct hiredis_effect hiredis_read_format_effect(const char *format, va_list arguments);
/* `arguments` is left as it was found. */
static inline struct hiredis_effect hiredis_effect_of_format(const char *format, va_list arguments)
{
    if (__builtin_expect(hiredis_may_have_effect(format), 0))
        return hiredis_read_format_effect(format, arguments);
    return (struct hiredis_effect){HIREDIS_PLAIN, HIREDIS_NO_DATABASE};
}
/* `lengths` NULL: the words are NUL-terminated. */
struct hiredis_effect hiredis_effect_of_words(int n_words, const char *const *words, const size_t *lengths);
/* Of the first command of protocol text. */
struct hiredis_effect hiredis_effect_of_protocol(const char *protocol, size_t bytes);

#endif

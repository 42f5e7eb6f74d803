/* hiredis_effect_format: see hiredis_effect_format.h. */
#include "instrument/hiredis_effect_format.h"

#include "instrument/hiredis_walk_format.h"
#include <string.h>

#define WORD_MAX_BYTES 12u /* PUNSUBSCRIBE */

static const struct {
    const char *name;
    enum hiredis_verb verb;
} verbs[] = {
    {"SELECT", HIREDIS_SELECT},
    {"MULTI", HIREDIS_MULTI},
    {"EXEC", HIREDIS_EXEC},
    {"DISCARD", HIREDIS_DISCARD},
    {"RESET", HIREDIS_RESET},
    {"SUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"PSUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"SSUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"UNSUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"PUNSUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"SUNSUBSCRIBE", HIREDIS_SUBSCRIBE},
    {"MONITOR", HIREDIS_MONITOR},
};

static inline int to_upper(char letter)
{
    return letter >= 'a' && letter <= 'z' ? letter - 0x20 : letter;
}

static bool is_word(const char *word, size_t bytes, const char *name)
{
    for (size_t i = 0; i < bytes; i++)
        if (to_upper(word[i]) != name[i])
            return false; /* a name's own end differs from every letter */
    return !name[bytes];
}

static enum hiredis_verb verb_of(const char *word, size_t bytes)
{
    if (bytes < 4 || bytes > WORD_MAX_BYTES || !hiredis_may_have_effect(word))
        return HIREDIS_PLAIN;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (is_word(word, bytes, verbs[i].name))
            return verbs[i].verb;
    return HIREDIS_PLAIN;
}

/* What Redis accepts as a database number. */
static int64_t database_of(const char *word, size_t bytes)
{
    int64_t database = 0;
    if (!bytes || bytes > 9)
        return HIREDIS_NO_DATABASE;
    for (size_t i = 0; i < bytes; i++) {
        if (word[i] < '0' || word[i] > '9')
            return HIREDIS_NO_DATABASE;
        database = database * 10 + (word[i] - '0');
    }
    return database;
}

static struct hiredis_effect effect_of(enum hiredis_verb verb, int64_t database)
{
    if (verb == HIREDIS_SELECT && database == HIREDIS_NO_DATABASE)
        verb = HIREDIS_PLAIN;
    return (struct hiredis_effect){verb, database};
}

struct hiredis_effect hiredis_effect_of_words(int n_words, const char *const *words, const size_t *lengths)
{
    int64_t database = HIREDIS_NO_DATABASE;
    if (n_words < 1 || !words[0])
        return effect_of(HIREDIS_PLAIN, database);
    size_t bytes = lengths ? lengths[0] : strnlen(words[0], WORD_MAX_BYTES + 1);
    enum hiredis_verb verb = verb_of(words[0], bytes);
    if (verb == HIREDIS_SELECT && n_words == 2 && words[1])
        database = database_of(words[1], lengths ? lengths[1] : strnlen(words[1], 10));
    return effect_of(verb, database);
}

struct hiredis_effect hiredis_effect_of_protocol(const char *protocol, size_t bytes)
{
    size_t n_words = 0, lengths[2] = {0, 0};
    const char *words[2] = {NULL, NULL};
    size_t position = walk_length(protocol, bytes, '*', &n_words);
    for (size_t i = 0; position && i < 2 && i < n_words; i++) {
        words[i] = walk_bulk(protocol, bytes, &position, &lengths[i]);
        if (!words[i])
            return effect_of(HIREDIS_PLAIN, HIREDIS_NO_DATABASE);
    }
    return hiredis_effect_of_words(position && n_words < 3 ? (int)n_words : 1, words, lengths);
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

/* The word at `*format`, which goes past it: written out, or one %s or %b that is a word of its own. */
static const char *read_word(const char **format, struct walk *walk, size_t *ret_bytes)
{
    const char *at = skip_spaces(*format);
    const char *end = at + strcspn(at, " %");
    *ret_bytes = (size_t)(end - at);
    if (end == at && at[0] == '%' && (at[1] == 's' || at[1] == 'b')) {
        end = at + 2;
        bool is_binary = at[1] == 'b';
        at = va_arg(walk->arguments, const char *);
        *ret_bytes = is_binary ? va_arg(walk->arguments, size_t) : at ? strnlen(at, WORD_MAX_BYTES + 1) : 0;
    }
    *format = end;
    return *end == ' ' || !*end ? at : NULL;
}

/* The rest of a SELECT. */
static int64_t read_database(const char *format, struct walk *walk)
{
    size_t bytes;
    int64_t database = HIREDIS_NO_DATABASE;
    struct conversion conversion = {.kind = UNKNOWN};
    format = skip_spaces(format);
    if (format[0] == '%' && format[1])
        conversion = walk_conversion(format);
    if (conversion.kind == INTEGER) {
        database = walk_integer(&conversion, walk);
        format = conversion.end;
    } else {
        const char *word = read_word(&format, walk, &bytes);
        database = word ? database_of(word, bytes) : HIREDIS_NO_DATABASE;
    }
    return *skip_spaces(format) || database < 0 ? HIREDIS_NO_DATABASE : database;
}

struct hiredis_effect hiredis_read_format_effect(const char *format, va_list arguments)
{
    int64_t database = HIREDIS_NO_DATABASE;
    size_t bytes;
    struct walk walk;
    va_copy(walk.arguments, arguments);
    const char *word = read_word(&format, &walk, &bytes);
    enum hiredis_verb verb = word ? verb_of(word, bytes) : HIREDIS_PLAIN;
    if (verb == HIREDIS_SELECT)
        database = read_database(format, &walk);
    va_end(walk.arguments);
    return effect_of(verb, database);
}

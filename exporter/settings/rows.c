/* rows: the table of settings, and how a mistake in one is told: one line, name, value, what is allowed. */
#include "settings/settings_priv.h"

#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLAIN false
#define SECRET true
static const struct setting_row rows[N_SETTINGS] = {
#define SETTING(NAME, who, kind, default_, secrecy, allowed_, meaning) \
    [SETTING_##NAME] = {                                               \
        .name = #NAME,                                                 \
        .standard = (default_),                                        \
        .allowed = (allowed_),                                         \
        .reader = READER_##who,                                        \
        .type = TYPE_##kind,                                           \
        .is_secret = (secrecy),                                        \
    },
#include <settings.h>
#undef SETTING
};

const struct setting_row *setting_row(enum setting setting)
{
    return &rows[setting];
}

const char *settings_name(enum setting setting)
{
    return rows[setting].name;
}

bool settings_is_secret(enum setting setting)
{
    return rows[setting].is_secret;
}

const char *setting_value(const struct settings *settings, enum setting setting)
{
    return settings->values[setting] ? settings->values[setting] : rows[setting].standard;
}

bool setting_is_of_process(const struct settings *settings, enum setting setting)
{
    return settings->origins[setting] <= ORIGIN_ENV_FILE;
}

void settings_note(struct settings *settings, const char *format, ...)
{
    struct problem problem;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(problem.text, sizeof(problem.text), format, arguments);
    va_end(arguments);
    if (n < 0)
        return;
    size_t bytes = (size_t)n < sizeof(problem.text) ? (size_t)n : sizeof(problem.text) - 1;
    problem.text[utf8_valid_bytes(problem.text, bytes)] = 0;
    for (char *c = problem.text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    for (uint32_t i = 0; i < settings->n_problems; i++)
        if (strcmp(settings->problems[i].text, problem.text) == 0)
            return;
    if (settings->n_problems == SETTINGS_MAX_PROBLEMS)
        return;
    if (!settings->problems)
        settings->problems = arena_alloc(&settings->arena, SETTINGS_MAX_PROBLEMS * sizeof(problem));
    settings->problems[settings->n_problems++] = problem;
}

/* At most 60 bytes of a value; of a URL not what stands before the '@'. */
static const char *shown_value(struct settings *settings, const struct setting_row *row, const char *value)
{
    const char *at = row->type == TYPE_URL ? strrchr(value, '@') : NULL;
    if (at)
        value = arena_printf(&settings->arena, "REDACTED%s", at);
    size_t bytes = strlen(value);
    size_t valid = utf8_valid_bytes(value, bytes < 60 ? bytes : 60);
    return arena_printf(&settings->arena, "%.*s%s", (int)valid, value, valid < bytes ? "..." : "");
}

void settings_note_value(struct settings *settings, enum setting setting, const char *allowed)
{
    const struct setting_row *row = &rows[setting];
    const char *name = settings->names[setting] ? settings->names[setting] : row->name;
    const char *value = settings->values[setting];
    const char *instead = row->standard[0] ? "using default " : "ignored";
    if (row->is_secret)
        settings_note(settings, "%s: %s; %s%s", name, allowed, instead, row->standard);
    else
        settings_note(settings, "%s=\"%s\": %s; %s%s", name, shown_value(settings, row, value), allowed,
                      instead, row->standard);
}

void settings_note_element(struct settings *settings, enum setting setting, const char *word, size_t bytes,
                           const char *what)
{
    settings_note(settings, "%s: \"%.*s\": allowed are %s; that %s ignored", settings->names[setting],
                  (int)(bytes < 60 ? bytes : 60), word, rows[setting].allowed, what);
}

/* Edits (insert, delete, replace, swap neighbours) between two words of at most 63 letters; case does not count. */
static uint32_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    uint32_t lines[3][64];
    uint32_t *before = lines[0], *last = lines[1], *line = lines[2];
    for (uint32_t j = 0; j <= b_bytes; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        line[0] = (uint32_t)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            bool same = setting_words_equal(a + i - 1, 1, (const char[]){b[j - 1], 0});
            uint32_t best = last[j - 1] + !same;
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = line[j - 1] + 1 < best ? line[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            line[j] = best;
        }
        uint32_t *spare = before;
        before = last;
        last = line;
        line = spare;
    }
    return last[b_bytes];
}

const char *settings_nearest(const char *word, const char *const *words)
{
    size_t bytes = strlen(word);
    const char *nearest = NULL;
    uint32_t least = (uint32_t)(bytes < 4 ? 2 : bytes / 3 + 1);
    least = least > 7 ? 7 : least;
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (bytes > 63 || n > 63)
            continue;
        uint32_t edits = distance(word, bytes, *words, n);
        if (edits < least) {
            least = edits;
            nearest = *words;
        }
    }
    return nearest;
}

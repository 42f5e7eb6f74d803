/*
 * templates: messages with places for fields, in the markup of rich_parse(). The form: profiles/messages, README.md.
 *
 * Context: loop. Ownership: a book keeps its text in the arena it was read into.
 */
#ifndef OTELSHIM_RULES_TEMPLATES_H
#define OTELSHIM_RULES_TEMPLATES_H

#include "settings/settings.h"

#define TEMPLATE_MAX_BYTES (16u << 10) /* of a message; what is longer ends there */
#define TEMPLATE_MAX_ITEMS 64u         /* of a list */
#define TEMPLATE_VALUE_BYTES 512u      /* of a field; what is longer is cut */

struct template
{
    const char *name;
    bool is_any; /* of every language */
    enum language language;
    const char *body;
};

struct template_book {
    struct template *items;
    uint32_t n;
};

typedef void (*template_note_fn)(void *context, const char *line);

/* Reads a file's text, valid UTF-8 (which it changes). Lines that are wrong are noted, "PATH:LINE: …", and their template is left out. */
void template_book_parse(struct template_book *book, struct arena *arena, const char *path, char *text,
                         template_note_fn note, void *context);

/* By name, in that language, else for every language. NULL: none. */
const struct template *template_book_find(const struct template_book *book, const char *name,
                                          enum language language);

/* The program's own file (OTELSHIM_TEMPLATES) as it stands; empty where there is none. */
void templates_read(const struct settings *settings, struct template_book *book, struct arena *arena,
                    template_note_fn note, void *context);

/* The program's own, else the shipped one. NULL: neither. It lives until the next call. */
const struct template *template_choose(const struct settings *settings, const char *name);

/* Is `value` (NULL: not there) what the case means? ">=70", "<5": by size; "*": anything, also nothing; else the word itself. */
bool template_is_case(const char *value, const char *word, size_t bytes);

/* Checks a body; false with *ret_why. */
bool template_check(const char *body, const char **ret_why);

/* The message: fields put in, each escaped for rich_parse(). */
const char *template_fill(const char *body, const struct attributes *fields, uint64_t time_unix_ns,
                          struct arena *arena);

/* A field's value as text, in the arena; `index` 0 the whole, else that element of a list ("prices.2", an array, "[1, 2]", "1; 2").
 * NULL: not there. */
const char *template_field(const struct attributes *fields, const char *name, uint32_t index,
                           struct arena *arena);

#endif

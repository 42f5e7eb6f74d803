/*
 * rich_text: a message for people with a little typography, as every destination can show it in its own way (HTML, mrkdwn,
 * Markdown, plain). Nothing in it is escaped: whoever renders it escapes, once, in one place.
 *
 * Context: loop. Ownership: lives in its arena.
 */
#ifndef OTELSHIM_RICH_TEXT_H
#define OTELSHIM_RICH_TEXT_H

#include "base/arena.h"
#include <stddef.h>
#include <stdint.h>

enum rich_style {
    RICH_PLAIN,
    RICH_BOLD,
    RICH_ITALIC,
    RICH_CODE,  /* within a line */
    RICH_PRE,   /* a block: begins and ends a line, without a \n of its own around it */
    RICH_LINK,  /* `url` */
    RICH_QUOTE, /* such a block that may be folded */
    RICH_TIME,  /* `unix_s`; the text is how we would say it */
};

struct rich_run {
    enum rich_style style;
    const char *text; /* valid UTF-8, NUL-terminated; may hold newlines */
    const char *url;
    uint64_t unix_s;
};

struct rich_text {
    struct arena *arena;
    struct rich_run *runs;
    uint32_t n, max;
};

/* Appends; texts are copied, repaired where they are not UTF-8, control characters but \n become spaces. */
void rich_add(struct rich_text *rich, enum rich_style style, const char *text);
void rich_add_format(struct rich_text *rich, enum rich_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rich_add_link(struct rich_text *rich, const char *text, const char *url);
void rich_add_time(struct rich_text *rich, const char *text, uint64_t unix_s);
void rich_add_run(struct rich_text *rich, const struct rich_run *run);
/*
 * The markup of templates and of otelshim_notice(): *bold*, _italic_, `code`; a backslash takes the next character as it is. What is
 * not closed on its line is text, and so is a mark within an ASCII word (order_id, 2*3).
 */
void rich_parse(struct rich_text *rich, const char *markup);
/* `text` as markup that means exactly it; for the fields of a template. */
const char *rich_escape(struct arena *arena, const char *text);
/* Without any typography, NUL-terminated, in the arena; of a link the URL follows in brackets. */
const char *rich_print_plain(const struct rich_text *rich, struct arena *arena);
/* UTF-16 code units, as Telegram counts. */
size_t rich_utf16_units(const char *text);

#endif

/*
 * telegram_text: a rich text as messages that the Bot API's server takes, whatever bytes are in it: HTML with everything escaped, the same
 * without markup, cut into parts.
 *
 *     rich_text → pieces (blocks begin and end a line) → parts of at most TELEGRAM_MAX_UNITS → HTML or plain
 *
 * Context: loop; pure. Ownership: everything lives in the arena given.
 */
#ifndef OTELSHIM_TELEGRAM_TEXT_H
#define OTELSHIM_TELEGRAM_TEXT_H

#include "telemetry/rich_text.h"
#include <stdbool.h>

/*
 * UTF-16 units of what is shown: the server allows 4,096 characters, of which units are never fewer. Long messages run into flood
 * limits sooner, and an edit may make one longer.
 */
#define TELEGRAM_MAX_UNITS 3500u
/* The server: 32,768 bytes with markup. */
#define TELEGRAM_MAX_RAW_BYTES 30000u

struct telegram_part {
    const char *html, *plain;
    bool has_time_tag; /* older servers refuse <tg-time> */
};

struct telegram_text {
    struct telegram_part
        *parts; /* one at least: a text in which nothing is to be seen becomes "(empty message)" */
    uint32_t n_parts;
};

/* `with_time_tag` false: times as plain text. The cuts are the same with and without. */
void telegram_text_make(struct telegram_text *ret_text, const struct rich_text *rich, bool with_time_tag,
                        struct arena *arena);
/* The first line that shows anything, plain, at most `max_units` UTF-16 units: a document's caption. */
const char *telegram_text_title(const struct rich_text *rich, uint32_t max_units, struct arena *arena);

#endif

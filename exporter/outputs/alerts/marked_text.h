/*
 * marked_text: a rich text in the Markdown-like markups of Slack and Discord, whose characters are escaped as far as those can be, at most
 * so many UTF-16 units long; what does not fit is left out behind "…", and what is open then is closed.
 *
 * Context: loop; pure.
 */
#ifndef OTELSHIM_MARKED_TEXT_H
#define OTELSHIM_MARKED_TEXT_H

#include "telemetry/rich_text.h"

enum markup { MARKUP_SLACK, MARKUP_DISCORD };

/* In the arena; never without a visible character ("(empty message)"). */
const char *marked_text_print(const struct rich_text *rich, enum markup markup, uint32_t max_units,
                              struct arena *arena);

#endif

/*
 * characters: what must be known of single characters by those who cut messages.
 *
 * Context: pure. Texts are valid UTF-8; a byte that is not is taken as one character.
 */
#ifndef OTELSHIM_ALERT_CHARACTERS_H
#define OTELSHIM_ALERT_CHARACTERS_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

/* Bytes of the character at `text`, at least 1 of `bytes`, which are not 0. */
size_t character_decode(const char *text, size_t bytes, uint32_t *ret_character);
/* It changes the one before it (an accent, a joiner, a skin tone): no cut in front of it. */
bool character_joins(uint32_t c);
/* Is there anything that a message server would not take for empty? */
bool characters_are_visible(const char *text, size_t bytes);
/* The text if it has at most `max_units` UTF-16 units, else its beginning and "…", so many together. */
const char *characters_cut(const char *text, size_t bytes, size_t max_units, struct arena *arena);

#endif

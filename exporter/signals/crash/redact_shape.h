/* redact_shape: what redact.c looks for. Context: any; pure. */
#ifndef OTELSHIM_CRASH_REDACT_SHAPE_H
#define OTELSHIM_CRASH_REDACT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Is what goes by that name a secret? "DB_PASSWORD", "api-key", "Authorization". */
bool redact_is_secret_name(const char *name, size_t bytes);
/* Is the value everything up to the line's end: "Authorization", "Cookie"? */
bool redact_is_header_name(const char *name, size_t bytes);
/* Does the word look like a token, a key, a signed document, whatever it is called? */
bool redact_is_secret_word(const char *word, size_t bytes);

#endif

/*
 * redact: secrets in what a program was started with and in what it said when it died.
 *
 * By name (--password x, TOKEN=x, "api_key": x, Authorization: x), by place (userinfo and secret keys of URLs), and by shape
 * (tokens of known services, JWTs, private keys, long random words). What is hidden becomes REDACTED. Context: any; pure;
 * hostile input.
 */
#ifndef OTELSHIM_CRASH_REDACT_H
#define OTELSHIM_CRASH_REDACT_H

#include "base/arena.h"
#include <stdint.h>

/* Valid UTF-8, control characters as spaces. NULL stays NULL. */
const char *redact_message(struct arena *arena, const char *text);
/* The same of a text that need not end in NUL and may be long; line ends and tabs stay. */
const char *redact_lines(struct arena *arena, const char *text, size_t bytes);
/* As many as there were. */
const char **redact_arguments(struct arena *arena, const char *const *arguments, uint32_t n);

#endif

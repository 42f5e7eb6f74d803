/*
 * profiles: the files of profiles/, which are part of the binary: rules for known exchanges, and the messages.
 *
 * To add one: a file there, a row in profiles.c. Context: any.
 */
#ifndef OTELSHIM_RULES_PROFILES_H
#define OTELSHIM_RULES_PROFILES_H

#include <stddef.h>

/* The text of a profile, NUL-terminated. NULL: no such. */
const char *profile_find(const char *name);

/* Names of those with rules, comma-separated. */
extern const char profile_names[];

#endif

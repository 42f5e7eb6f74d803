/*
 * admission: may the shim act in this process? Kill switches, OTELSHIM_ALLOW/OTELSHIM_DENY, a second copy, AT_SECURE.
 *
 * Context: cold; asked once.
 */
#ifndef OTELSHIM_ADMISSION_H
#define OTELSHIM_ADMISSION_H

#include <stdbool.h>

/* In doubt false: then every wrapper is pass-through for ever. */
bool admission_is_granted(void);

/* Does the comma list of globs match the program's path or its last component? `*` and `?` only. */
bool admission_matches(const char *list, const char *path);

#endif

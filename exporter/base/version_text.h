/* version_text: of a version that is a build id or a commit, people are shown as much as finds it again. */
#ifndef OTELSHIM_VERSION_TEXT_H
#define OTELSHIM_VERSION_TEXT_H

#include <stdbool.h>
#include <string.h>

#define VERSION_SHOWN_DIGITS 12

/* 32 or more hexadecimal digits: its first VERSION_SHOWN_DIGITS do. */
static inline bool version_is_hash(const char *version)
{
    size_t bytes = strlen(version);
    return bytes >= 32 && strspn(version, "0123456789abcdef") == bytes;
}

#endif

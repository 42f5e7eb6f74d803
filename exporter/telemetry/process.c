/* process: see process.h. */
#include "telemetry/process.h"

#include <string.h>

const char *process_find_setting(const char *text, size_t bytes, const char *name)
{
    size_t name_bytes = strlen(name);
    for (size_t at = 0; at < bytes;) {
        const char *end = memchr(text + at, 0, bytes - at);
        if (!end)
            return NULL; /* cut: whether the value is whole is not known */
        if ((size_t)(end - (text + at)) > name_bytes && text[at + name_bytes] == '=' &&
            memcmp(text + at, name, name_bytes) == 0)
            return text + at + name_bytes + 1;
        at = (size_t)(end - text) + 1;
    }
    return NULL;
}

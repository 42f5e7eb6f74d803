#include "trader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Good enough since 2017: the exchange's objects are flat and its keys do not occur in values. */
const char *json_find(const char *text, const char *key)
{
    char quoted[64];

    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *found = strstr(text, quoted);
    if (!found)
        return NULL;
    found += strlen(quoted);
    return found + strspn(found, " \t\r\n");
}

const char *json_string(const char *text, const char *key)
{
    const char *value = json_find(text, key);

    return value && *value == '"' ? value + 1 : NULL;
}

double json_number(const char *text, const char *key)
{
    const char *value = json_find(text, key);

    if (!value)
        return 0;
    return strtod(*value == '"' ? value + 1 : value, NULL);
}

void json_copy_string(char *to, size_t max, const char *text, const char *key)
{
    const char *value = json_string(text, key);
    size_t bytes = value ? strcspn(value, "\"") : 0;

    if (bytes >= max)
        bytes = max - 1;
    if (value)
        memcpy(to, value, bytes);
    to[bytes] = 0;
}

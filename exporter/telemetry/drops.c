/* drops: see drops.h. */
#include "telemetry/drops.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *meaning;
} rows[WIRE_MAX_DROPS] = {
#define DROP(number, NAME, name, meaning) [number] = {name, meaning},
#include <drops.h>
#undef DROP
};

const char *drops_name(uint32_t reason)
{
    return reason < WIRE_MAX_DROPS ? rows[reason].name : NULL;
}

const char *drops_meaning(uint32_t reason)
{
    return reason < WIRE_MAX_DROPS ? rows[reason].meaning : NULL;
}

void drops_print(const uint64_t counts[WIRE_MAX_DROPS], char *text, size_t bytes)
{
    size_t at = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS && at < bytes; i++)
        if (counts[i] && rows[i].name)
            at += (size_t)snprintf(text + at, bytes - at, "%s%s %" PRIu64, at ? ", " : "", rows[i].name,
                                   counts[i]);
        else if (counts[i])
            at +=
                (size_t)snprintf(text + at, bytes - at, "%sreason %u %" PRIu64, at ? ", " : "", i, counts[i]);
}

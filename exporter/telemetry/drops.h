/*
 * drops: what the library did not record, by reason (wire/drops.h), since the process began.
 *
 * Context: any.
 */
#ifndef OTELSHIM_EXPORTER_DROPS_H
#define OTELSHIM_EXPORTER_DROPS_H

#include <stddef.h>
#include <stdint.h>
#include <wire.h>

enum drop_reason {
#define DROP(number, NAME, name, meaning) DROP_##NAME = (number),
#include <drops.h>
#undef DROP
};

struct drops {
    uint64_t counts[WIRE_MAX_DROPS];
    uint64_t corrupt;       /* what this exporter could not read of it */
    uint64_t since_unix_ns; /* when counting began: the process made its file */
};

/* "no_chunk"; NULL: a reason that this version does not know, or none. */
const char *drops_name(uint32_t reason);
const char *drops_meaning(uint32_t reason);
/* "no_chunk 5, nested 1", in the rows' order; "" where there is nothing. Reasons that are not known are said by number. */
void drops_print(const uint64_t counts[WIRE_MAX_DROPS], char *text, size_t bytes);

#endif

/* hiredis_known_format: see hiredis_known_format.h. */
#include "instrument/hiredis_known_format.h"

#include "facts.h"
#include "literal.h"
#include <string.h>

/* So far from its first place a format is looked for. */
#define PLACES 4u
#define MAX_BYTES ((HIREDIS_KNOWN_WORDS - 1) * sizeof(uint64_t))

static_assert(sizeof(struct hiredis_known_format) == 64, "a cache line");
static_assert(HIREDIS_KNOWN_FORMATS == 64, "a bit each, and what the top six bits of a product tell");

struct hiredis_known_format hiredis_known_formats[HIREDIS_KNOWN_FORMATS];
/* Relaxed atomic: who sets a bit fills that entry. */
static uint64_t claimed;

/* False: it has to be walked at every call. */
static bool walk_once(struct hiredis_known_format *known, const char *format)
{
    uint8_t n_texts = 0;
    for (const char *at = strchr(format, '%'); at && at[1]; at = strchr(at, '%')) {
        struct conversion conversion = walk_conversion(at);
        if (conversion.kind == UNKNOWN)
            return false;
        if (conversion.kind != PERCENT_SIGN) {
            if (known->n_arguments == HIREDIS_KNOWN_ARGUMENTS)
                return false;
            n_texts += conversion.kind == TEXT_STRING;
            known->arguments[known->n_arguments++] = hiredis_known_pack(&conversion);
        }
        at = conversion.end;
    }
    known->n_texts = n_texts == known->n_arguments ? n_texts : 0;
    return true;
}

static void fill(struct hiredis_known_format *known, const char *format)
{
    size_t bytes = strlen(format);
    if (bytes && bytes <= MAX_BYTES && literal_is(format, bytes) && walk_once(known, format)) {
        known->words[0] = facts_head(WIRE_DB_COMMAND_FORMAT, WIRE_STRING, bytes);
        memcpy(known->words + 1, format, bytes);
        known->fact_bytes = (uint8_t)facts_size(bytes);
    }
    __atomic_store_n(&known->format, format, __ATOMIC_RELEASE);
}

const struct hiredis_known_format *hiredis_known_slowly(const char *format)
{
    uint32_t first = hiredis_known_place(format);
    for (uint32_t i = 0; format && i < PLACES; i++) {
        uint32_t place = (first + i) % HIREDIS_KNOWN_FORMATS;
        struct hiredis_known_format *known = &hiredis_known_formats[place];
        const char *there = __atomic_load_n(&known->format, __ATOMIC_ACQUIRE);
        if (there == format)
            return known;
        if (there)
            continue;
        if (__atomic_fetch_or(&claimed, 1ull << place, __ATOMIC_RELAXED) >> place & 1)
            return NULL; /* somebody is about to fill it, perhaps with this one */
        fill(known, format);
        return known;
    }
    return NULL;
}

/*
 * hiredis_known_format: formats that are literals of the program, walked once.
 *
 * A program has few formats and uses them again and again. What a literal says cannot change (literal.h), so its address tells it:
 * the fact it makes and the conversions in it are kept, one cache line each. The first HIREDIS_KNOWN_FORMATS addresses of a
 * process have a place, literals or not; those that are none, or too long, and all later ones are walked at every call.
 *
 * Context: hot, async-signal-safe; the first use of an address is cold. Threads: any; an entry never changes once it has a format.
 */
#ifndef OTELSHIM_HIREDIS_KNOWN_FORMAT_H
#define OTELSHIM_HIREDIS_KNOWN_FORMAT_H

#include "instrument/hiredis_walk_format.h"
#include <assert.h>
#include <stdint.h>

#define HIREDIS_KNOWN_FORMATS 64u
#define HIREDIS_KNOWN_ARGUMENTS 5u
#define HIREDIS_KNOWN_WORDS 6u

struct hiredis_known_format {
    _Alignas(64) const char *format; /* NULL: nobody's yet */
    uint8_t fact_bytes;              /* of the format's fact; 0: it is to be walked */
    uint8_t n_arguments;
    uint8_t n_texts;                            /* the same where all of them are %s, else 0 */
    uint8_t arguments[HIREDIS_KNOWN_ARGUMENTS]; /* hiredis_known_conversion() */
    uint64_t words[HIREDIS_KNOWN_WORDS];
};

extern __attribute__((
    visibility("hidden"))) struct hiredis_known_format hiredis_known_formats[HIREDIS_KNOWN_FORMATS];

/* Where the entry of a format is looked for first. */
static inline uint32_t hiredis_known_place(const char *format)
{
    return (uint32_t)((uint64_t)(uintptr_t)format * 0x9e3779b97f4a7c15u >> 58);
}

__attribute__((cold)) const struct hiredis_known_format *hiredis_known_slowly(const char *format);
/* NULL: it is to be walked. */
static inline const struct hiredis_known_format *hiredis_known_find(const char *format)
{
    const struct hiredis_known_format *known = &hiredis_known_formats[hiredis_known_place(format)];
    if (__builtin_expect(__atomic_load_n(&known->format, __ATOMIC_ACQUIRE) != format, 0))
        known = hiredis_known_slowly(format);
    return known && known->fact_bytes ? known : NULL;
}

/* A conversion but for its end, in a byte; that of a %s is 0. */
static inline uint8_t hiredis_known_pack(const struct conversion *conversion)
{
    static_assert(TEXT_STRING == 0 && UNKNOWN < 8 && WIDTH_LONG_LONG < 8, "three bits each");
    if (conversion->kind != INTEGER)
        return (uint8_t)conversion->kind;
    return (uint8_t)((unsigned)conversion->kind | (unsigned)conversion->width << 3 |
                     (unsigned)conversion->is_unsigned << 6);
}

static inline struct conversion hiredis_known_conversion(uint8_t packed)
{
    return (struct conversion){.kind = (enum conversion_kind)(packed & 7),
                               .width = (enum conversion_width)(packed >> 3 & 7),
                               .is_unsigned = packed >> 6};
}

#endif

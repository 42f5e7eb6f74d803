/*
 * instrument: what every file of this folder is made of. How to add one: README.md here.
 *
 * Context: hot. An instrumentation file contains calls and copies only: no parsing, no formatting, no malloc.
 */
#ifndef OTELSHIM_INSTRUMENT_H
#define OTELSHIM_INSTRUMENT_H

#include "hot.h"
#include "lifecycle.h"
#include "operation.h"
#include "real.h"
#include "span.h"
#include <errno.h>
#include <stddef.h>
#include <wire.h>

#define EXPORTED __attribute__((visibility("default")))

/* One library or call style: a row of the table that instrument/all.h lists. */
struct instrumentation {
    const char *name;   /* the scope is "otelshim.<name>" */
    const char *system; /* db.system.name; NULL where the family has none */
    uint16_t family;    /* enum wire_family */
    struct real_entry *entry_points;
    uint32_t n_entry_points;
};

enum instrument {
#define INSTRUMENTATION(name) INSTRUMENT_##name,
#include "instrument/all.h"
#undef INSTRUMENTATION
    N_INSTRUMENTS
};

#define INSTRUMENTATION(name) extern const struct instrumentation instrument_##name;
#include "instrument/all.h"
#undef INSTRUMENTATION

/* The table, in the order of all.h (instrument/table.c). */
extern const struct instrumentation *const instrument_table[N_INSTRUMENTS];

/* Declares the entry points of a file from a list: enum ENTRY_<name> and the table entry_points[]. What follows a name
 * in its row is said of its real_entry: X(redisReconnect, .failure = REAL_RETURNS_MINUS_1). */
#define ENTRY_POINT_NUMBER(name, ...) ENTRY_##name,
#define ENTRY_POINT_ROW(name_, ...) {.name = #name_, __VA_ARGS__},
#define DEFINE_ENTRY_POINTS(LIST)                     \
    enum { LIST(ENTRY_POINT_NUMBER) N_ENTRY_POINTS }; \
    static struct real_entry entry_points[] = {LIST(ENTRY_POINT_ROW)}

/* Who called us: decides between two flavours of a library, and whether the library called itself. */
#define CALL_SITE const void *const call_site = __builtin_return_address(0)

/* The real function behind this wrapper. `handle` is in scope or NULL. Needs CALL_SITE. */
#define REAL_OF(name, handle) ((__typeof__(&name))real_find(&entry_points[ENTRY_##name], call_site, handle))
#define REAL(name) REAL_OF(name, NULL)

/* The library called itself through the PLT: not the program's call. Needs CALL_SITE. */
#define IS_INTERNAL(name) real_is_internal(&entry_points[ENTRY_##name], call_site)

#endif

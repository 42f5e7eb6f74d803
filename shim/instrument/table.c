/* table: the instrumentations in the order of all.h. */
#include "instrument/instrument.h"

const struct instrumentation *const instrument_table[N_INSTRUMENTS] = {
#define INSTRUMENTATION(name) &instrument_##name,
#include "instrument/all.h"
#undef INSTRUMENTATION
};

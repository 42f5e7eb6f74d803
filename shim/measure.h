/*
 * measure: one measurement of an instrument of the program's own, as a record: the exporter adds them up, and loses none.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any. A full pool counts it as NO_CHUNK_COUNT.
 */
#ifndef OTELSHIM_MEASURE_H
#define OTELSHIM_MEASURE_H

#include "attribute_list.h"

/* `value`: an int64_t, or the bits of a double. Without a name, or of an unknown instrument: nothing. */
void measure(const struct otelshim_metric *metric, uint64_t value, bool is_double,
             const struct attribute_list *list, const void *frame);

#endif

/*
 * api: the functions of otelshim.h.
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any.
 */
#ifndef OTELSHIM_API_H
#define OTELSHIM_API_H

#define OTELSHIM_TYPES_ONLY
#include "otelshim.h"

extern const struct otelshim_table api_table;

#endif

/*
 * ids: trace ids and span ids.
 *
 * Context: hot, async-signal-safe. Threads: the random state is the caller's own. Source: W3C Trace Context Level 2
 * (random flag: the low 56 bits of the trace id are uniformly random); never all zero.
 */
#ifndef OTELSHIM_IDS_H
#define OTELSHIM_IDS_H

#include <stdint.h>

/* xoshiro256++ step; `state` must not be all zero. */
uint64_t ids_random(uint64_t state[4]);
void ids_make_trace_id(uint64_t state[4], uint8_t trace_id[16]);
void ids_make_span_id(uint64_t state[4], uint8_t span_id[8]);

#endif

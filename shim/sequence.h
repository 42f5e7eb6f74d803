/*
 * sequence: brackets around a change to a slot of the mapped file. The exporter discards copies taken while the number
 * is odd (HANDOVER 3).
 *
 * Only the slot's owner changes it. The end is a release: whoever takes the slot over from a thread that is gone reads the
 * number with acquire, and so sees all that thread wrote (thread.c). On x86-64 it costs nothing.
 *
 * Context: hot, async-signal-safe.
 */
#ifndef OTELSHIM_SEQUENCE_H
#define OTELSHIM_SEQUENCE_H

#include <stdint.h>

static inline void sequence_begin(uint32_t *sequence)
{
    (*sequence)++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void sequence_end(uint32_t *sequence)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE);
}

#endif

/*
 * ids: trace ids and span ids.
 *
 * Context: hot, async-signal-safe. Threads: the random state is the caller's own. Source: W3C Trace Context Level 2
 * (random flag: the low 56 bits of the trace id are uniformly random); never all zero.
 * A trace id is made once an episode, a span id in every call: those come from a counter, one to one, so that a thread
 * repeats none, for a third of the instructions.
 */
#ifndef OTELSHIM_IDS_H
#define OTELSHIM_IDS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t ids_rotate_left(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

/* xoshiro256++ 1.0 by Blackman and Vigna (public domain algorithm): 1 ns an id. `state` must not be all zero. */
static inline uint64_t ids_random(uint64_t state[4])
{
    uint64_t result = ids_rotate_left(state[0] + state[3], 23) + state[0];
    uint64_t shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = ids_rotate_left(state[3], 45);
    return result;
}

/* Zero has one chance in 2^64; an id that is all zero would be invalid. */
static inline uint64_t ids_random_not_zero(uint64_t state[4])
{
    uint64_t id = ids_random(state);
    return id ? id : 1;
}

static inline void ids_make_trace_id(uint64_t state[4], uint8_t trace_id[16])
{
    uint64_t halves[2] = {ids_random(state), ids_random_not_zero(state)};
    memcpy(trace_id, halves, sizeof(halves));
}

/* splitmix64, public domain. */
static inline uint64_t ids_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The counter begins anywhere (random), and its steps are wide: one round mixes enough for who looks at some of the bits. */
static inline void ids_make_span_id(uint64_t *counter, uint8_t span_id[8])
{
    uint64_t x = *counter += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x = __builtin_expect(x != 0, 1) ? x : 1;
    memcpy(span_id, &x, sizeof(x));
}

#endif

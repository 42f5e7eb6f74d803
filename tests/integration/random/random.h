/*
 * random: what the random programs share: a seed's choices, the trace that is printed, the ways in which they are run.
 *
 * A program is made of `steps` of a `world`: a set of handles of one library that one thread at a time uses. From the
 * seed follows how it is run: by one thread; handed from thread to thread, which come and go; or three worlds side by
 * side. Nothing that is printed may depend on time or addresses: the run with the library must print what the run
 * without it prints.
 *
 * "!span OUTCOME TAG" lines say which spans there must be. OUTCOME: UNSET, ERROR; ANY one of them; MAYBE also none;
 * OPEN any, or ended by the process's end.
 */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TAG_BYTES 160

struct base {
    FILE *out;
    uint64_t dice;
    int number;    /* of the world: keys and tables bear it */
    int n_serial;  /* numbers for what must be told apart */
    bool may_fork; /* no other world is running */
};

/*
 * Of the library. A world begins with its `struct base base`; the rest of a new one is zeros. A step is one random call
 * or sequence; a tidy end frees all handles, work open or not, another leaves them.
 */
struct world;
extern const size_t world_bytes;
void world_step(struct world *w);
void world_end(struct world *w, bool is_tidy);

/* ---- choices ---- */

uint32_t roll(struct base *base, uint32_t n); /* 0 … n - 1 */
bool one_in(struct base *base, uint32_t n);

/* ---- what is printed ---- */

__attribute__((format(printf, 2, 3))) void say(struct base *base, const char *format, ...);
void expect_span(struct base *base, const char *outcome, const char *tag);
const char *failed_if(bool has_failed);

/* ---- ways of running ---- */

/* A child makes a world of its own and ends in one of four ways. Its parent's handles are not touched. */
void fork_child(struct base *base);

/* PROGRAM SEED [STEPS] */
int random_main(int argc, char **argv);

#endif

/* Optimised code: cases 2 (inlined functions), 10 (stack smash), 11 (FORTIFY). Built with -O2 and what the case needs. */
#include "torture.h"

static inline __attribute__((always_inline)) void third(volatile int *p)
{
    *p = 1; /* here: third */
}

static inline __attribute__((always_inline)) void second(volatile int *p)
{
    always++;
    third(p + 1); /* here: second */
}

static inline __attribute__((always_inline)) void first(volatile int *p)
{
    always++;
    second(p + 1); /* here: first */
}

static NOINLINE void inlined(void)
{
    volatile int *volatile nothing = NULL;
    forbid_allocations();
    first(nothing); /* here: inlined */
    always++;
}

static NOINLINE void fill(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)text)[i] = 'A';
}

static NOINLINE void smash(void)
{
    char small[16];
    fill(small, 16 + (size_t)always * 24);
}

static NOINLINE void fortify(void)
{
    char small[16];
    volatile size_t n = 20;
    memset(small, 'A', n); /* here: fortify */
    say("%.15s\n", small);
}

const struct deed deeds[] = {{"inlined", inlined}, {"smash", smash}, {"fortify", fortify}, {NULL, NULL}};

/* Case 114: one bug reached by two ways. */
#include "torture.h"

static NOINLINE void bug(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1;
    always++;
}

static NOINLINE void shared(void)
{
    bug();
    always++;
}

static NOINLINE void route_one(void)
{
    shared();
    always++;
}

static NOINLINE void route_two(void)
{
    shared();
    always++;
}

static NOINLINE void other_signal(void)
{
    abort();
}

const struct deed deeds[] = {
    {"route_one", route_one}, {"route_two", route_two}, {"other_signal", other_signal}, {NULL, NULL}};

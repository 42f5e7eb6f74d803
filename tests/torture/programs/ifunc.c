/* Case 74: a crash in an IFUNC resolver, before any constructor ran. */
#include "torture.h"

static void resolved(void)
{
}

static void (*resolver(void))(void)
{
    *(volatile int *)0 = 1; /* here: resolver */
    return resolved;
}

void indirect(void) __attribute__((ifunc("resolver")));

static void run(void)
{
    indirect();
}

const struct deed deeds[] = {{"run", run}, {NULL, NULL}};

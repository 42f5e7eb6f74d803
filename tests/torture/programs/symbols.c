/* Cases 3-6: a program whose names and lines are elsewhere, or nowhere. */
#include "torture.h"

#ifdef NAME /* each its own build id */
extern const char symbols_name[];
const char symbols_name[] = NAME;
#endif

void exported_function(volatile int *p);

static NOINLINE void static_function(volatile int *p)
{
    *p = 1; /* here: static_function */
    always++;
}

NOINLINE void exported_function(volatile int *p)
{
    static_function(p); /* here: exported_function */
    always++;
}

static NOINLINE void crash(void)
{
    volatile int *volatile nothing = NULL;
    exported_function(nothing); /* here: crash */
    always++;
}

const struct deed deeds[] = {{"crash", crash}, {NULL, NULL}};

/* A library with a constructor that installs a handler before main, and before the library under test: case 46. Crashes there, too. */
#include "torture.h"

static void early_handler(int sig)
{
    say("early handler: signal %d\n", sig);
    signal(sig, SIG_DFL);
}

__attribute__((constructor)) static void early_start(void)
{
    const char *what = getenv("TORTURE_EARLY");
    if (what && !strcmp(what, "handler"))
        signal(SIGSEGV, early_handler);
    if (what && !strcmp(what, "crash"))
        *(volatile int *)0 = 1; /* here: early_start */
}

__attribute__((destructor)) static void early_end(void)
{
    const char *what = getenv("TORTURE_EARLY");
    if (what && !strcmp(what, "destructor"))
        *(volatile int *)0 = 1; /* here: early_end */
}

void early_exists(void);
void early_exists(void)
{
}

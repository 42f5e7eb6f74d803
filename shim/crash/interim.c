/* interim: stands in for entry.c until that is there: crash capture is off. */
#include "crash/crash.h"

#define WEAK __attribute__((weak))

WEAK bool crash_is_on(void)
{
    return false;
}

WEAK void crash_entry(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
}

/*
 * tsan: what ThreadSanitizer asks whoever is in front of its runtime.
 *
 * It intercepts our memcpy() and takes what we write for the program's own: the slot of a dead thread that a new one
 * takes over was reported as the program's data race, with exit status 66. A memcpy() of our own would hide it from every
 * runtime, but was measured at 46 instructions more a span than libc's. A program that has suppressions of its own, or the
 * runtime within itself (clang), is asked instead of us.
 *
 * Context: before anything works. No libc, no relocation.
 */
#include "instrument/instrument.h"

EXPORTED const char *__tsan_default_suppressions(void);

EXPORTED const char *__tsan_default_suppressions(void)
{
    static const char suppressions[] = "called_from_lib:libotelshim.so\n";
    return suppressions;
}

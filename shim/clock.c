/* clock: see clock.h. clock_gettime() is in libc since glibc 2.17, and in musl. */
#include "clock.h"

uint64_t clock_unix_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

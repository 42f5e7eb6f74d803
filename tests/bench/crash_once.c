/* crash_once: after CRASH_AFTER_MS notes the time in CRASH_NOTE, then writes through NULL, 34 calls deep. Linked with ballast.c for its DWARF. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t *note;
static volatile int always = 1;

static __attribute__((noinline)) int deeper(int n)
{
    if (n > 0)
        return deeper(n - 1) + always;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *note = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    volatile int *volatile nothing = NULL;
    *nothing = 1;
    return always;
}

int main(void)
{
    int fd = open(getenv("CRASH_NOTE"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return 2;
    note = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (getenv("CRASH_AFTER_MS"))
        usleep((useconds_t)atoi(getenv("CRASH_AFTER_MS")) * 1000);
    return deeper(32);
}

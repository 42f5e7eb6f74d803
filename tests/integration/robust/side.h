/* side: a mapped file on which a program notes what it began and finished: what a kill leaves to compare with. */
#ifndef OTELSHIM_TEST_SIDE_H
#define OTELSHIM_TEST_SIDE_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIDE_THREADS 64

struct side {
    uint64_t begun[SIDE_THREADS];    /* before the call */
    uint64_t inside[SIDE_THREADS];   /* in the library, on entry */
    uint64_t left[SIDE_THREADS];     /* in the library, before it returns */
    uint64_t finished[SIDE_THREADS]; /* after the call */
};

/* NULL: STUB_SIDE is not set. */
static inline struct side *side_open(void)
{
    const char *path = getenv("STUB_SIDE");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof(struct side)) != 0)
        return NULL;
    void *side = mmap(NULL, sizeof(struct side), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return side == MAP_FAILED ? NULL : side;
}

#endif

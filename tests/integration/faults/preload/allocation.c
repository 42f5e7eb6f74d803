/* allocation: LD_PRELOAD of an exporter: allocation number FAULTS_AT fails. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);

static int fails(void)
{
    static long n_left = -1;
    if (n_left < 0) {
        const char *at = getenv("FAULTS_AT");
        n_left = at ? atol(at) : 0;
        n_left = n_left ? n_left : 1l << 60;
    }
    return __atomic_sub_fetch(&n_left, 1, __ATOMIC_RELAXED) == 0;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : __libc_realloc(memory, bytes);
}

/*
 * detector: preloaded behind the library under test. Once a thread has said that it is about to die (torture_forbid_allocations), a call
 * of malloc and its like on it is a defect of a UNIX-signal handler: says so and ends the process in a way that no case expects.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);
void *__libc_memalign(size_t, size_t);
void *malloc(size_t);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void free(void *);
void *memalign(size_t, size_t);
void *aligned_alloc(size_t, size_t);
int posix_memalign(void **, size_t, size_t);
void torture_forbid_allocations(void);

static volatile long forbidden_tid;

void torture_forbid_allocations(void)
{
    forbidden_tid = syscall(SYS_gettid);
}

static void look(void)
{
    static const char text[] = "ALLOCATION IN A SIGNAL HANDLER\n";
    if (!forbidden_tid || syscall(SYS_gettid) != forbidden_tid)
        return;
    syscall(SYS_write, 2, text, sizeof text - 1);
    syscall(SYS_exit_group, 95);
}

void *malloc(size_t n)
{
    look();
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t m)
{
    look();
    return __libc_calloc(n, m);
}
void *realloc(void *p, size_t n)
{
    look();
    return __libc_realloc(p, n);
}
void free(void *p)
{
    look();
    __libc_free(p);
}
void *memalign(size_t a, size_t n)
{
    look();
    return __libc_memalign(a, n);
}
void *aligned_alloc(size_t a, size_t n)
{
    look();
    return __libc_memalign(a, n);
}
int posix_memalign(void **p, size_t a, size_t n)
{
    look();
    *p = __libc_memalign(a, n);
    return *p ? 0 : ENOMEM;
}

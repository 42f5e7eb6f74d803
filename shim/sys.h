/*
 * sys: raw system calls that return -errno, and nothing of libc: no errno, no cancellation point, no version.
 *
 * Context: signal (and so every other). A function the host interposes, and one newer than GLIBC_2.17, is out of
 * reach of nobody who goes through here. Structs and constants come from the headers; symbols never do.
 */
#ifndef OTELSHIM_SYS_H
#define OTELSHIM_SYS_H

#include <asm/unistd.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Newer than the headers of the oldest distribution we build on. */
#ifndef __NR_close_range
#define __NR_close_range 436
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#endif

/* NOLINTBEGIN(readability-function-size): the kernel takes a number and six arguments */
#if defined(__x86_64__)
static inline long sys_call6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long sys_call6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}
#else
#error "otelshim: x86-64 and aarch64 only"
#endif
/* NOLINTEND(readability-function-size) */

static inline long sys_call3(long number, long a, long b, long c)
{
    return sys_call6(number, a, b, c, 0, 0, 0);
}

static inline bool sys_is_error(long result)
{
    return (unsigned long)result > -4096ul;
}

/* ---- files ---- */
static inline int sys_openat(int directory, const char *path, int flags, unsigned mode)
{
    return (int)sys_call6(__NR_openat, directory, (long)path, flags | O_CLOEXEC, (long)mode, 0, 0);
}
static inline int sys_open(const char *path, int flags)
{
    return sys_openat(AT_FDCWD, path, flags, 0);
}
static inline void sys_close(int fd)
{
    (void)sys_call3(__NR_close, fd, 0, 0);
}
static inline long sys_read(int fd, void *to, size_t bytes)
{
    return sys_call3(__NR_read, fd, (long)to, (long)bytes);
}
static inline long sys_pwrite(int fd, const void *from, size_t bytes, uint64_t offset)
{
    return sys_call6(__NR_pwrite64, fd, (long)from, (long)bytes, (long)offset, 0, 0);
}
static inline long sys_ftruncate(int fd, uint64_t bytes)
{
    return sys_call3(__NR_ftruncate, fd, (long)bytes, 0);
}
static inline long sys_fallocate(int fd, uint64_t offset, uint64_t bytes)
{
    return sys_call6(__NR_fallocate, fd, 0, (long)offset, (long)bytes, 0, 0);
}
static inline long sys_fchmod(int fd, unsigned mode)
{
    return sys_call3(__NR_fchmod, fd, (long)mode, 0);
}
static inline long sys_mkdir(const char *path, unsigned mode)
{
    return sys_call3(__NR_mkdirat, AT_FDCWD, (long)path, (long)mode);
}
static inline long sys_unlinkat(int directory, const char *path)
{
    return sys_call3(__NR_unlinkat, directory, (long)path, 0);
}
static inline long sys_readlink(const char *path, char *to, size_t bytes)
{
    return sys_call6(__NR_readlinkat, AT_FDCWD, (long)path, (long)to, (long)bytes, 0, 0);
}
static inline bool sys_may_execute(const char *path)
{
    return sys_call3(__NR_faccessat, AT_FDCWD, (long)path, 1) == 0;
}
/* The kernel's struct stat is libc's on both architectures. */
static inline long sys_fstat(int fd, void *ret_stat)
{
    return sys_call3(__NR_fstat, fd, (long)ret_stat, 0);
}
static inline long sys_stat(const char *path, void *ret_stat)
{
    return sys_call6(__NR_newfstatat, AT_FDCWD, (long)path, (long)ret_stat, 0, 0, 0);
}
static inline long sys_fstatfs(int fd, void *ret_statfs)
{
    return sys_call3(__NR_fstatfs, fd, (long)ret_statfs, 0);
}
static inline long sys_fcntl(int fd, int command, void *argument)
{
    return sys_call3(__NR_fcntl, fd, command, (long)argument);
}
static inline long sys_getcwd(char *to, size_t bytes)
{
    return sys_call3(__NR_getcwd, (long)to, (long)bytes, 0);
}

static inline void sys_sched_yield(void)
{
    (void)sys_call3(__NR_sched_yield, 0, 0, 0);
}

/* ---- memory ---- */
/* NULL when refused. */
static inline void *sys_mmap(void *at, size_t bytes, int protection, int flags, int fd)
{
    long result = sys_call6(__NR_mmap, (long)at, (long)bytes, protection, flags, fd, 0);
    return sys_is_error(result) ? NULL : (void *)result;
}
static inline void sys_munmap(void *at, size_t bytes)
{
    (void)sys_call3(__NR_munmap, (long)at, (long)bytes, 0);
}
static inline long sys_madvise(void *at, size_t bytes, int advice)
{
    return sys_call3(__NR_madvise, (long)at, (long)bytes, advice);
}
static inline long sys_mincore(void *at, size_t bytes, unsigned char *ret_pages)
{
    return sys_call3(__NR_mincore, (long)at, (long)bytes, (long)ret_pages);
}

/* ---- processes and threads ---- */
static inline uint32_t sys_getpid(void)
{
    return (uint32_t)sys_call3(__NR_getpid, 0, 0, 0);
}
static inline uint32_t sys_gettid(void)
{
    return (uint32_t)sys_call3(__NR_gettid, 0, 0, 0);
}
static inline uint32_t sys_geteuid(void)
{
    return (uint32_t)sys_call3(__NR_geteuid, 0, 0, 0);
}
static inline long sys_tgkill(uint32_t pid, uint32_t tid, int signal)
{
    return sys_call3(__NR_tgkill, (long)pid, (long)tid, signal);
}
static inline long sys_prctl(int option, void *argument)
{
    return sys_call6(__NR_prctl, option, (long)argument, 0, 0, 0, 0);
}
static inline long sys_getrandom(void *to, size_t bytes, unsigned flags)
{
    return sys_call3(__NR_getrandom, (long)to, (long)bytes, (long)flags);
}
static inline long sys_membarrier(int command)
{
    return sys_call3(__NR_membarrier, command, 0, 0);
}
/* Two u64: soft and hard. `set` or `ret_limit` may be NULL. */
static inline long sys_prlimit(int resource, const uint64_t *set, uint64_t *ret_limit)
{
    return sys_call6(__NR_prlimit64, 0, resource, (long)set, (long)ret_limit, 0, 0);
}
static inline long sys_wait4(int pid, int options)
{
    return sys_call6(__NR_wait4, pid, 0, options, 0, 0, 0);
}
/* Blocks every UNIX signal of this thread, those that libc keeps for itself too. */
static inline void sys_block_signals(uint64_t *ret_old)
{
    uint64_t all = ~0ull;
    (void)sys_call6(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)ret_old, sizeof all, 0, 0);
}
static inline void sys_restore_signals(const uint64_t *old)
{
    (void)sys_call6(__NR_rt_sigprocmask, 2, (long)old, 0, sizeof *old, 0, 0);
}

/* ---- futex ---- */
struct sys_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};
/* Between processes (not FUTEX_PRIVATE). `word` is never read by us. */
static inline void sys_futex_wake(const volatile void *word)
{
    (void)sys_call6(__NR_futex, (long)word, 1 /* FUTEX_WAKE */, INT32_MAX, 0, 0, 0);
}
static inline long sys_futex_wait(const volatile void *word, uint32_t expected, uint64_t timeout_ns)
{
    struct sys_timespec timeout = {(int64_t)(timeout_ns / 1000000000u), (int64_t)(timeout_ns % 1000000000u)};
    return sys_call6(__NR_futex, (long)word, 0 /* FUTEX_WAIT */, (long)expected, (long)&timeout, 0, 0);
}

#endif

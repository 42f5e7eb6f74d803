/*
 * threads: registers and stacks of all threads of a running process, which goes on as if nothing had been.
 *
 * By ptrace, in a process of its own that lives as long as the copying: what a thread that would not stop is left in, and what a
 * killed exporter leaves behind, its end undoes in the kernel. [A living tracer cannot detach from a thread that has not stopped;
 * and where the exporter is the program's parent (`otelshim run --console`), its wait() would see the stops.]
 *
 * Context: loop; blocks it for as long as the process is stopped (0.4 ms for 10 threads, 11 ms for 500; at most THREADS_LAST_MS and
 * a little). What the process may notice is what gdb or SIGSTOP and SIGCONT would do: a blocking epoll_wait(2), semop(2) or
 * receive with a timeout may return EINTR (man 7 signal).
 */
#ifndef OTELSHIM_SOURCE_THREADS_H
#define OTELSHIM_SOURCE_THREADS_H

#include "base/arena.h"
#include "telemetry/crash_case.h"

#define THREADS_BUDGET_MS 20u /* then those that have stopped are copied and go on */
#define THREADS_LAST_MS 100u  /* for the others; then they are incomplete */
#define THREADS_MAX 1024u
#define THREADS_STACK_MAX (64u << 10)

struct threads {
    struct crash_thread *items; /* in the arena */
    uint32_t n;
    const char *missing; /* why there is none, or not all; NULL: all are there */
    uint64_t stopped_ns; /* from the first one asked to stop to the last one let go */
};

/* `except_tid` 0: none. `maps` is the text of /proc/PID/maps, to know where stacks end; NULL unknown. */
void threads_copy(struct arena *arena, uint32_t pid, uint32_t except_tid, const char *maps,
                  struct threads *ret_threads);

/* Copies what can be read of [address, address + n_bytes), from its beginning. Returns how many bytes. */
size_t threads_read_memory(uint32_t pid, uint64_t address, void *ret_bytes, size_t n_bytes);
/* The end of the mapping that holds `address`, out of the text of /proc/PID/maps; 0 when none does. */
uint64_t threads_mapping_end(const char *maps, uint64_t address);
/* Why `error` (EPERM, …) came of looking into this process, in words a human can act on. */
const char *threads_why_not(struct arena *arena, uint32_t pid, int error);

#endif

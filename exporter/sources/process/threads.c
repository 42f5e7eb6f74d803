/*
 * threads: see threads.h.
 *
 *   exporter                                   tracer (same memory, a process of its own)
 *   makes room, clones the tracer ──────────▶  lists /proc/PID/task, PTRACE_SEIZE and INTERRUPT each, until no new one appears
 *   waits on its pidfd, with a deadline        as they stop: copies registers and stack; lets all go that stopped in time
 *   takes what was copied ◀──────────────────  the rest until the last deadline, then ends: the kernel detaches
 *
 * The tracer allocates nothing and takes no lock: the exporter's other thread may hold any.
 */
#include "sources/process/threads.h"

#include "base/clock.h"
#include "sources/process/threads_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACER_STACK_BYTES (64u << 10)
#define MS_NS 1000000ull
#define GRACE_MS 30 /* for the tracer beyond its own deadlines */
#define PAGE 4096u  /* the smallest there is: pieces of this size never cross into another page */

size_t threads_read_memory(uint32_t pid, uint64_t address, void *ret_bytes, size_t n_bytes)
{
    uint8_t *to = ret_bytes;
    size_t done = 0;
    while (done < n_bytes) {
        struct iovec remote[16], local = {.iov_base = to + done, .iov_len = 0};
        unsigned n = 0;
        for (; n < 16 && done + local.iov_len < n_bytes; n++) {
            uint64_t from = address + done + local.iov_len;
            size_t piece = PAGE - from % PAGE, left = n_bytes - done - local.iov_len;
            /* NOLINTNEXTLINE(performance-no-int-to-ptr): an address of theirs */
            remote[n] =
                (struct iovec){.iov_base = (void *)(uintptr_t)from, .iov_len = piece < left ? piece : left};
            local.iov_len += remote[n].iov_len;
        }
        ssize_t got = process_vm_readv((pid_t)pid, &local, 1, remote, n, 0);
        if (got <= 0)
            break;
        done += (size_t)got;
        if ((size_t)got < local.iov_len)
            break;
    }
    return done;
}

/* ---- where mappings end ---- */

/* "low-high " at the beginning of a line. */
static bool parse_range(const char *line, uint64_t *ret_low, uint64_t *ret_high)
{
    char *end;
    uint64_t low = strtoull(line, &end, 16);
    if (*end != '-')
        return false;
    *ret_low = low;
    *ret_high = strtoull(end + 1, &end, 16);
    return *end == ' ';
}

uint64_t threads_mapping_end(const char *maps, uint64_t address)
{
    for (const char *line = maps; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        uint64_t low, high;
        if (parse_range(line, &low, &high) && address >= low && address < high)
            return high;
    }
    return 0;
}

static uint32_t count_lines(const char *maps)
{
    uint32_t n = 0;
    for (const char *at = maps; at && (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

static void list_ranges(struct tracing *tracing, const char *maps)
{
    uint32_t n = count_lines(maps);
    tracing->ranges = n ? malloc(n * sizeof(*tracing->ranges)) : NULL;
    for (const char *line = maps; tracing->ranges && line && *line && tracing->n_ranges < n;
         line = strchr(line, '\n')) {
        line += *line == '\n';
        struct tracing_range *range = &tracing->ranges[tracing->n_ranges];
        tracing->n_ranges += parse_range(line, &range->low, &range->high);
    }
}

/* ---- the tracer's life ---- */

static void *map(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int run_tracer(void *context)
{
    trace(context);
    _exit(0);
}

/* UNIX signals of our own may interrupt it; errno says nothing, as the tracer shares this thread's. */
static bool poll_for(int pidfd, uint32_t timeout_ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), end_ns = now_ns + timeout_ms * MS_NS;
    int n = -1;
    for (; n < 0 && now_ns < end_ns; now_ns = clock_ns(CLOCK_MONOTONIC))
        n = poll(&ended, 1, (int)((end_ns - now_ns + MS_NS - 1) / MS_NS));
    return n > 0;
}

/* True once it has ended: then nobody writes into the memory any more. */
static bool wait_for(pid_t tracer, int pidfd)
{
    bool has_ended = poll_for(pidfd, THREADS_LAST_MS + GRACE_MS);
    if (!has_ended) {
        kill(tracer, SIGKILL);
        has_ended = poll_for(pidfd, GRACE_MS);
    }
    return has_ended && waitpid(tracer, NULL, __WALL | WNOHANG) == tracer;
}

/* 0, or -errno: then it never began. *ret_has_ended false: it hangs in the kernel, and keeps the memory. */
static int start_tracer(struct tracing *tracing, uint8_t *stack, bool *ret_has_ended)
{
    sigset_t all, before;
    int pidfd = -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the loop's handlers are not for the tracer */
    pid_t tracer =
        clone(run_tracer, stack + TRACER_STACK_BYTES, CLONE_VM | CLONE_PIDFD, tracing, &pidfd, NULL, NULL);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (tracer < 0)
        return -error;
    *ret_has_ended = wait_for(tracer, pidfd);
    close(pidfd);
    return 0;
}

/* ---- what was copied ---- */

static void take_thread(struct arena *arena, const struct traced_thread *from, const uint8_t *stack,
                        struct crash_thread *to)
{
    *to = (struct crash_thread){.tid = from->tid, .is_incomplete = from->step != STEP_COPIED};
    memcpy(to->name, from->name, sizeof(from->name));
    if (from->step != STEP_COPIED)
        return;
    memcpy(to->registers, from->registers, sizeof(to->registers));
    if (!from->stack_bytes)
        return;
    struct crash_memory *memory = arena_alloc(arena, sizeof(*memory));
    *memory = (struct crash_memory){.address = from->stack_from,
                                    .bytes = (uint8_t *)arena_copy(arena, stack, from->stack_bytes),
                                    .n_bytes = from->stack_bytes};
    to->memory = memory;
    to->n_memory = 1;
}

static void take(struct arena *arena, uint32_t pid, const struct tracing *tracing, struct threads *threads)
{
    uint32_t n_incomplete = 0;
    threads->items = arena_zalloc(arena, (tracing->n_threads + 1) * sizeof(threads->items[0]));
    for (uint32_t i = 0; i < tracing->n_threads; i++) {
        const struct traced_thread *from = &tracing->threads[i];
        if (from->step == STEP_GONE || from->step == STEP_REFUSED)
            continue;
        n_incomplete += from->step != STEP_COPIED;
        take_thread(arena, from, tracing->stacks + (size_t)i * THREADS_STACK_MAX,
                    &threads->items[threads->n++]);
    }
    threads->stopped_ns = tracing->stopped_ns;
    if (tracing->error)
        threads->missing = threads_why_not(arena, pid, tracing->error);
    else if (tracing->is_cut)
        threads->missing = arena_printf(arena, "more than %u threads: the others are left out", THREADS_MAX);
    else if (n_incomplete)
        threads->missing =
            arena_printf(arena, "%u of them did not stop within %u ms", n_incomplete, THREADS_LAST_MS);
}

void threads_copy(struct arena *arena, uint32_t pid, uint32_t except_tid, const char *maps,
                  struct threads *ret_threads)
{
    size_t stacks_bytes = (size_t)THREADS_MAX * THREADS_STACK_MAX;
    struct tracing *tracing = map(sizeof(*tracing));
    uint8_t *stack = map(TRACER_STACK_BYTES);
    bool has_ended = true;
    int error = -ENOMEM;
    *ret_threads = (struct threads){.n = 0};
    if (tracing)
        tracing->stacks = map(stacks_bytes);
    if (tracing && stack && tracing->stacks) {
        tracing->pid = pid;
        tracing->except_tid = except_tid;
        list_ranges(tracing, maps);
        error = start_tracer(tracing, stack, &has_ended);
    }
    if (error)
        ret_threads->missing = threads_why_not(arena, pid, -error);
    else if (!has_ended)
        ret_threads->missing = "the kernel did not answer in time";
    else
        take(arena, pid, tracing, ret_threads);
    if (!has_ended)
        return; /* it may write still */
    if (tracing) {
        free(tracing->ranges);
        if (tracing->stacks)
            munmap(tracing->stacks, stacks_bytes);
        munmap(tracing, sizeof(*tracing));
    }
    if (stack)
        munmap(stack, TRACER_STACK_BYTES);
}

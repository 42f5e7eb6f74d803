/*
 * tracer: the process that stops the threads, copies, and lets them go. See threads.c.
 *
 * Nothing is set up that outlives it (no PTRACE_O_EXITKILL), so its end, whatever ends it, leaves every thread running. A
 * thread that was about to get a UNIX signal gets it; one that job control had stopped stays stopped.
 */
#include "sources/process/threads_priv.h"

#include "base/clock.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS_NS 1000000ull
#define RED_ZONE 128u
#define NAP_NS 20000
#define MAX_LISTINGS 8u /* of a process that makes threads faster than they can be stopped */

struct directory_entry { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

/* ---- registers ---- */

#if defined(__x86_64__)
static void number_registers(const struct user_regs_struct *regs, uint64_t to[WIRE_REGISTERS])
{
    const uint64_t by_number[] = {regs->rax, regs->rdx, regs->rcx, regs->rbx, regs->rsi, regs->rdi,
                                  regs->rbp, regs->rsp, regs->r8,  regs->r9,  regs->r10, regs->r11,
                                  regs->r12, regs->r13, regs->r14, regs->r15, regs->rip, regs->eflags};
    memcpy(to, by_number, sizeof(by_number));
}
#define STACK_POINTER 7
#elif defined(__aarch64__)
static void number_registers(const struct user_regs_struct *regs, uint64_t to[WIRE_REGISTERS])
{
    memcpy(to, regs->regs, sizeof(regs->regs));
    to[WIRE_AARCH64_SP] = regs->sp;
    to[WIRE_AARCH64_PC] = regs->pc;
    to[WIRE_AARCH64_PSTATE] = regs->pstate;
}
#define STACK_POINTER WIRE_AARCH64_SP
#else
#error "no registers for this machine"
#endif

static uint64_t end_of_stack(const struct tracing *tracing, uint64_t address)
{
    uint32_t low = 0, high = tracing->n_ranges;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (tracing->ranges[middle].high <= address)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_known = low < tracing->n_ranges && tracing->ranges[low].low <= address;
    return is_known ? tracing->ranges[low].high : address + THREADS_STACK_MAX;
}

static bool copy(struct tracing *tracing, uint32_t index)
{
    struct traced_thread *thread = &tracing->threads[index];
    struct user_regs_struct regs;
    struct iovec set = {.iov_base = &regs, .iov_len = sizeof(regs)};
    /* a thread of a 32-bit program has fewer */
    if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &set) != 0 || set.iov_len != sizeof(regs))
        return false;
    number_registers(&regs, thread->registers);
    uint64_t from = thread->registers[STACK_POINTER] - RED_ZONE;
    uint64_t end = end_of_stack(tracing, thread->registers[STACK_POINTER]);
    uint64_t bytes = end > from && end - from < THREADS_STACK_MAX ? end - from : THREADS_STACK_MAX;
    thread->stack_from = from;
    thread->stack_bytes = (uint32_t)threads_read_memory(
        tracing->pid, from, tracing->stacks + (size_t)index * THREADS_STACK_MAX, bytes);
    return true;
}

/* ---- stopping ---- */

static void read_name(const struct tracing *tracing, struct traced_thread *thread)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", tracing->pid, thread->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, thread->name, sizeof(thread->name) - 1);
    if (fd >= 0)
        close(fd);
    thread->name[n > 0 ? n : 0] = 0;
    thread->name[strcspn(thread->name, "\n")] = 0;
}

static bool is_known(const struct tracing *tracing, uint32_t tid)
{
    for (uint32_t i = 0; i < tracing->n_threads; i++)
        if (tracing->threads[i].tid == tid)
            return true;
    return tid == tracing->except_tid;
}

/* A main thread that called pthread_exit() stays as a zombie. */
static bool has_ended(uint32_t pid, uint32_t tid)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *state = strrchr(text, ')');
    return n <= 0 || (state && strncmp(state, ") Z", 3) == 0);
}

static void seize(struct tracing *tracing, uint32_t tid)
{
    if (tracing->n_threads == THREADS_MAX) {
        tracing->is_cut = true;
        return;
    }
    struct traced_thread *thread = &tracing->threads[tracing->n_threads++];
    thread->tid = tid;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0 && ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0)
        return;
    int error = errno;
    thread->step = error == ESRCH || has_ended(tracing->pid, tid) ? STEP_GONE : STEP_REFUSED;
    if (thread->step == STEP_REFUSED && !tracing->error)
        tracing->error = error;
}

/* Returns how many were new. */
static uint32_t seize_all(struct tracing *tracing)
{
    char path[32];
    uint32_t before = tracing->n_threads;
    _Alignas(struct directory_entry) char entries[8192];
    snprintf(path, sizeof(path), "/proc/%u/task", tracing->pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        tracing->error = tracing->error ? tracing->error : errno;
    long n;
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
        for (long at = 0; at < n;) {
            const struct directory_entry *entry = (const void *)(entries + at);
            uint32_t tid = (uint32_t)strtoul(entry->name, NULL, 10);
            if (tid && !is_known(tracing, tid))
                seize(tracing, tid);
            at += entry->bytes;
        }
    if (fd >= 0)
        close(fd);
    return tracing->n_threads - before;
}

static void look_whether_stopped(struct traced_thread *thread)
{
    int status;
    pid_t got = waitpid((pid_t)thread->tid, &status, __WALL | WNOHANG);
    if (got == 0)
        return;
    if (got < 0 || !WIFSTOPPED(status)) {
        thread->step = STEP_GONE;
        return;
    }
    bool is_ours = status >> 16 == PTRACE_EVENT_STOP;
    thread->signal = is_ours ? 0 : WSTOPSIG(status);
    thread->step = STEP_STOPPED;
}

/* Returns how many have not stopped yet. */
static uint32_t collect_stopped(struct tracing *tracing)
{
    uint32_t n_waiting = 0;
    for (uint32_t i = 0; i < tracing->n_threads; i++) {
        struct traced_thread *thread = &tracing->threads[i];
        if (thread->step == STEP_WAITED_FOR)
            look_whether_stopped(thread);
        n_waiting += thread->step == STEP_WAITED_FOR;
    }
    return n_waiting;
}

static void let_go(struct tracing *tracing)
{
    for (uint32_t i = 0; i < tracing->n_threads; i++) {
        struct traced_thread *thread = &tracing->threads[i];
        if (thread->is_let_go || (thread->step != STEP_STOPPED && thread->step != STEP_COPIED))
            continue;
        if (thread->step == STEP_STOPPED && copy(tracing, i))
            thread->step = STEP_COPIED;
        ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal);
        thread->is_let_go = true;
    }
}

static void nap(void)
{
    struct timespec time = {.tv_nsec = NAP_NS};
    nanosleep(&time, NULL);
}

void trace(struct tracing *tracing)
{
    uint64_t began_ns = clock_ns(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < MAX_LISTINGS && seize_all(tracing) > 0; i++)
        ;
    while (collect_stopped(tracing) > 0 && clock_ns(CLOCK_MONOTONIC) - began_ns < THREADS_BUDGET_MS * MS_NS)
        nap();
    let_go(tracing);
    while (collect_stopped(tracing) > 0 && clock_ns(CLOCK_MONOTONIC) - began_ns < THREADS_LAST_MS * MS_NS) {
        let_go(tracing);
        nap();
    }
    let_go(tracing);
    tracing->stopped_ns = clock_ns(CLOCK_MONOTONIC) - began_ns;
    for (uint32_t i = 0; i < tracing->n_threads; i++)
        read_name(tracing, &tracing->threads[i]);
}

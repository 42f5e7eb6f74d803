/* collect: see collect.h. */
#include "sources/crash/collect.h"

#include "base/clock.h"
#include "base/sha256.h"
#include "sources/crash/case.h"
#include "sources/process/proc.h"
#include "sources/process/threads.h"
#include "telemetry/resource.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define MAPS_FIRST_BYTES (256u << 10)
#define MAPS_MAX_BYTES (8u << 20)
#define MAX_PIECES \
    3u /* of the crashed thread's memory: its stack, the one it was interrupted on, the deep rest */
#define REST_BYTES (4u << 20) /* all else: slot, registers, spans, arguments */
static_assert((uint64_t)THREADS_MAX * THREADS_STACK_MAX + COLLECT_STACK_MAX + MAPS_MAX_BYTES + REST_BYTES <=
                  CASE_MAX_BYTES,
              "what is collected can be read again");

/* ---- who ---- */

static const char *find_text(const struct process *process, const char *key)
{
    const struct attribute *found =
        process->resource ? attribute_find(&process->resource->attributes, key) : NULL;
    return found && found->type == ATTRIBUTE_STRING ? found->value.string.bytes : NULL;
}

static const char *copy_text(struct crash_case *crash, const char *text)
{
    return text ? arena_copy(&crash->arena, text, strlen(text)) : NULL;
}

/* Each with its NUL, the last one perhaps cut before it. */
static void split_arguments(struct crash_case *crash, const char *text, size_t n_bytes)
{
    const char *copy = arena_copy(&crash->arena, text, n_bytes);
    uint32_t n = 0, max = 0;
    for (size_t i = 0; i < n_bytes; i++)
        max += !copy[i];
    const char **arguments = arena_alloc(&crash->arena, (max + 1) * sizeof(*arguments));
    for (size_t at = 0; at < n_bytes; at += strlen(copy + at) + 1)
        arguments[n++] = copy + at;
    crash->arguments = arguments;
    crash->n_arguments = n;
}

/* Two exporters that see the same death make the same id of it. */
static void make_id(struct crash_case *crash, const struct process *process, const char *serial)
{
    static const uint8_t name_space[16] = "otelshim crashes";
    char text[256];
    int bytes = snprintf(text, sizeof(text), "%u %llu %llu %llu %s", process->pid,
                         (unsigned long long)process->start_ticks, (unsigned long long)process->pid_namespace,
                         (unsigned long long)process->created_unix_ns, serial);
    sha256_name_uuid(name_space, text, (size_t)bytes, crash->id);
}

void collect_process(struct crash_case *crash, const struct process *process, const char *serial)
{
    make_id(crash, process, serial);
    crash->pid = process->pid;
    crash->uid = process->uid;
    crash->exe = copy_text(crash, process->exe);
    crash->root = "";
    crash->ended_by = "unknown";
    crash->ended_status = -1;
    if (process->resource)
        crash->service = copy_text(crash, process->resource->service_name);
    crash->service_version = copy_text(crash, find_text(process, "service.version"));
    crash->environment = copy_text(crash, find_text(process, "deployment.environment.name"));
    crash->host = copy_text(crash, find_text(process, "host.name"));
#if defined(__x86_64__)
    crash->machine = EM_X86_64;
#else
    crash->machine = EM_AARCH64;
#endif
    split_arguments(crash, process->arguments, process->arguments_bytes);
    crash->debuginfod =
        copy_text(crash, getenv("DEBUGINFOD_URLS")); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    if (process->start_ticks) {
        uint64_t started_ns = process->start_ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
        uint64_t boot_ns = clock_ns(CLOCK_BOOTTIME);
        crash->uptime_ns = boot_ns > started_ns ? boot_ns - started_ns : 0;
    }
}

/* ---- the fault ---- */

void collect_time(struct crash_case *crash, uint64_t mono_ns)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t age = mono_ns && mono_ns < now ? now - mono_ns : 0;
    crash->time_unix_ns = clock_ns(CLOCK_REALTIME) - age;
    crash->uptime_ns = crash->uptime_ns > age ? crash->uptime_ns - age : crash->uptime_ns;
}

/* Only a fault of the processor's has one: the bytes are the sender's pid where kill(2) sent it. */
static bool has_address(const siginfo_t *info)
{
    bool is_fault = info->si_signo == SIGSEGV || info->si_signo == SIGBUS || info->si_signo == SIGILL ||
                    info->si_signo == SIGFPE || info->si_signo == SIGTRAP;
    return is_fault && info->si_code > 0 && info->si_code != SI_KERNEL;
}

static struct crash_thread *first_thread(struct crash_case *crash)
{
    if (!crash->n_threads) {
        crash->threads = arena_zalloc(&crash->arena, sizeof(crash->threads[0]));
        crash->n_threads = 1;
    }
    return &crash->threads[0];
}

void collect_fault(struct crash_case *crash, const struct wire_fault *fault)
{
    siginfo_t info;
    static_assert(sizeof(info) == sizeof(fault->siginfo), "as the kernel gave it");
    memcpy(&info, fault->siginfo, sizeof(info));
    memcpy(crash->siginfo, fault->siginfo, sizeof(crash->siginfo));
    crash->pid = fault->pid;
    crash->tid = fault->tid;
    crash->machine = fault->machine;
    crash->signal = info.si_signo;
    crash->code = info.si_code;
    crash->address = has_address(&info) ? (uint64_t)(uintptr_t)info.si_addr : 0;
    crash->fault_repeats = fault->repeats;
    collect_time(crash, fault->mono_ns);
    struct crash_thread *thread = first_thread(crash);
    thread->tid = fault->tid;
    thread->is_crashed = true;
    memcpy(thread->name, fault->thread_name, sizeof(fault->thread_name));
    memcpy(thread->registers, fault->registers, sizeof(thread->registers));
}

static void add_memory(struct crash_case *crash, uint64_t address, const uint8_t *bytes, size_t n_bytes)
{
    struct crash_thread *thread = first_thread(crash);
    struct crash_memory *pieces = (struct crash_memory *)(uintptr_t)thread->memory;
    if (!bytes || !n_bytes || thread->n_memory == MAX_PIECES || n_bytes - 1 > UINT64_MAX - address)
        return;
    if (!pieces)
        pieces = arena_zalloc(&crash->arena, MAX_PIECES * sizeof(*pieces));
    pieces[thread->n_memory++] =
        (struct crash_memory){.address = address, .bytes = bytes, .n_bytes = n_bytes};
    thread->memory = pieces;
}

static const char *copy_bytes(struct crash_case *crash, const uint8_t *text, uint32_t n_bytes)
{
    return text ? arena_copy(&crash->arena, text, n_bytes) : NULL;
}

void collect_slot(struct crash_case *crash, const struct slot *slot)
{
    collect_fault(crash, &slot->fault);
    add_memory(crash, slot->stack_from, slot->stack, slot->stack_bytes);
    add_memory(crash, slot->outer_from, slot->outer, slot->outer_bytes);
    if (slot->modules_bytes) {
        crash->modules = slot->modules;
        crash->modules_bytes = slot->modules_bytes;
    }
    crash->abort_message = copy_bytes(crash, slot->message, slot->message_bytes);
    crash->thrown_type = copy_bytes(crash, slot->thrown_type, slot->thrown_type_bytes);
    crash->thrown_what = copy_bytes(crash, slot->thrown_what, slot->thrown_what_bytes);
    crash->n_thrown_frames = slot->n_thrown_frames;
    memcpy(crash->thrown_frames, slot->thrown_frames, sizeof(crash->thrown_frames));
}

/* The kernel saves stack pointer and program counter of what it interrupts side by side, on both machines. */
static bool has_signal_frame(const struct crash_memory *memory, uint64_t sp, uint64_t pc)
{
    for (size_t at = -memory->address & 7; memory->n_bytes >= at + 16; at += 8) {
        uint64_t words[2];
        memcpy(words, memory->bytes + at, sizeof(words));
        if (words[0] == sp && words[1] == pc)
            return true;
    }
    return false;
}

bool collect_root(struct crash_case *crash, const struct wire_fault *fault)
{
    bool is_arm = fault->machine == EM_AARCH64;
    uint64_t sp = fault->registers[is_arm ? WIRE_AARCH64_SP : 7];
    uint64_t pc = fault->registers[is_arm ? WIRE_AARCH64_PC : WIRE_X86_64_IP];
    struct crash_thread *thread = first_thread(crash);
    /* a signal that it raised again, blocked until the handler returned: it comes where the fault was */
    bool is_within = thread->registers[is_arm ? WIRE_AARCH64_SP : 7] == sp &&
                     thread->registers[is_arm ? WIRE_AARCH64_PC : WIRE_X86_64_IP] == pc;
    for (uint32_t i = 0; i < thread->n_memory; i++)
        is_within |= has_signal_frame(&thread->memory[i], sp, pc);
    if (!is_within || thread->tid != fault->tid)
        return false;
    collect_fault(crash, fault);
    crash->kind = CRASH_HANDLED;
    return true;
}

/* ---- while it lives ---- */

/* A main thread that has ended shows nothing any more: any other one does. */
static void print_path(char ret_path[40], uint32_t tid, const char *name)
{
    snprintf(ret_path, 40, "task/%u/%s", tid, name);
}

static void read_exe(struct crash_case *crash, int proc)
{
    char path[40], text[4096];
    print_path(path, crash->tid, "exe");
    ssize_t n = readlinkat(proc, path, text, sizeof(text));
    if (n > 0)
        crash->exe = arena_copy(&crash->arena, text, (size_t)n);
    print_path(path, crash->tid, "cmdline");
    n = proc_read(proc, path, text, sizeof(text));
    if (n > 0 && !crash->n_arguments)
        split_arguments(crash, text, (size_t)n);
}

static const char *read_maps(struct arena *arena, int proc, uint32_t tid)
{
    char path[40] = "maps";
    if (tid)
        print_path(path, tid, "maps");
    for (size_t max = MAPS_FIRST_BYTES; max <= MAPS_MAX_BYTES; max *= 8) {
        char *text = arena_alloc(arena, max);
        int n = proc_read(proc, path, text, max);
        if (n <= 0)
            return NULL; /* a process that is not dumpable shows an empty one, or none */
        if ((size_t)n < max - 1 || max == MAPS_MAX_BYTES)
            return text;
    }
    return NULL;
}

/* What lies above the 64 KiB of the slot, up to where the stack's mapping ends. */
static void read_deep_stack(struct crash_case *crash, uint32_t pid)
{
    if (!crash->n_threads) /* nobody crashed */
        return;
    const struct crash_thread *thread = first_thread(crash);
    for (uint32_t i = 0, n = thread->n_memory; i < n; i++) {
        uint64_t from = thread->memory[i].address + thread->memory[i].n_bytes;
        uint64_t end = threads_mapping_end(crash->maps, from);
        if (thread->memory[i].n_bytes < WIRE_CRASH_STACK_MAX || end <= from)
            continue;
        uint64_t bytes = end - from < COLLECT_STACK_MAX ? end - from : COLLECT_STACK_MAX;
        uint8_t *copy = arena_alloc(&crash->arena, bytes);
        add_memory(crash, from, copy, threads_read_memory(pid, from, copy, bytes));
    }
}

/* Nobody needs stopping where the crashed thread is alone [100 us]. */
static bool is_alone(const struct crash_case *crash, int proc)
{
    struct stat task;
    return crash->n_threads && fstatat(proc, "task", &task, 0) == 0 && task.st_nlink == 3; /* itself, ., .. */
}

/* The crashed thread, where there is one, stays the first. */
static void add_threads(struct crash_case *crash, uint32_t pid)
{
    struct threads others;
    threads_copy(&crash->arena, pid, crash->n_threads ? crash->tid : 0, crash->maps, &others);
    crash->threads_missing = others.missing;
    if (!others.n)
        return;
    struct crash_thread *all = arena_alloc(&crash->arena, (crash->n_threads + others.n) * sizeof(all[0]));
    if (crash->n_threads)
        memcpy(all, crash->threads, crash->n_threads * sizeof(all[0]));
    memcpy(all + crash->n_threads, others.items, others.n * sizeof(all[0]));
    crash->threads = all;
    crash->n_threads += others.n;
}

/*
 * Pid and start time in a mapped file are a claim: for a user who names another's process, or one that is not dumpable, root must not
 * fetch what he could not. The kernel gives /proc/PID to the effective uid, of those that are not dumpable to root.
 */
static bool is_owners(const struct crash_case *crash, int proc)
{
    struct stat status;
    return geteuid() != 0 || crash->uid == 0 || (fstat(proc, &status) == 0 && status.st_uid == crash->uid);
}

static void take_living(struct crash_case *crash, int proc, uint32_t pid)
{
    crash->maps = read_maps(&crash->arena, proc, crash->tid);
    if (!*crash->exe)
        read_exe(crash, proc);
    (void)proc_resident_bytes(proc, &crash->rss_bytes);
    read_deep_stack(crash, pid);
    if (!is_alone(crash, proc))
        add_threads(crash, pid);
}

/* As if it had not been looked at; what was copied stays in the arena, unseen. */
static void forget_living(struct crash_case *crash, const struct crash_case *before, uint32_t n_memory)
{
    struct arena arena = crash->arena;
    *crash = *before;
    crash->arena = arena;
    if (crash->n_threads)
        crash->threads[0].n_memory = n_memory;
    crash->threads_missing = "it belongs to another user than its file, or is not dumpable";
}

bool collect_living(struct crash_case *crash, uint32_t pid, uint64_t start_ticks, bool is_claimed)
{
    const struct crash_case before = *crash;
    uint32_t n_memory = crash->n_threads ? crash->threads[0].n_memory : 0;
    int proc = proc_open(pid);
    uint64_t ticks;
    /* a pid that is somebody else's by now tells nothing of ours; 0: a child without a file of its own */
    if (proc < 0 || (start_ticks && (proc_start_ticks(proc, &ticks) != 0 || ticks != start_ticks))) {
        crash->threads_missing = "it had ended";
        if (proc >= 0)
            close(proc);
        return false;
    }
    bool is_allowed = !is_claimed || is_owners(crash, proc);
    if (is_allowed)
        take_living(crash, proc, pid);
    is_allowed = is_allowed && (!is_claimed || is_owners(crash, proc)); /* still: exec may change it */
    if (!is_allowed)
        forget_living(crash, &before, n_memory);
    close(proc);
    return is_allowed;
}

bool collect_maps(struct crash_case *crash, const struct process *process)
{
    uint64_t ticks;
    int proc = process->is_foreign ? -1 : proc_open(process->pid);
    if (proc < 0)
        return false;
    bool is_it =
        !process->start_ticks || (proc_start_ticks(proc, &ticks) == 0 && ticks == process->start_ticks);
    if (is_it && is_owners(crash, proc))
        crash->maps = read_maps(&crash->arena, proc, 0);
    if (!is_owners(crash, proc))
        crash->maps = NULL;
    close(proc);
    return crash->maps != NULL;
}

const char *collect_why_not(const struct process *process)
{
    return process->is_foreign ? "it runs in another pid namespace" : NULL;
}

int collect_open_root(uint32_t pid)
{
    char path[40];
    struct stat ours, theirs;
    snprintf(path, sizeof(path), "/proc/%u/root", pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && stat("/", &ours) == 0 && fstat(fd, &theirs) == 0 &&
        (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

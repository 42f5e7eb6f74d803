/*
 * inject: usage: inject LIBRARY WHICH ERRNO REPORT COMMAND…: runs the command; the system call number WHICH that is made
 * by code of LIBRARY fails with ERRNO (0: the one that fits), and is not made. WHICH 0: none fails. REPORT: a file that gets
 * "<how many there were> <number of the one that failed, -1 none>". Ends as the command ends.
 *
 * What the library asks of its own process cannot fail (getpid and the like) and is passed over. Children are followed until
 * they are another program.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TASKS 4096

struct task {
    pid_t tid;
    int fails_with; /* not 0: the call it is in */
    bool has_begun; /* its first stop was seen */
    uintptr_t from, to;
};

static struct task tasks[MAX_TASKS];
static const char *library;
static long n_calls, which, failed_number = -1;
static int wanted_errno;

static struct task *task_of(pid_t tid)
{
    struct task *free_task = NULL;
    for (struct task *task = tasks; task < tasks + MAX_TASKS; task++) {
        if (task->tid == tid)
            return task;
        if (!task->tid && !free_task)
            free_task = task;
    }
    if (!free_task)
        abort();
    *free_task = (struct task){.tid = tid};
    return free_task;
}

/* Where the library lies in the task's address space; nothing while it is not mapped. */
static void find_library(struct task *task)
{
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/maps", task->tid);
    FILE *maps = fopen(path, "r");
    while (maps && fgets(line, sizeof(line), maps)) {
        unsigned long from, to;
        char mode[8];
        if (strstr(line, library) && sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[2] == 'x') {
            task->from = from;
            task->to = to;
        }
    }
    if (maps)
        fclose(maps);
}

static bool is_library(struct task *task, uint64_t address)
{
    if (!task->to)
        find_library(task);
    return address >= task->from && address < task->to;
}

static bool cannot_fail(uint64_t number)
{
    return number == SYS_getpid || number == SYS_gettid || number == SYS_geteuid || number == SYS_exit ||
           number == SYS_exit_group || number == SYS_sched_yield || number == SYS_rt_sigreturn;
}

/* How such a call fails when memory, descriptors, processes or the disk run out. */
static int fitting_errno(uint64_t number)
{
    switch (number) {
    case SYS_openat:
        return EMFILE;
    case SYS_clone:
        return EAGAIN;
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_pwrite64:
    case SYS_mkdirat:
        return ENOSPC;
    case SYS_madvise:
        return EFAULT; /* MADV_POPULATE_WRITE on a full tmpfs */
    case SYS_mmap:
        return ENOMEM;
    default:
        return EPERM;
    }
}

static void skip_call(pid_t tid)
{
#ifdef __x86_64__
    ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, orig_rax), (void *)-1L);
#else
    int none = -1;
    struct iovec place = {&none, sizeof(none)};
    ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &place);
#endif
}

static void set_result(pid_t tid, long result)
{
#ifdef __x86_64__
    ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), (void *)result);
#else
    struct user_regs_struct registers;
    struct iovec place = {&registers, sizeof(registers)};
    ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &place);
    registers.regs[0] = (unsigned long)result;
    ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &place);
#endif
}

static void system_call_stop(struct task *task)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->fails_with) {
        set_result(task->tid, -task->fails_with);
        task->fails_with = 0;
    }
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || cannot_fail(info.entry.nr) ||
        !is_library(task, info.instruction_pointer) || ++n_calls != which)
        return;
    task->fails_with = wanted_errno ? wanted_errno : fitting_errno(info.entry.nr);
    failed_number = (long)info.entry.nr;
    skip_call(task->tid);
}

/* The exporter that the library starts is another program: let go. */
static bool is_exporter(pid_t tid)
{
    char path[64], exe[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/exe", tid);
    ssize_t n = readlink(path, exe, sizeof(exe) - 1);
    return n > 9 && strcmp(exe + n - 9, "/otelshim") == 0;
}

/* The signal to go on with, -1: the task was let go. */
static int stopped(struct task *task, int status)
{
    int signal_number = WSTOPSIG(status), event = status >> 16;
    if (signal_number == (SIGTRAP | 0x80)) {
        system_call_stop(task);
        return 0;
    }
    if (event == PTRACE_EVENT_EXEC) {
        task->from = task->to = 0;
        if (is_exporter(task->tid)) {
            ptrace(PTRACE_DETACH, task->tid, NULL, NULL);
            task->tid = 0;
            return -1;
        }
    }
    bool is_first = !task->has_begun && signal_number == SIGSTOP;
    task->has_begun = true;
    return event || is_first ? 0 : signal_number;
}

/* Follows all tasks until the command itself has ended; its wait status. */
static int follow(pid_t command)
{
    for (;;) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0)
            exit(126);
        struct task *task = task_of(tid);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            task->tid = 0;
            if (tid == command)
                return status;
            continue;
        }
        int signal_number = stopped(task, status);
        if (signal_number >= 0)
            ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(long)signal_number);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 126;
    library = argv[1];
    which = atol(argv[2]);
    wanted_errno = atoi(argv[3]);
    pid_t command = fork();
    if (command == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        setenv("LD_PRELOAD", library, 1);
        execvp(argv[5], argv + 5);
        _exit(127);
    }
    int status;
    waitpid(command, &status, 0);
    task_of(command)->has_begun = true;
    ptrace(PTRACE_SETOPTIONS, command, NULL,
           (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                          PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL));
    ptrace(PTRACE_SYSCALL, command, NULL, NULL);
    status = follow(command);
    FILE *report = fopen(argv[4], "w");
    if (report) {
        fprintf(report, "%ld %ld\n", n_calls, failed_number);
        fclose(report);
    }
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}

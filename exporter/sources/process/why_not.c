/* why_not: why another process may not be looked into. See threads.h. */
#include "sources/process/threads.h"

#include "sources/process/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY UINT32_MAX

static uint32_t tracer_of(int proc)
{
    char text[4096];
    const char *line =
        proc_read(proc, "status", text, sizeof(text)) > 0 ? strstr(text, "\nTracerPid:") : NULL;
    return line ? (uint32_t)strtoul(line + 11, NULL, 10) : 0;
}

static long yama_scope(void)
{
    char text[16];
    int n = proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text));
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static const char *explain_refusal(struct arena *arena, int proc)
{
    uint32_t uid = NOBODY, tracer = tracer_of(proc);
    struct stat status;
    long scope = yama_scope();
    if (tracer)
        return arena_printf(arena, "process %u (a debugger?) traces it already", tracer);
    if (proc_effective_uid(proc, &uid) == 0 && uid != geteuid())
        return arena_printf(arena, "it runs as uid %u, this process as uid %u", uid, geteuid());
    /* the kernel gives the files of such a process to root */
    if (fstat(proc, &status) == 0 && status.st_uid != uid)
        return "it is not dumpable (it changed its uid, or asked for that)";
    if (scope == 1)
        return "kernel.yama.ptrace_scope is 1: only a parent may look into a process";
    if (scope > 1)
        return arena_printf(arena, "kernel.yama.ptrace_scope is %ld: %s", scope,
                            scope == 2 ? "only root may look into a process"
                                       : "nobody may look into a process");
    return "the kernel does not allow ptrace here (seccomp, or another user namespace)";
}

const char *threads_why_not(struct arena *arena, uint32_t pid, int error)
{
    if (error == ESRCH || error == ENOENT)
        return "it had ended";
    if (error != EPERM && error != EACCES)
        return arena_printf(arena, "ptrace: %s", strerrordesc_np(error));
    int proc = proc_open(pid);
    const char *reason = proc >= 0 ? explain_refusal(arena, proc) : "it had ended";
    if (proc >= 0)
        close(proc);
    return reason;
}

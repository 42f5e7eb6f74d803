/*
 * process: fork, exec*, posix_spawn and the exits that run no destructors, interposed.
 *
 *   exec, spawn   hand TRACEPARENT on where the calling thread has an open span (DESIGN 4), in a copy of the
 *                 environment; otherwise the environment passes exactly as the program gave it
 *   fork          takes the context of the open span along: the child has no file of its own yet, and the parent's
 *                 slot, which it still sees, goes on without it
 *   _exit         marks a clean exit and waits for delivery where that is asked for; quick_exit as well
 *   traps         a vfork child runs on its parent's memory: it must not mark the parent's file; the call must stay
 *                 async-signal-safe (children of fork call exec): no malloc, everything on the stack
 *   not here      that there is another process: the MADV_WIPEONFORK word tells. vfork cannot be wrapped in C, and
 *                 need not be: its child sees the parent's file
 */
#include "process.h"

#include "current.h"
#include "dropbox.h"
#include "hot.h"
#include "instrument/instrument.h"
#include "lifecycle.h"
#include "propagate.h"
#include "real_libc.h"
#include "settings.h"
#include "sys.h"
#include "thread.h"
#include <spawn.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_POINTS(X) X(execve) X(execvpe) X(fexecve) X(posix_spawn) X(posix_spawnp) X(fork) X(daemon)
#define MAX_ENVIRONMENT 4096u /* entries; a larger environment is handed on as it is */

extern char **environ;

enum { ENTRY_POINTS(ENTRY_POINT_NUMBER) N_ENTRY_POINTS };

/* Real functions of libc; each found once, most by the constructor. */
static void *real_functions[N_ENTRY_POINTS] HOT_DATA;

/* Nearly always found by process_start(); a program that calls exec from a constructor comes earlier. */
static void *find_real(unsigned entry, const char *name)
{
    void *found = __atomic_load_n(&real_functions[entry], __ATOMIC_ACQUIRE);
    if (!found) {
        found = real_libc(name, NULL);
        __atomic_store_n(&real_functions[entry], found, __ATOMIC_RELEASE);
    }
    return found;
}
#define REAL_LIBC(name) ((__typeof__(&name))find_real(ENTRY_##name, #name))

/* quick_exit() reaches its end inside libc. What is registered first runs last. */
static void end_quickly(void *unused)
{
    (void)unused;
    lifecycle_before_exit();
}

void process_start(void)
{
    typedef int register_fn(void (*function)(void *), void *argument, void *object);
#define NAME(name) #name,
    /* The last one is called here: glibc 2.10; not in musl. */
    static const char *const names[] = {ENTRY_POINTS(NAME) "__cxa_at_quick_exit"};
#undef NAME
    void *found[N_ENTRY_POINTS + 1];
    libc_find_all_behind_us(names, N_ENTRY_POINTS + 1, found);
    for (unsigned i = 0; i < N_ENTRY_POINTS; i++)
        __atomic_store_n(&real_functions[i], found[i], __ATOMIC_RELEASE);
    register_fn *add = (register_fn *)found[N_ENTRY_POINTS];
    if (add)
        (void)add(end_quickly, NULL, NULL);
}

/* The process the mapped file belongs to, not its vfork or fork child. */
static bool is_own_process(void)
{
    const struct dropbox *box = dropbox_file();
    return box && box->header->pid == (uint32_t)sys_getpid();
}

/* Of the process that fork() made out of a thread inside an open span: written in the child, before anybody else runs
 * there. */
static struct {
    uint32_t pid; /* of the child, whose only thread it is at first; 0 none */
    uint32_t
        generation; /* of the thread then: it changes when the child leaves the wrapper, or has a file of its own */
    struct span_context context;
} inherited;

static bool find_context(struct span_context *ret_context)
{
    if (current_find_open(ret_context))
        return true;
    uint32_t pid = inherited.pid;
    if (!pid || inherited.generation != thread_peek()->generation || pid != sys_gettid() ||
        !lifecycle_is_active())
        return false;
    *ret_context = inherited.context;
    return true;
}

/* "TRACEPARENT=…" of this thread's open span. False: there is none. */
static bool print_parent(char line[80])
{
    struct span_context context;
    if (!find_context(&context) || !(settings_get()->propagators & PROPAGATE_TRACECONTEXT))
        return false;
    memcpy(line, "TRACEPARENT=", 12); /* NOLINT(bugprone-not-null-terminated-result): what follows ends it */
    propagate_print_traceparent(&context, line + 12);
    return true;
}

/* In a child the thread that forked is the first one, and yet not on the first one's stack (span.c). */
static void keep_stack_top(void)
{
    if (!thread_self.stack_top && sys_gettid() != (uint32_t)sys_getpid())
        thread_self.stack_top = (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

EXPORTED pid_t fork(void)
{
    struct span_context context;
    bool has_context = find_context(&context);
    keep_stack_top();
    pid_t pid = REAL_LIBC(fork)();
    if (pid == 0) {
        inherited.pid = has_context ? sys_getpid() : 0;
        inherited.generation = thread_peek()->generation;
        inherited.context = context;
    }
    return pid;
}

/* libc's own forks, and ends the parent, inside libc. To the parent's file that is what exec is. */
EXPORTED int daemon(int keep_directory, int keep_files)
{
    bool is_own = is_own_process();
    keep_stack_top();
    if (is_own)
        lifecycle_before_exec();
    int result = REAL_LIBC(daemon)(keep_directory, keep_files);
    if (is_own && result != 0) {
        int error = errno;
        lifecycle_exec_failed();
        errno = error;
    }
    return result;
}

static size_t count_entries(char *const environment[])
{
    size_t n = 0;
    while (environment && environment[n])
        n++;
    return n;
}

/* `environment` with our line in the place of, or behind, the program's own; `copy` has room for n + 2 entries. */
static void copy_environment(char **copy, char *const environment[], size_t n, char *line)
{
    bool replaced = false;
    for (size_t i = 0; i < n; i++) {
        bool is_ours = !strncmp(environment[i], "TRACEPARENT=", 12);
        copy[i] = is_ours ? line : environment[i];
        replaced |= is_ours;
    }
    copy[n] = replaced ? NULL : line;
    copy[n + 1] = NULL;
}

/* Runs `call` with the environment that the child shall have. The copy lives on the stack of this call. */
typedef int call_fn(void *arguments, char *const environment[]);

__attribute__((noinline)) static int call_with_copy(call_fn *call, void *arguments, char *const environment[],
                                                    size_t n, char *line)
{
    char **copy = __builtin_alloca((n + 2) * sizeof(*copy));
    copy_environment(copy, environment, n, line);
    return call(arguments, copy);
}

static int call_with_parent(call_fn *call, void *arguments, char *const environment[])
{
    char line[80];
    size_t n = count_entries(environment);
    if (!environment || n > MAX_ENVIRONMENT || !print_parent(line))
        return call(arguments, environment);
    return call_with_copy(call, arguments, environment, n, line);
}

/* exec replaces this image: the header says so while it is tried. */
static int call_exec(call_fn *call, void *arguments, char *const environment[])
{
    bool is_own = is_own_process();
    if (is_own)
        lifecycle_before_exec();
    int result = call_with_parent(call, arguments, environment);
    if (is_own) {
        int error = errno;
        lifecycle_exec_failed();
        errno = error;
    }
    return result;
}

struct exec_call {
    const char *path;
    char *const *arguments;
    int fd;
    int flags;
};

static int real_execve(void *arguments, char *const environment[])
{
    const struct exec_call *exec = arguments;
    return REAL_LIBC(execve)(exec->path, exec->arguments, environment);
}

static int real_execvpe(void *arguments, char *const environment[])
{
    const struct exec_call *exec = arguments;
    return REAL_LIBC(execvpe)(exec->path, exec->arguments, environment);
}

static int real_fexecve(void *arguments, char *const environment[])
{
    const struct exec_call *exec = arguments;
    return REAL_LIBC(fexecve)(exec->fd, exec->arguments, environment);
}

/* glibc has it since 2.34, as this system call. */
static int real_execveat(void *arguments, char *const environment[])
{
    const struct exec_call *exec = arguments;
    long result = sys_call6(__NR_execveat, exec->fd, (long)exec->path, (long)exec->arguments,
                            (long)environment, exec->flags, 0);
    errno = (int)-result;
    return -1;
}

EXPORTED int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct exec_call exec = {.path = path, .arguments = argv, .fd = directory, .flags = flags};
    return call_exec(real_execveat, &exec, envp);
}

EXPORTED int execve(const char *path, char *const argv[], char *const envp[])
{
    struct exec_call exec = {.path = path, .arguments = argv};
    return call_exec(real_execve, &exec, envp);
}

EXPORTED int execv(const char *path, char *const argv[])
{
    struct exec_call exec = {.path = path, .arguments = argv};
    return call_exec(real_execve, &exec, environ);
}

EXPORTED int execvp(const char *file, char *const argv[])
{
    struct exec_call exec = {.path = file, .arguments = argv};
    return call_exec(real_execvpe, &exec, environ);
}

EXPORTED int execvpe(const char *file, char *const argv[], char *const envp[])
{
    struct exec_call exec = {.path = file, .arguments = argv};
    return call_exec(real_execvpe, &exec, envp);
}

EXPORTED int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct exec_call exec = {.fd = fd, .arguments = argv};
    return call_exec(real_fexecve, &exec, envp);
}

/*
 * The variadic forms: libc's own do not come back through the PLT. Counts the arguments, NULL included, and copies them
 * to the stack.
 */
static size_t count_arguments(va_list list)
{
    size_t n = 1;
    while (va_arg(list, const char *))
        n++;
    return n + 1;
}

static void copy_arguments(const char **argv, const char *first, size_t n, va_list list)
{
    argv[0] = first;
    for (size_t i = 1; i < n; i++)
        argv[i] = va_arg(list, const char *);
}

typedef int exec_fn(const char *path, const char **argv, char *const envp[]);

static int exec_path(const char *path, const char **argv, char *const envp[])
{
    return execve(path, (char *const *)(uintptr_t)argv, envp);
}

static int exec_file(const char *file, const char **argv, char *const envp[])
{
    return execvpe(file, (char *const *)(uintptr_t)argv, envp);
}

/* `with_environment`: it stands behind the NULL (execle). */
__attribute__((noinline)) static int exec_list(exec_fn *exec, const char *path, const char *first,
                                               va_list list, bool with_environment)
{
    va_list again;
    va_copy(again, list);
    size_t n = count_arguments(again);
    va_end(again);
    const char **argv = __builtin_alloca(n * sizeof(*argv));
    va_copy(again, list);
    copy_arguments(argv, first, n, again);
    char *const *environment = with_environment ? va_arg(again, char *const *) : environ;
    va_end(again);
    return exec(path, argv, environment);
}

EXPORTED int execl(const char *path, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    int result = exec_list(exec_path, path, first, list, false);
    va_end(list);
    return result;
}

EXPORTED int execlp(const char *file, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    int result = exec_list(exec_file, file, first, list, false);
    va_end(list);
    return result;
}

EXPORTED int execle(const char *path, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    int result = exec_list(exec_path, path, first, list, true);
    va_end(list);
    return result;
}

/* posix_spawn and posix_spawnp differ only in how the file is found. */
struct spawn_call {
    __typeof__(&posix_spawn) spawn;
    pid_t *pid;
    const char *path;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *arguments;
};

static int real_spawn(void *arguments, char *const environment[])
{
    const struct spawn_call *spawn = arguments;
    return spawn->spawn(spawn->pid, spawn->path, spawn->actions, spawn->attributes, spawn->arguments,
                        environment);
}

EXPORTED int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct spawn_call spawn = {REAL_LIBC(posix_spawn), pid, path, actions, attributes, argv};
    return call_with_parent(real_spawn, &spawn, envp);
}

EXPORTED int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct spawn_call spawn = {REAL_LIBC(posix_spawnp), pid, file, actions, attributes, argv};
    return call_with_parent(real_spawn, &spawn, envp);
}

EXPORTED void _exit(int status)
{
    if (is_own_process())
        lifecycle_before_exit();
    for (;;)
        sys_call3(__NR_exit_group, status, 0, 0);
}

EXPORTED void _Exit(int status)
{
    _exit(status);
}

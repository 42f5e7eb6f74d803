/* lives: fork, vfork, exec, posix_spawn, threads: who has which action. */
#include "disposition.h"

#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

extern char **environ;

static void run_again(int number, const char *what)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    execl("/proc/self/exe", "disposition", "read", text, what, NULL);
}

static void in_exec(int number, int how)
{
    if (how == 1)
        signal(number, SIG_IGN);
    if (how == 2)
        install(number, handler_returns, 0);
    run_again(number, "  after exec");
}

static void in_spawn(int number, int how)
{
    char text[16], name[] = "disposition", read[] = "read", what[] = "  after posix_spawn";
    char *arguments[] = {name, read, text, what, NULL};
    snprintf(text, sizeof(text), "%d", number);
    posix_spawnattr_t attributes;
    sigset_t set;
    pid_t child;
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_IGN);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, how ? POSIX_SPAWN_SETSIGDEF : 0);
    if (posix_spawn(&child, "/proc/self/exe", NULL, &attributes, arguments, environ) == 0)
        waitpid(child, NULL, 0);
    say_action("  the parent still", number);
}

/* vfork(): the child's action is its own, the parent's memory is not. */
static void in_vfork(int number, int how)
{
    static volatile int was_default;
    install(number, handler_returns, 0);
    pid_t child = vfork();
    if (child == 0) {
        struct sigaction old;
        sigaction(number, NULL, &old);
        was_default = old.sa_sigaction != handler_returns;
        signal(number, how ? SIG_IGN : SIG_DFL);
        sigaction(number, NULL, &old);
        was_default |= (old.sa_handler != (how ? SIG_IGN : SIG_DFL)) << 1;
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
        _exit(5);
    }
    int status;
    waitpid(child, &status, 0);
    say_end("  vfork child", status);
    say("  it saw the wrong action: %d\n", was_default);
    say_action("  the parent still", number);
    raise(number);
}

static void in_fork(int number, int how)
{
    (void)how;
    install(number, handler_returns, SA_RESTART);
    pid_t child = fork();
    if (child == 0) {
        char here[64];
        interrupted = here;
        say_action("  the child", number);
        raise(number);
        signal(number, SIG_DFL);
        say_action("  the child", number);
        say_stack("  the child");
        raise(number);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say_end("  the child", status);
    say_action("  the parent still", number);
}

static void *in_thread(void *argument)
{
    char here[64];
    interrupted = here;
    say_stack("  thread");
    raise((int)(intptr_t)argument);
    return (void *)(uintptr_t)0x1234;
}

static int in_c11_thread(void *argument)
{
    char here[64];
    interrupted = here;
    raise((int)(intptr_t)argument);
    return -77;
}

static void in_threads(int number, int flags)
{
    pthread_t thread;
    thrd_t c11;
    void *result = NULL;
    int returned = 0;
    install(number, handler_returns, flags);
    pthread_create(&thread, NULL, in_thread, (void *)(intptr_t)number);
    pthread_join(thread, &result);
    say("  the thread returned %p\n", result);
    thrd_create(&c11, in_c11_thread, (void *)(intptr_t)number);
    thrd_join(c11, &returned);
    say("  the C11 thread returned %d\n", returned);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, (void *)4096, 1 << 20);
    say("  not possible: %d\n", pthread_attr_setstacksize(&attributes, 1));
    struct rlimit tight = {4 << 20, 4 << 20};
    setrlimit(RLIMIT_AS, &tight);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 20);
    int error = pthread_create(&thread, &attributes, in_thread, NULL);
    if (!error) /* qemu knows no such limit */
        pthread_join(thread, NULL);
    say("  no memory: %d\n", error);
}

void lives(void)
{
    static const int numbers[] = {SIGSEGV, SIGXFSZ, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int number = numbers[i];
        say("signal %d\n", number);
        in_child("exec, default", in_exec, number, 0);
        in_child("exec, ignored", in_exec, number, 1);
        in_child("exec, handled", in_exec, number, 2);
        in_child("spawn", in_spawn, number, 0);
        in_child("spawn, SETSIGDEF", in_spawn, number, 1);
        in_child("vfork", in_vfork, number, 0);
        in_child("vfork, ignores", in_vfork, number, 1);
        in_child("fork", in_fork, number, 0);
        in_child("threads", in_threads, number, 0);
        in_child("threads, ONSTACK", in_threads, number, SA_ONSTACK);
    }
}

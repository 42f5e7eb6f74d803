/* Deaths of programs with threads, and overflown stacks: cases 60-69. */
#include "torture.h"
#include <dlfcn.h>
#include <sys/sysinfo.h>

#define N_THREADS 64
static pthread_barrier_t all_there;

static NOINLINE void crash(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1; /* here: crash_in_thread */
    always++;
}

static NOINLINE void waits_here(void)
{
    while (always)
        pause();
}

static void name_me(const char *prefix, long i)
{
    char name[16];
    snprintf(name, sizeof name, "%s-%ld", prefix, i);
    pthread_setname_np(pthread_self(), name);
}

static void *worker(void *argument)
{
    long i = (long)argument;
    name_me("worker", i);
    if (i == 40)
        observe_thread("worker 40");
    pthread_barrier_wait(&all_there);
    if (i == 40) {
        sleep_ms(50); /* the others are in pause() by then */
        crash();
    }
    waits_here();
    return NULL;
}

static void start(void *(*body)(void *), long n)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, body, (void *)i) != 0)
            exit(77);
    }
}

static void named_workers(void)
{
    pthread_barrier_init(&all_there, NULL, N_THREADS + 1);
    start(worker, N_THREADS);
    pthread_barrier_wait(&all_there);
    waits_here();
}

static void *spinner(void *argument)
{
    pthread_barrier_wait(&all_there);
    if ((long)argument < 50)
        while (always)
            ;
    waits_here();
    return NULL;
}

static void many_threads(void)
{
    pthread_barrier_init(&all_there, NULL, 513);
    start(spinner, 512);
    pthread_barrier_wait(&all_there);
    crash();
}

/* aarch64 divides by zero, and its __builtin_trap() is a breakpoint. */
static void die_of_arithmetic(void)
{
#ifdef __x86_64__
    always = 7 / (always - 1);
#else
    raise(SIGFPE);
#endif
}

static void die_of_instruction(void)
{
#ifdef __x86_64__
    __builtin_trap();
#else
    __asm__ volatile("udf #0");
#endif
}

static void *racer(void *argument)
{
    long i = (long)argument;
    pthread_barrier_wait(&all_there);
    switch (i % 4) {
    case 0:
        crash();
        break;
    case 1:
        die_of_arithmetic();
        break;
    case 2:
        abort();
    case 3:
        die_of_instruction();
    }
    return NULL;
}

static void race(long n)
{
    pthread_barrier_init(&all_there, NULL, (unsigned)n + 1);
    start(racer, n);
    pthread_barrier_wait(&all_there);
    waits_here();
}

static void two_at_once(void)
{
    race(2);
}

static void sixteen_at_once(void)
{
    race(16);
}

static void *forks(void *argument)
{
    (void)argument;
    while (always) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    return NULL;
}

static void *loads(void *argument)
{
    (void)argument;
    while (always) {
        void *library = dlopen("libm.so.6", RTLD_NOW);
        void *other = dlopen("libresolv.so.2", RTLD_NOW);
        dlclose(other);
        dlclose(library);
    }
    return NULL;
}

static void while_another(void *(*body)(void *))
{
    pthread_t thread;
    pthread_create(&thread, NULL, body, NULL);
    sleep_ms(10);
    crash();
}

static void while_forking(void)
{
    while_another(forks);
}

static void while_loading(void)
{
    while_another(loads);
}

static pthread_barrier_t at_exit_now;

static void slow_exit(void)
{
    pthread_barrier_wait(&at_exit_now);
    waits_here();
}

static void *crashes_at_exit(void *argument)
{
    (void)argument;
    pthread_barrier_wait(&at_exit_now);
    sleep_ms(5);
    crash();
    return NULL;
}

static void while_exiting(void)
{
    pthread_t thread;
    pthread_barrier_init(&at_exit_now, NULL, 2);
    atexit(slow_exit);
    pthread_create(&thread, NULL, crashes_at_exit, NULL);
    exit(0);
}

static void key_destructor(void *value)
{
    (void)value;
    crash();
}

static void *with_key(void *argument)
{
    pthread_key_t key;
    pthread_key_create(&key, key_destructor);
    pthread_setspecific(key, (const void *)&always);
    return argument;
}

static void in_key_destructor(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, with_key, NULL);
    pthread_join(thread, NULL);
}

static void at_thread_start(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)0x1234, NULL);
    pthread_join(thread, NULL);
}

static void *after_main(void *argument)
{
    (void)argument;
    sleep_ms(30);
    crash();
    return NULL;
}

static void main_gone(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, after_main, NULL);
    pthread_exit(NULL);
}

static NOINLINE long recurse(long n)
{
    volatile char room[256];
    room[0] = (char)n;
    return always ? recurse(n + 1) + room[0] : n; /* here: recurse */
}

static NOINLINE void deep_first(void)
{
    always = (int)recurse(0);
}

static void overflow_main(void)
{
    deep_first();
}

static void *overflows(void *argument)
{
    (void)argument;
    observe_thread("thread");
    deep_first();
    return NULL;
}

static void overflow_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, overflows, NULL);
    pthread_join(thread, NULL);
}

static void *overflows_on_own(void *argument)
{
    (void)argument;
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}, old;
    sigaltstack(&stack, &old);
    say("before: %s\n", old.ss_flags & SS_DISABLE ? "none" : "one");
    deep_first();
    return NULL;
}

static void overflow_own_stack(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, overflows_on_own, NULL);
    pthread_join(thread, NULL);
}

static NOINLINE void jump_over(size_t bytes)
{
    volatile char *low = __builtin_alloca(bytes);
    low[0] = 1; /* here: jump_over */
}

static void over_the_guard(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    jump_over(limit.rlim_cur + (1 << 20));
}

static void threads_come_and_go(void) /* nothing of it grows */
{
    for (int round = 0; round < 50; round++) {
        pthread_t all[40];
        for (int i = 0; i < 40; i++)
            pthread_create(&all[i], NULL, (void *(*)(void *))(void *)sleep_ms, NULL);
        for (int i = 0; i < 40; i++)
            pthread_join(all[i], NULL);
    }
    say("2000 threads\n");
}

static void *waits_too(void *tid)
{
    *(volatile int *)tid = (int)syscall(SYS_gettid);
    waits_here();
    return NULL;
}

static void *in_vfork(void *tid) /* until its child ends, in a sleep that nothing but SIGKILL interrupts */
{
    *(volatile int *)tid = (int)syscall(SYS_gettid);
    if (vfork() == 0) {
        sleep_ms(3000);
        _exit(0);
    }
    return NULL;
}

static char state_of(int tid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        close(fd);
    const char *end = strrchr(text, ')');
    return end ? end[2] : '?';
}

static char wait_for_state(const volatile int *tid, char state)
{
    for (int i = 0; i < 2500 && (!*tid || state_of(*tid) != state); i++)
        sleep_ms(1);
    return *tid ? state_of(*tid) : '?';
}

static void in_d_state(void) /* case 61 */
{
    pthread_t thread;
    static int tids[8], tid;
    for (int i = 0; i < 8; i++)
        pthread_create(&thread, NULL, waits_too, &tids[i]);
    for (int i = 0; i < 8; i++)
        wait_for_state(&tids[i], 'S');
    pthread_create(&thread, NULL, in_vfork, &tid);
    say("state %c\n", wait_for_state(&tid, 'D'));
    crash();
}

const struct deed deeds[] = {{"in_d_state", in_d_state},
                             {"named_workers", named_workers},
                             {"many_threads", many_threads},
                             {"two_at_once", two_at_once},
                             {"sixteen_at_once", sixteen_at_once},
                             {"while_forking", while_forking},
                             {"while_loading", while_loading},
                             {"while_exiting", while_exiting},
                             {"in_key_destructor", in_key_destructor},
                             {"at_thread_start", at_thread_start},
                             {"main_gone", main_gone},
                             {"overflow_main", overflow_main},
                             {"overflow_thread", overflow_thread},
                             {"overflow_own_stack", overflow_own_stack},
                             {"over_the_guard", over_the_guard},
                             {"threads_come_and_go", threads_come_and_go},
                             {NULL, NULL}};

/*
 * successors: detached threads, each begun when the one before it is gone, so that each takes over its predecessor's slot
 * of the mapped file; nothing in the program orders them but the kernel. REDIS_PORT.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic int tid;

static void *work(void *argument)
{
    redisContext *c = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    for (int i = 0; i < 3; i++)
        freeReplyObject(redisCommand(c, "PING"));
    redisFree(c);
    atomic_store_explicit(&tid, (int)syscall(SYS_gettid), memory_order_relaxed);
    return argument;
}

static void wait_until_gone(void)
{
    int which;
    while (!(which = atomic_load_explicit(&tid, memory_order_relaxed)))
        usleep(1000);
    while (syscall(SYS_tgkill, getpid(), which, 0) == 0 || errno != ESRCH)
        usleep(1000);
    atomic_store_explicit(&tid, 0, memory_order_relaxed);
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, NULL);
        pthread_detach(thread);
        wait_until_gone();
    }
    puts("done");
    return 0;
}

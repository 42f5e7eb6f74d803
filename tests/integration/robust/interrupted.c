/*
 * interrupted: UNIX-signal handlers that call redisCommand and PQexec at any instruction of two threads that do the same.
 * usage: interrupted CALLS. Environment: REDIS_PORT, STUB_SIDE (finished[0] main's commands, [1] its statements, [2] and [3]
 * the handlers', [4] and [5] the second thread's).
 *
 * malloc() here is a bump allocator, safe in a handler: without it the program would hang without us, too.
 */
#include "calling.h"
#include "side.h"
#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#define ARENA_BYTES (1ull << 30)

static struct side *side;
static redisContext *contexts[4];
static PGconn *conns[3];
static unsigned n_bad;
static volatile sig_atomic_t is_over;

/* ---- malloc ---- */
void *malloc(size_t bytes)
{
    static uint8_t *arena;
    static uint64_t used;
    uint8_t *base = __atomic_load_n(&arena, __ATOMIC_ACQUIRE);
    if (!base) {
        uint8_t *made = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (made == MAP_FAILED)
            return NULL;
        if (__atomic_compare_exchange_n(&arena, &base, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            base = made;
    }
    uint64_t at = __atomic_fetch_add(&used, (bytes + 31) & ~15ull, __ATOMIC_RELAXED);
    if (at + bytes + 32 > ARENA_BYTES)
        return NULL;
    *(size_t *)(void *)(base + at) = bytes;
    return base + at + 16;
}
void free(void *memory)
{
    (void)memory;
}
void *calloc(size_t n, size_t bytes)
{
    return malloc(n * bytes); /* fresh pages */
}
void *realloc(void *memory, size_t bytes)
{
    size_t before = memory ? ((size_t *)memory)[-2] : 0;
    void *more = malloc(bytes);
    return memory && more ? memcpy(more, memory, before < bytes ? before : bytes) : more;
}

/* ---- calls ---- */
static void command(unsigned context, unsigned counter)
{
    redisReply *reply = redisCommand(contexts[context], "SET k%d %s", (int)context, "v");
    if (!reply || reply->type != REDIS_REPLY_STATUS || strcmp(reply->str, "OK") != 0)
        __atomic_fetch_add(&n_bad, 1, __ATOMIC_RELAXED);
    freeReplyObject(reply);
    __atomic_fetch_add(&side->finished[counter], 1, __ATOMIC_RELAXED);
}

static void statement(unsigned conn, unsigned counter)
{
    PGresult *result = PQexec(conns[conn], "SELECT 1 FROM interrupted");
    if (!result)
        __atomic_fetch_add(&n_bad, 1, __ATOMIC_RELAXED);
    PQclear(result);
    __atomic_fetch_add(&side->finished[counter], 1, __ATOMIC_RELAXED);
}

static void on_alarm(int signal_number)
{
    int error = errno;
    (void)signal_number;
    if (!is_over)
        command(1, 2);
    errno = error;
}

static void on_profile(int signal_number)
{
    int error = errno;
    (void)signal_number;
    if (!is_over)
        statement(1, 3);
    errno = error;
}

static void *work(void *argument)
{
    for (unsigned i = 0; i < *(const unsigned *)argument; i++) {
        command(2, 4);
        statement(2, 5);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned n_calls = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    side = side_open();
    for (unsigned i = 0; i < 3; i++) {
        contexts[i] = redisConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
        conns[i] = PQconnectdb("");
        if (!side || !contexts[i] || contexts[i]->err)
            return 2;
    }
    pthread_t thread;
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGALRM);
    sigaddset(&both, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &both, NULL); /* the handlers' contexts are one thread's */
    pthread_create(&thread, NULL, work, &n_calls);
    struct sigaction alarm_action = {.sa_handler = on_alarm}, profile_action = {.sa_handler = on_profile};
    sigaction(SIGALRM, &alarm_action, NULL);
    sigaction(SIGPROF, &profile_action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &both, NULL);
    const struct itimerval often = {{.tv_usec = 331}, {.tv_usec = 331}},
                           seldom = {{.tv_usec = 1000}, {.tv_usec = 1000}};
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &seldom, NULL);
    for (unsigned i = 0; i < n_calls; i++) {
        for (unsigned k = 0; k < 20; k++)
            statement(0, 1);
        command(0, 0);
    }
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    is_over = 1;
    printf("%u bad, %s\n", n_bad,
           side->finished[2] && side->finished[3] ? "interrupted" : "never interrupted");
    return 0;
}

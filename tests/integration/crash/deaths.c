/*
 * deaths: ends, or hangs, in the way that its argument says; its calls go to the stub libpq (tests/integration/robust/stub).
 * What deaths.py expects of it stands there.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int *volatile nowhere = (volatile int *)8;
static pthread_t first;

static void call(PGconn *conn, int number)
{
    char query[64];
    snprintf(query, sizeof(query), "SELECT id FROM numbered_%d WHERE id = 7", number);
    PQclear(PQexec(conn, query));
}

static void *hit_the_first(void *argument)
{
    usleep(200000);
    pthread_kill(first, SIGSEGV);
    return argument;
}

static _Atomic int n_idle;

static void *idle(void *argument)
{
    n_idle++;
    pause();
    return argument;
}

static void leave(int number)
{
    (void)number;
    _exit(7);
}

/* ---- deaths ---- */

static void in_flight(PGconn *conn)
{
    puts("calling");
    fflush(stdout);
    call(conn, 1); /* STUB_DELAY_US is a minute */
}

static void come_back(int number)
{
    (void)number;
}

/* SIGUSR1 ends the call, as an interrupted sleep. */
static void held(PGconn *conn)
{
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = come_back}, NULL);
    in_flight(conn);
}

static void inside(PGconn *conn)
{
    pthread_t thread;
    pthread_create(&thread, NULL, hit_the_first, NULL);
    call(conn, 1);
}

static void recent(PGconn *conn)
{
    for (int i = 1; i <= 30; i++)
        call(conn, i);
    *nowhere = 1;
}

/* How it ended can only be known of a process that was seen alive: deaths.py closes its input when it was. */
static void let_be_seen(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
}

static void handled(PGconn *conn)
{
    (void)conn;
    let_be_seen();
    signal(SIGSEGV, leave);
    *nowhere = 1;
}

static void blocked(PGconn *conn)
{
    (void)conn;
    sigset_t set;
    let_be_seen();
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *nowhere = 1;
}

static void fault(PGconn *conn)
{
    (void)conn;
    *nowhere = 1;
}

static void kill_itself(PGconn *conn)
{
    (void)conn;
    raise(SIGKILL);
}

/* ---- ends that are none ---- */

static sigjmp_buf before;

static void go_back(int number)
{
    siglongjmp(before, number);
}

/* As Go ends: not by libc. */
static void recover_and_leave_raw(PGconn *conn)
{
    (void)conn;
    signal(SIGSEGV, go_back);
    if (!sigsetjmp(before, 1))
        *nowhere = 1;
    syscall(SYS_exit_group, 0);
}

static void leave_quickly(PGconn *conn)
{
    (void)conn;
    quick_exit(3);
}

static void leave_raw(PGconn *conn)
{
    (void)conn;
    syscall(SYS_exit_group, 4);
}

static void leave_at_once(PGconn *conn)
{
    (void)conn;
    _exit(5);
}

static void become_true(PGconn *conn)
{
    (void)conn;
    execlp("true", "true", (char *)NULL);
}

static void terminate(PGconn *conn)
{
    (void)conn;
    raise(SIGTERM);
}

static void leave_threads(PGconn *conn)
{
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, NULL, idle, conn);
}

/* ---- hangs ---- */

static void spin(PGconn *conn)
{
    (void)conn;
    signal(SIGUSR1, leave); /* sent by deaths.py */
    alarm(300);
    for (volatile long i = 0;; i++)
        ;
}

static void stop(PGconn *conn)
{
    (void)conn;
    raise(SIGSTOP); /* until deaths.py continues it */
}

static void deadlock(PGconn *conn)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    (void)conn;
    signal(SIGUSR1, leave);
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
}

static void wait_idly(PGconn *conn)
{
    (void)conn;
    poll(NULL, 0, 3000);
}

static void many(PGconn *conn)
{
    pthread_t thread;
    for (int i = 0; i < 63; i++)
        pthread_create(&thread, NULL, idle, conn);
    while (n_idle < 63)
        usleep(1000);
    puts("ready");
    fflush(stdout);
    let_be_seen(); /* until deaths.py closes its input */
}

static const struct {
    const char *name;
    void (*run)(PGconn *conn);
} deeds[] = {{"in_flight", in_flight},
             {"held", held},
             {"inside", inside},
             {"recent", recent},
             {"handled", handled},
             {"blocked", blocked},
             {"fault", fault},
             {"quick", leave_quickly},
             {"raw", leave_raw},
             {"at_once", leave_at_once},
             {"exec", become_true},
             {"term", terminate},
             {"threads", leave_threads},
             {"spin", spin},
             {"stop", stop},
             {"deadlock", deadlock},
             {"idle", wait_idly},
             {"many", many},
             {"killed", kill_itself},
             {"recovered", recover_and_leave_raw}};

int main(int argc, char **argv)
{
    PGconn *conn = PQconnectdb("");
    first = pthread_self();
    if (!getenv("STUB_DELAY_US"))
        call(conn, 0); /* so that there is a file */
    for (size_t i = 0; argc > 1 && i < sizeof(deeds) / sizeof(deeds[0]); i++)
        if (strcmp(argv[1], deeds[i].name) == 0)
            deeds[i].run(conn);
    PQfinish(conn);
    return 0;
}

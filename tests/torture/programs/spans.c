/* Cases 107 and 117: deaths while calls are traced. Linked with the libpq that needs no server. */
#include "torture.h"
#include <libpq-fe.h>

static PGconn *connection;

static NOINLINE void crash(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1; /* here: crash_spans */
    always++;
}

static void query(const char *text)
{
    PQclear(PQexec(connection, text));
}

static void several(void)
{
    connection = PQconnectdb("host=127.0.0.1 dbname=crash");
    for (int i = 1; i <= 25; i++) {
        char text[64];
        snprintf(text, sizeof text, "SELECT * FROM table_%02d", i);
        query(text);
    }
}

static void after_queries(void)
{
    several();
    crash();
}

static void handler(int signal)
{
    (void)signal;
    crash();
}

static void killer(int signal)
{
    (void)signal;
    raise(SIGKILL);
}

static void in_query(void)
{
    several();
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    query("UPDATE the_last SET it = 'a-literal'");
    for (;;)
        query("UPDATE the_last SET it = 'a-literal'");
}

static void killed_in_query(void)
{
    several();
    struct sigaction action = {.sa_handler = killer};
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    for (;;)
        query("UPDATE the_last SET it = 'a-literal'");
}

static void *asks(void *argument)
{
    for (;;)
        query("DELETE FROM other_thread");
    return argument;
}

static void in_other_thread(void)
{
    pthread_t thread;
    several();
    pthread_create(&thread, NULL, asks, NULL);
    sleep_ms(100);
    crash();
}

const struct deed deeds[] = {{"after_queries", after_queries},
                             {"in_query", in_query},
                             {"killed_in_query", killed_in_query},
                             {"in_other_thread", in_other_thread},
                             {NULL, NULL}};

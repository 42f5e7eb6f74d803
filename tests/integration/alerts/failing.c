/*
 * failing: a program that nobody changed, whose calls fail within functions that have names: what the stack in the alert must show.
 *
 *   easy URL | multi URL | sql CONNINFO STATEMENT | redis HOST PORT COMMAND      one word after the other
 *   thread URL    on a thread of its own      fiber URL    on a stack that the program made, between pages that nobody may read
 *   report TEXT   to otelshim.h
 *   times N       the next one N times        pause MS        unless FILE N    leaves out N words where there is that file
 */
#include "otelshim.h"

#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))

static volatile int n_done; /* after each call: none of them is the last thing that its function does */

static KEPT int place_order(const char *url)
{
    CURL *handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    CURLcode code = curl_easy_perform(handle);
    curl_easy_cleanup(handle);
    return (int)code;
}

static KEPT int watch_orders(const char *url)
{
    CURL *handle = curl_easy_init();
    CURLM *multi = curl_multi_init();
    int n_running = 1, n_left, n_messages = 0;
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_multi_add_handle(multi, handle);
    while (n_running && curl_multi_perform(multi, &n_running) == CURLM_OK)
        curl_multi_wait(multi, NULL, 0, 10, NULL);
    while (curl_multi_info_read(multi, &n_left))
        n_messages++;
    curl_multi_remove_handle(multi, handle);
    curl_easy_cleanup(handle);
    curl_multi_cleanup(multi);
    return n_messages;
}

static KEPT int read_balance(const char *conninfo, const char *statement)
{
    PGconn *connection = PQconnectdb(conninfo);
    PGresult *result = PQexec(connection, statement);
    int status = (int)PQresultStatus(result);
    PQclear(result);
    PQfinish(connection);
    return status;
}

static KEPT int cache_price(const char *host, int port, const char *command)
{
    redisContext *context = redisConnect(host, port);
    void *reply = context && !context->err ? redisCommand(context, command) : NULL;
    if (reply)
        freeReplyObject(reply);
    redisFree(context);
    return reply != NULL;
}

static KEPT int give_up(const char *text)
{
    otelshim_report_error(OTELSHIM_ERROR, "NoFunds", text);
    return n_done + 1;
}

static void *work(void *url)
{
    n_done += place_order(url);
    return NULL;
}

static void on_thread(char *url)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, url);
    pthread_join(thread, NULL);
}

static const char *fiber_url;

static void run_fiber(void)
{
    n_done += place_order(fiber_url);
}

static void on_fiber(const char *url)
{
    static ucontext_t here, there;
    size_t page = 4096, bytes = 64 * page;
    char *stack = mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(stack + page, bytes, PROT_READ | PROT_WRITE);
    getcontext(&there);
    there.uc_stack.ss_sp = stack + page;
    there.uc_stack.ss_size = bytes;
    there.uc_link = &here;
    fiber_url = url;
    makecontext(&there, run_fiber, 0);
    swapcontext(&here, &there);
    munmap(stack, bytes + 2 * page);
}

int main(int argc, char **argv)
{
    long times = 1;
    curl_global_init(CURL_GLOBAL_ALL);
    for (char **at = argv + 1; at < argv + argc;) {
        const char *word = *at++;
        char **from = at;
        for (long i = 0; i < times; i++) {
            at = from;
            if (strcmp(word, "easy") == 0) {
                n_done += place_order(*at++);
            } else if (strcmp(word, "multi") == 0) {
                n_done += watch_orders(*at++);
            } else if (strcmp(word, "sql") == 0) {
                n_done += read_balance(at[0], at[1]);
                at += 2;
            } else if (strcmp(word, "redis") == 0) {
                n_done += cache_price(at[0], atoi(at[1]), at[2]);
                at += 3;
            } else if (strcmp(word, "report") == 0) {
                n_done += give_up(*at++);
            } else if (strcmp(word, "thread") == 0) {
                on_thread(*at++);
            } else if (strcmp(word, "fiber") == 0) {
                on_fiber(*at++);
            } else if (strcmp(word, "pause") == 0) {
                struct timespec time = {atol(*at) / 1000, atol(*at) % 1000 * 1000000};
                nanosleep(&time, NULL);
                at++;
            } else if (strcmp(word, "unless") == 0) {
                long n = access(at[0], F_OK) == 0 ? atol(at[1]) : 0;
                at += 2 + n;
            } else if (strcmp(word, "times") != 0) {
                fprintf(stderr, "failing: %s?\n", word);
                return 2;
            }
        }
        times = strcmp(word, "times") == 0 ? atol(*at++) : 1;
    }
    return 0;
}

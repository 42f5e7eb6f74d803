/*
 * calls: a program that nobody changed, and that does what it is told; one word after the other:
 *
 *   get URL | post URL BODY | put URL BODY     requests            timeout MS          of the requests that follow
 *   times N                                    the next N times    header LINE         of the requests that follow
 *   multi URL BODY MS                          a POST by the multi interface, given up after that time
 *   sql CONNINFO STATEMENT                     redis HOST PORT COMMAND
 *   syslog LEVEL TEXT                          crash | kill        pause MS
 */
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

static long timeout_ms;
static struct curl_slist *headers;

static size_t swallow(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static CURL *prepare(const char *method, const char *url, const char *body)
{
    CURL *handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    if (body)
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "put") == 0)
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "PUT");
    if (timeout_ms && timeout_ms % 1000 == 0)
        curl_easy_setopt(handle, CURLOPT_TIMEOUT, timeout_ms / 1000);
    else if (timeout_ms)
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
    if (headers)
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    return handle;
}

static void request(const char *method, const char *url, const char *body, long times)
{
    CURL *handle = prepare(method, url, body);
    for (long i = 0; i < times; i++)
        (void)curl_easy_perform(handle);
    curl_easy_cleanup(handle);
}

static void give_up(const char *url, const char *body, long ms)
{
    CURL *handle = prepare("post", url, body);
    CURLM *multi = curl_multi_init();
    int n_running;
    curl_multi_add_handle(multi, handle);
    for (long waited = 0; waited < ms; waited += 10) {
        curl_multi_perform(multi, &n_running);
        curl_multi_wait(multi, NULL, 0, 10, NULL);
    }
    curl_multi_remove_handle(multi, handle);
    curl_easy_cleanup(handle);
    curl_multi_cleanup(multi);
}

static void sql(const char *conninfo, const char *statement)
{
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) == CONNECTION_OK)
        PQclear(PQexec(connection, statement));
    PQfinish(connection);
}

static void redis(const char *host, int port, const char *command)
{
    redisContext *context = redisConnect(host, port);
    if (context && !context->err)
        freeReplyObject(redisCommand(context, command));
    redisFree(context);
}

static __attribute__((noinline)) void place_order(volatile int *order)
{
    *order = 7;
}

int main(int argc, char **argv)
{
    long times = 1;
    curl_global_init(CURL_GLOBAL_ALL);
    for (char **at = argv + 1; at < argv + argc;) {
        const char *word = *at++;
        if (strcmp(word, "get") == 0) {
            request(word, at[0], NULL, times);
            at += 1, times = 1;
        } else if (strcmp(word, "post") == 0 || strcmp(word, "put") == 0) {
            request(word, at[0], at[1], times);
            at += 2, times = 1;
        } else if (strcmp(word, "multi") == 0) {
            give_up(at[0], at[1], atol(at[2]));
            at += 3;
        } else if (strcmp(word, "timeout") == 0) {
            timeout_ms = atol(*at++);
        } else if (strcmp(word, "times") == 0) {
            times = atol(*at++);
        } else if (strcmp(word, "header") == 0) {
            headers = curl_slist_append(headers, *at++);
        } else if (strcmp(word, "sql") == 0) {
            sql(at[0], at[1]);
            at += 2;
        } else if (strcmp(word, "redis") == 0) {
            redis(at[0], atoi(at[1]), at[2]);
            at += 3;
        } else if (strcmp(word, "syslog") == 0) {
            syslog(atoi(at[0]), "%s", at[1]);
            at += 2;
        } else if (strcmp(word, "pause") == 0) {
            sleep_ms(atol(*at++));
        } else if (strcmp(word, "crash") == 0) {
            place_order(NULL);
        } else if (strcmp(word, "kill") == 0) {
            raise(SIGKILL);
        } else {
            fprintf(stderr, "calls: %s?\n", word);
            return 2;
        }
    }
    return 0;
}

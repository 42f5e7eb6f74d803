/*
 * loop_calls: real calls to a real server in a loop. usage: loop_calls KIND CALLS [turns]
 *
 *   redis     GET over a UNIX socket            REDIS_SOCKET
 *   pipeline  the same, sixteen at a time
 *   async     redisAsyncCommand, sixteen at a time, our own poll loop
 *   libpq     SELECT 1                          PGHOST …
 *   libpq_async     the same by PQsendQuery and PQgetResult
 *   libpq_pipeline  sixteen at a time in pipeline mode
 *   curl      GET /small, connection kept open  HTTP_URL
 *   multi     eight at a time by one multi handle, connections kept open
 *
 * BENCH_HEADER: HTTP requests have a header as long as a traceparent.
 * Makes the calls once; with `turns`, once for each byte of standard input: then it prints what a call took, in nanoseconds, and
 * at the end of input the resident memory in KiB. So several wait for their turn on one CPU.
 */
#include "timing.h"

#include <curl/curl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPELINED 16

static redisContext *redis;
static PGconn *postgres;
static CURL *curl;

static void check(int is_fine, const char *what)
{
    if (is_fine)
        return;
    fprintf(stderr, "loop_calls: %s failed\n", what);
    exit(1);
}

static void open_redis(void)
{
    redis = redisConnectUnix(getenv("REDIS_SOCKET"));
    check(redis && !redis->err, "connecting to Redis");
    freeReplyObject(redisCommand(redis, "SET bench:key value"));
}

static void call_redis(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        redisReply *reply = redisCommand(redis, "GET %s", "bench:key");
        check(reply && reply->type == REDIS_REPLY_STRING, "GET");
        freeReplyObject(reply);
    }
}

static void call_pipeline(unsigned n)
{
    for (unsigned i = 0; i < n; i += PIPELINED) {
        void *reply = NULL;
        for (unsigned k = 0; k < PIPELINED; k++)
            redisAppendCommand(redis, "GET %s", "bench:key");
        for (unsigned k = 0; k < PIPELINED; k++) {
            check(redisGetReply(redis, &reply) == REDIS_OK, "a pipelined GET");
            freeReplyObject(reply);
        }
    }
}

static redisAsyncContext *async;
static unsigned n_answered;

static void do_nothing(void *data)
{
    (void)data;
}

static void open_async(void)
{
    async = redisAsyncConnectUnix(getenv("REDIS_SOCKET"));
    check(async && !async->err, "connecting to Redis");
    async->ev.data = async;
    async->ev.addRead = async->ev.delRead = async->ev.addWrite = async->ev.delWrite = do_nothing;
    redisAsyncHandleWrite(async);
}

static void count_answer(redisAsyncContext *context, void *reply, void *data)
{
    (void)context;
    (void)data;
    n_answered += reply != NULL;
}

static void call_async(unsigned n)
{
    struct pollfd socket = {.fd = async->c.fd, .events = POLLIN};
    for (unsigned i = 0; i < n; i += PIPELINED) {
        n_answered = 0;
        for (unsigned k = 0; k < PIPELINED; k++)
            redisAsyncCommand(async, count_answer, NULL, "GET %s", "bench:key");
        redisAsyncHandleWrite(async);
        while (n_answered < PIPELINED) {
            check(poll(&socket, 1, 5000) == 1, "waiting for Redis");
            redisAsyncHandleRead(async);
        }
    }
}

static void open_postgres(void)
{
    postgres = PQconnectdb("");
    check(PQstatus(postgres) == CONNECTION_OK, "connecting to PostgreSQL");
}

static void call_postgres(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        PGresult *result = PQexec(postgres, "SELECT 1");
        check(PQresultStatus(result) == PGRES_TUPLES_OK, "SELECT 1");
        PQclear(result);
    }
}

static void call_postgres_async(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        check(PQsendQuery(postgres, "SELECT 1"), "PQsendQuery");
        for (PGresult *result; (result = PQgetResult(postgres));)
            PQclear(result);
    }
}

static void open_postgres_pipeline(void)
{
    open_postgres();
    check(PQenterPipelineMode(postgres), "PQenterPipelineMode");
}

static void call_postgres_pipeline(unsigned n)
{
    for (unsigned i = 0; i < n; i += PIPELINED) {
        for (unsigned k = 0; k < PIPELINED; k++)
            check(PQsendQueryParams(postgres, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0), "PQsendQueryParams");
        check(PQpipelineSync(postgres), "PQpipelineSync");
        for (unsigned k = 0; k < PIPELINED; k++)
            for (PGresult *result; (result = PQgetResult(postgres));)
                PQclear(result);
        PQclear(PQgetResult(postgres)); /* of the sync */
    }
}

static size_t discard(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

static CURL *new_transfer(void)
{
    static const char header[] = "benchparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    char url[256];
    snprintf(url, sizeof(url), "%s/small", getenv("HTTP_URL"));
    CURL *transfer = curl_easy_init();
    curl_easy_setopt(transfer, CURLOPT_URL, url);
    curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, discard);
    if (getenv("BENCH_HEADER"))
        curl_easy_setopt(transfer, CURLOPT_HTTPHEADER, curl_slist_append(NULL, header));
    return transfer;
}

static void open_curl(void)
{
    curl = new_transfer();
}

static void call_curl(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        check(curl_easy_perform(curl) == CURLE_OK, "GET /small");
}

#define TRANSFERS 8
static CURLM *multi;
static CURL *transfers[TRANSFERS];

static void open_multi(void)
{
    multi = curl_multi_init();
    for (unsigned i = 0; i < TRANSFERS; i++)
        transfers[i] = new_transfer();
}

static void call_multi(unsigned n)
{
    for (unsigned i = 0; i < n; i += TRANSFERS) {
        int n_running = 1, n_left;
        for (unsigned k = 0; k < TRANSFERS; k++)
            curl_multi_add_handle(multi, transfers[k]);
        while (n_running) {
            check(curl_multi_perform(multi, &n_running) == CURLM_OK, "curl_multi_perform");
            if (n_running)
                curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &n_left));) {
            check(message->data.result == CURLE_OK, "a transfer");
            curl_multi_remove_handle(multi, message->easy_handle);
        }
    }
}

static const struct {
    const char *name;
    void (*open)(void);
    void (*call)(unsigned);
} kinds[] = {{"redis", open_redis, call_redis},
             {"pipeline", open_redis, call_pipeline},
             {"async", open_async, call_async},
             {"libpq", open_postgres, call_postgres},
             {"libpq_async", open_postgres, call_postgres_async},
             {"libpq_pipeline", open_postgres_pipeline, call_postgres_pipeline},
             {"curl", open_curl, call_curl},
             {"multi", open_multi, call_multi}};

/* Counted page by page: VmRSS of /proc/self/status may lag by 32 pages a CPU. */
static long resident_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *maps = fopen("/proc/self/smaps_rollup", "r");
    while (maps && fgets(line, sizeof(line), maps))
        if (strncmp(line, "Rss:", 4) == 0)
            kib = atol(line + 4);
    if (maps)
        fclose(maps);
    return kib;
}

static void take_turns(void (*call)(unsigned), unsigned n)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        call(n / 8 / PIPELINED * PIPELINED + PIPELINED); /* the others have had the caches meanwhile */
        double from = now_ns();
        call(n);
        printf("%.1f\n", (now_ns() - from) / n);
        fflush(stdout);
    }
    printf("%ld\n", resident_kib());
}

int main(int argc, char **argv)
{
    unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) / PIPELINED * PIPELINED : 0;
    for (size_t k = 0; n && k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (strcmp(argv[1], kinds[k].name) != 0)
            continue;
        kinds[k].open();
        if (argc > 3)
            take_turns(kinds[k].call, n);
        else
            kinds[k].call(n);
        return 0;
    }
    fputs("usage: loop_calls KIND CALLS [turns]\n", stderr);
    return 2;
}

/*
 * loop_paths: calls that end elsewhere than they began, without a server: what is left of them is the library's own work
 * and the shim's. usage: loop_paths PATH CALLS [PAUSE_US]: in blocks of 496 calls, PAUSE_US apart (the exporter empties chunks
 * meanwhile); only the blocks are timed. Prints the median block's nanoseconds per call.
 *
 *   redis_pipeline   redisAppendCommand and redisGetReply, sixteen at a time; this process answers
 *   redis_async      redisAsyncCommand and its callback, likewise
 *   libpq_async      PQsendQuery, PQgetResult twice     (stub_libpq)
 *   libpq_pipeline   PQsendQueryParams, sixteen at a time, PQgetResult
 *   curl_multi       eight transfers of a file by one multi handle
 *   curl_easy        curl_easy_perform of a GET, one connection; this process answers, from libcurl's progress callback.
 *                    BENCH_HEADER: with a header as long as a traceparent
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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TOGETHER 16
#define BLOCK (31 * TOGETHER)
#define TRANSFERS 8

static redisContext *redis;
static redisAsyncContext *async;
static PGconn *postgres;
static CURLM *multi;
static CURL *transfers[TRANSFERS];
static CURL *easy;
static int peer;
static unsigned n_answered;

static void check(int is_fine, const char *what)
{
    if (is_fine)
        return;
    fprintf(stderr, "loop_paths: %s failed\n", what);
    exit(1);
}

/* ---- Redis: we are the server ---- */

static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void start_listening(void)
{
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/loop_paths.%d", (int)getpid());
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    check(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0,
          "listen");
}

static void take_peer(void)
{
    peer = accept(listener, NULL, NULL);
    check(peer >= 0, "accept");
    unlink(address.sun_path);
}

static void answer(unsigned n)
{
    static const char value[] = "$5\r\nvalue\r\n";
    char bytes[65536];
    for (unsigned i = 0; i < n; i++)
        memcpy(bytes + i * (sizeof(value) - 1), value, sizeof(value) - 1);
    check(recv(peer, bytes + 32768, 32768, MSG_DONTWAIT) > 0, "the commands");
    check(write(peer, bytes, n * (sizeof(value) - 1)) > 0, "answering");
}

static void open_redis(void)
{
    start_listening();
    redis = redisConnectUnix(address.sun_path);
    check(redis && !redis->err, "connecting");
    take_peer();
}

static void call_redis_pipeline(unsigned n)
{
    for (unsigned i = 0; i < n; i += TOGETHER) {
        int is_done = 0;
        void *reply = NULL;
        for (unsigned k = 0; k < TOGETHER; k++)
            redisAppendCommand(redis, "GET %s", "bench:key");
        while (!is_done)
            check(redisBufferWrite(redis, &is_done) == REDIS_OK, "writing");
        answer(TOGETHER);
        for (unsigned k = 0; k < TOGETHER; k++) {
            check(redisGetReply(redis, &reply) == REDIS_OK, "a reply");
            freeReplyObject(reply);
        }
    }
}

static void do_nothing(void *data)
{
    (void)data;
}

static void open_async(void)
{
    start_listening();
    async = redisAsyncConnectUnix(address.sun_path);
    check(async && !async->err, "connecting");
    async->ev.data = async;
    async->ev.addRead = async->ev.delRead = async->ev.addWrite = async->ev.delWrite = do_nothing;
    take_peer();
    redisAsyncHandleWrite(async);
}

static void count_answer(redisAsyncContext *context, void *reply, void *data)
{
    (void)context;
    (void)data;
    n_answered += reply != NULL;
}

static void call_redis_async(unsigned n)
{
    for (unsigned i = 0; i < n; i += TOGETHER) {
        n_answered = 0;
        for (unsigned k = 0; k < TOGETHER; k++)
            redisAsyncCommand(async, count_answer, NULL, "GET %s", "bench:key");
        redisAsyncHandleWrite(async);
        answer(TOGETHER);
        while (n_answered < TOGETHER)
            redisAsyncHandleRead(async);
    }
}

/* ---- PostgreSQL: the stub ---- */

static void open_postgres(void)
{
    postgres = PQconnectdb("");
}

static void call_libpq_async(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        check(PQsendQuery(postgres, "SELECT id, price FROM orders WHERE market = 'KRW-BTC'"), "PQsendQuery");
        PQclear(PQgetResult(postgres));
        check(!PQgetResult(postgres), "the end of the results");
    }
}

static void open_pipeline(void)
{
    open_postgres();
    check(PQenterPipelineMode(postgres), "PQenterPipelineMode");
}

static void call_libpq_pipeline(unsigned n)
{
    for (unsigned i = 0; i < n; i += TOGETHER) {
        for (unsigned k = 0; k < TOGETHER; k++)
            PQsendQueryParams(postgres, "SELECT price FROM orders WHERE id = $1", 0, NULL, NULL, NULL, NULL,
                              0);
        for (unsigned k = 0; k < TOGETHER; k++) {
            PQclear(PQgetResult(postgres));
            check(!PQgetResult(postgres), "the end of a query");
        }
    }
}

/* ---- libcurl ---- */

static size_t discard(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

static void open_curl(void)
{
    multi = curl_multi_init();
    for (unsigned i = 0; i < TRANSFERS; i++) {
        transfers[i] = curl_easy_init();
        curl_easy_setopt(transfers[i], CURLOPT_URL, "file:///etc/hostname");
        curl_easy_setopt(transfers[i], CURLOPT_WRITEFUNCTION, discard);
    }
}

static void call_curl_multi(unsigned n)
{
    for (unsigned i = 0; i < n; i += TRANSFERS) {
        int n_running = 1, n_left;
        for (unsigned k = 0; k < TRANSFERS; k++)
            curl_multi_add_handle(multi, transfers[k]);
        while (n_running)
            check(curl_multi_perform(multi, &n_running) == CURLM_OK, "curl_multi_perform");
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &n_left));) {
            check(message->data.result == CURLE_OK, "a transfer");
            curl_multi_remove_handle(multi, message->easy_handle);
        }
    }
}

/* As soon as the request is there. The connection is libcurl's own business: it is taken when it has come. */
static int answer_http(void *context, curl_off_t down, curl_off_t of_down, curl_off_t up, curl_off_t of_up)
{
    static const char response[] = "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\n"
                                   "Content-Length: 6\r\nConnection: keep-alive\r\n\r\nvalue\n";
    char request[4096];
    (void)context, (void)down, (void)of_down, (void)up, (void)of_up;
    if (!peer) {
        struct pollfd coming = {.fd = listener, .events = POLLIN};
        if (poll(&coming, 1, 0) != 1)
            return 0;
        take_peer();
    }
    if (recv(peer, request, sizeof(request), MSG_DONTWAIT) > 0)
        check(write(peer, response, sizeof(response) - 1) > 0, "answering");
    return 0;
}

static void open_easy(void)
{
    start_listening();
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, "http://bench.example/small");
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address.sun_path);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, answer_http);
    if (getenv("BENCH_HEADER"))
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                         curl_slist_append(NULL, "benchparent: "
                                                 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03"));
}

static void call_curl_easy(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        check(curl_easy_perform(easy) == CURLE_OK, "curl_easy_perform");
}

static const struct {
    const char *name;
    void (*open)(void);
    void (*call)(unsigned);
} paths[] = {{"redis_pipeline", open_redis, call_redis_pipeline},
             {"redis_async", open_async, call_redis_async},
             {"libpq_async", open_postgres, call_libpq_async},
             {"libpq_pipeline", open_pipeline, call_libpq_pipeline},
             {"curl_multi", open_curl, call_curl_multi},
             {"curl_easy", open_easy, call_curl_easy}};

int main(int argc, char **argv)
{
    unsigned n_blocks = argc > 2 ? (unsigned)atoi(argv[2]) / BLOCK : 0;
    unsigned pause_us = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    for (size_t k = 0; n_blocks && k < sizeof(paths) / sizeof(paths[0]); k++) {
        if (strcmp(argv[1], paths[k].name) != 0)
            continue;
        double *blocks = malloc(n_blocks * sizeof(*blocks));
        paths[k].open();
        for (unsigned i = 0; i < n_blocks; i++) {
            double from = now_ns();
            paths[k].call(BLOCK);
            blocks[i] = (now_ns() - from) / BLOCK;
            if (pause_us)
                usleep(pause_us);
        }
        printf("%.1f\n", median(blocks, n_blocks));
        free(blocks);
        return 0;
    }
    fputs("usage: loop_paths redis_pipeline|redis_async|libpq_async|libpq_pipeline|curl_multi|curl_easy "
          "CALLS [PAUSE_US]\n",
          stderr);
    return 2;
}

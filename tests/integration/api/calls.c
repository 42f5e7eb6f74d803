/*
 * Every call of otelshim.h, around requests of libcurl that nobody answers. What it prints is the same without the library.
 * The trace and span ids that it sees go out as attributes, to be compared with what arrives. usage: calls [THREADS MEASUREMENTS | crash]
 */
#include "otelshim.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define NOBODY "http://127.0.0.1:9/"

extern char **environ;

static const struct otelshim_metric taken = {"round.duration", "s", "of one round", OTELSHIM_HISTOGRAM, 0};

/* libcurl asks for a socket: we are inside its call. */
static curl_socket_t open_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)unused;
    (void)purpose;
    OTELSHIM_SPAN("open_socket", otelshim_kv("family", address->family));
    return socket(address->family, address->socktype, address->protocol);
}

static int request(int attempt)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, NOBODY);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    char trace[33], id[17];
    (void)otelshim_trace_id(trace);
    trace[16] = 0; /* what is longer looks like a secret, and does not leave the machine */
    otelshim_set(otelshim_kv("attempt", attempt), otelshim_kv("seen.trace", trace),
                 otelshim_kv("seen.span", otelshim_span_id(id)));
    return code;
}

/* Its own requests are children of the span that is open here. */
static void run_child(void)
{
    OTELSHIM_SPAN("run_child");
    char *const arguments[] = {(char[]){"curl"}, (char[]){"-s"}, (char[]){NOBODY}, NULL};
    pid_t pid;
    int status = -1;
    if (posix_spawnp(&pid, "curl", NULL, NULL, arguments, environ) == 0)
        waitpid(pid, &status, 0);
    printf("child: %d\n", WEXITSTATUS(status));
}

static void say(void)
{
    otelshim_log(OTELSHIM_INFO, "%d orders of %s at %.1f", 3, "KRW-BTC", 1.5);
    otelshim_log_text(OTELSHIM_WARN, "as it is: 100 %d", otelshim_kv("line", 7));
    otelshim_event("order.placed", otelshim_kv("price", 50000), otelshim_bool("is_dry", 1));
    otelshim_report_error(OTELSHIM_CRITICAL, "InsufficientFunds", "잔액 부족",
                          otelshim_kv("coin", "비트코인"));
    otelshim_trade("buy", otelshim_kv("symbol", "KRW-BTC"), otelshim_kv("price", 50000));
    otelshim_notice("오늘은 쉽니다");
}

static void measure(void)
{
    otelshim_counter_add("orders", 2, otelshim_kv("status", "filled"));
    otelshim_counter_add("orders", 1, otelshim_kv("status", "filled"));
    otelshim_up_down_add("orders.open", 3);
    otelshim_up_down_add("orders.open", -1);
    otelshim_gauge_set_double("balance", 12.5, otelshim_kv("range", otelshim_range(50, 40, 70)));
    otelshim_measure_double(&taken, 0.25);
    otelshim_measure_double(&taken, 0.75);
}

/* The span is a request that it answers; nothing but the two lines is made, and only where the program asks. */
static void answer(void)
{
    char lines[OTELSHIM_SERVER_HEADERS], id[64] = "";
    double ms = -1;
    otelshim_span span = otelshim_span_begin_kind(OTELSHIM_SERVER, "answer");
    (void)otelshim_server_headers(span, "req-7", lines);
    if (*lines && sscanf(lines, "X-Request-ID: %63s X-Process-Time: %lfms", id, &ms) == 2)
        otelshim_span_set(span, otelshim_kv("http.request_id", id), otelshim_kv("said.ms", ms));
    otelshim_span_end(span);
}

static void one_round(void)
{
    OTELSHIM_SPAN_AS(span, "round", otelshim_kv("market", "KRW-BTC"));
    printf("request: %d\n", request(2));
    otelshim_span step = otelshim_span_begin_kind(OTELSHIM_PRODUCER, "decide");
    otelshim_span_set(span, otelshim_kv("late", 0.5));
    otelshim_span_error(step, "Undecided", "neither buy nor sell");
    say();
    measure();
    otelshim_span_end(step);
    otelshim_span_end(step);
    run_child();
    answer();
    otelshim_span_status(span, OTELSHIM_STATUS_OK, NULL);
}

static void *count(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        otelshim_counter_add("many", 1);
    return NULL;
}

static int run_threads(int n_threads, int n)
{
    pthread_t threads[64];
    for (int i = 0; i < n_threads; i++)
        pthread_create(&threads[i], NULL, count, &n);
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* Inside a request of libcurl. */
static curl_socket_t crash(void *unused, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)unused;
    (void)purpose;
    (void)address;
    raise(SIGSEGV);
    return CURL_SOCKET_BAD;
}

static int run_into_crash(void)
{
    OTELSHIM_SPAN("round");
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, NOBODY);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, crash);
    return curl_easy_perform(curl);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return run_into_crash();
    if (argc > 2)
        return run_threads(atoi(argv[1]), atoi(argv[2]));
    errno = ENOENT;
    one_round();
    int code = request(3); /* outside of all spans */
    otelshim_log(OTELSHIM_ERROR, "request: %d", code);
    printf("errno: %s\n", strerror(errno));
    return 0;
}

/* otelshim_server_headers(): the two lines that a program may put into its answer (R116), and nothing but those. */
#include "otelshim.h"

#include "mapped_file.h"
#include "records.h"

#include "text.h"
#include <errno.h>
#include <pthread.h>
#include <time.h>

/* "X-Request-ID: %s\r\nX-Process-Time: %f\r\n", all of it. */
static bool is_headers(const char *text, const char *id, double *ret_ms)
{
    char read_id[160];
    int n = 0;
    return sscanf(text, "X-Request-ID: %159[^\r]\r\nX-Process-Time: %lfms\r\n%n", read_id, ret_ms, &n) == 2 &&
           n == (int)strlen(text) && text[n - 1] == '\n' && strcmp(read_id, id) == 0;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void it_says_id_and_time(void)
{
    char text[OTELSHIM_SERVER_HEADERS], trace[33];
    double ms, from_ms = now_ms();
    errno = 77;
    otelshim_span request = otelshim_span_begin_kind(OTELSHIM_SERVER, "GET /orders");
    nanosleep(&(struct timespec){.tv_nsec = 12340000}, NULL);
    otelshim_span inner = otelshim_span_begin("inner");
    CHECK(otelshim_server_headers(request, "abc-17", text) == text && is_headers(text, "abc-17", &ms));
    CHECK(ms >= 12.33 && ms <= now_ms() - from_ms + 0.01);
    const char *point = strrchr(text, '.');
    CHECK(strlen(point) == strlen(".34ms\r\n"));
    otelshim_server_headers(OTELSHIM_CURRENT, NULL, text); /* the inner one, which has just begun */
    CHECK(is_headers(text, otelshim_trace_id(trace), &ms) && strlen(trace) == 32);
    otelshim_span_end(inner);
    otelshim_span_end(request);
    CHECK(errno == 77);
}

static void what_the_request_brought_makes_no_lines(void)
{
    char text[OTELSHIM_SERVER_HEADERS], trace[33], longer[500], expected[129];
    double ms;
    otelshim_span span = otelshim_span_begin("request");
    otelshim_server_headers(span, "a\r\nSet-Cookie: b=c\x01\xff", text);
    CHECK(is_headers(text, "aSet-Cookie:b=c", &ms));
    otelshim_server_headers(span, "\r\n \xec\x9b\x90", text);
    CHECK(is_headers(text, otelshim_trace_id(trace), &ms));
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    memset(expected, 'x', 128);
    expected[128] = 0;
    otelshim_server_headers(span, longer, text);
    CHECK(is_headers(text, expected, &ms));
    otelshim_span_end(span);
}

static void *ask_elsewhere(void *span)
{
    char text[OTELSHIM_SERVER_HEADERS];
    CHECK(!*otelshim_server_headers(*(otelshim_span *)span, NULL, text));
    otelshim_span_end(otelshim_span_begin("own"));
    CHECK(!*otelshim_server_headers(*(otelshim_span *)span, NULL, text));
    CHECK(!*otelshim_server_headers(OTELSHIM_CURRENT, NULL, text));
    return NULL;
}

static void without_a_span_there_is_nothing(void)
{
    char text[OTELSHIM_SERVER_HEADERS] = "left";
    pthread_t thread;
    CHECK(!*otelshim_server_headers(OTELSHIM_CURRENT, "id", text));
    CHECK(!*otelshim_server_headers(0, "id", text));
    otelshim_span span = otelshim_span_begin("mine");
    CHECK(!pthread_create(&thread, NULL, ask_elsewhere, &span) && !pthread_join(thread, NULL));
    otelshim_span_end(span);
    CHECK(!*otelshim_server_headers(span, "id", text));
}

#define TESTS(X)                               \
    X(it_says_id_and_time)                     \
    X(what_the_request_brought_makes_no_lines) \
    X(without_a_span_there_is_nothing)

MAIN_ALONE(TESTS, "2097152")

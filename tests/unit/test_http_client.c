/* http_client: requests as they arrive, answers and failures as they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "stub_server.h"
#include <errno.h>

struct call {
    struct loop *loop;
    unsigned n_done;
    enum http_outcome outcome;
    int status;
    int64_t retry_after_ms;
    char body[200], error[300];
    size_t body_bytes;
};

static void done(void *context, const struct http_result *result)
{
    struct call *call = context;
    call->n_done++;
    call->outcome = result->outcome;
    call->status = result->status;
    call->retry_after_ms = result->retry_after_ms;
    call->body_bytes = result->body_bytes;
    assert_int_equal(result->body[result->body_bytes], 0);
    snprintf(call->body, sizeof(call->body), "%s", result->body);
    snprintf(call->error, sizeof(call->error), "%s", result->error);
    loop_stop(call->loop);
}

struct fixture {
    struct loop *loop;
    struct http_client *client;
    struct stub_server server;
    char url[100];
};

static void start(struct fixture *fixture, const char *const *answers)
{
    fixture->loop = loop_create();
    fixture->client = http_client_create(fixture->loop);
    stub_start(&fixture->server, answers);
    snprintf(fixture->url, sizeof(fixture->url), "http://127.0.0.1:%d/v1/traces", fixture->server.port);
}

static void stop(struct fixture *fixture)
{
    http_client_destroy(fixture->client);
    loop_destroy(fixture->loop);
    stub_stop(&fixture->server);
}

static struct call post(struct fixture *fixture, const char *body, size_t body_bytes, uint32_t timeout_ms)
{
    static const char *const headers[] = {"Content-Type: application/x-protobuf", "X-Token: abc", NULL};
    struct call call = {.loop = fixture->loop};
    struct http_request request = {
        .url = fixture->url,
        .headers = headers,
        .body = body,
        .body_bytes = body_bytes,
        .timeout_ms = timeout_ms,
        .user_agent = "otelshim/1",
    };
    http_post(fixture->client, &request, done, &call);
    assert_int_equal(call.n_done, 0);
    loop_run(fixture->loop);
    assert_int_equal(call.n_done, 1);
    return call;
}

static void test_post_sends_what_it_was_given(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", NULL};
    struct fixture fixture;
    start(&fixture, answers);
    char *large = calloc(1, 3 << 20); /* libcurl would say Expect: 100-continue above 1 MiB */
    large[0] = 'x';
    struct call call = post(&fixture, large, 3 << 20, 60000);
    assert_int_equal(call.outcome, HTTP_ANSWERED);
    assert_int_equal(call.status, 200);
    assert_string_equal(call.body, "hello");
    assert_string_equal(call.error, "");
    assert_int_equal(call.retry_after_ms, -1);
    const struct stub_request *request = &fixture.server.requests[0];
    assert_int_equal(request->body_bytes, 3 << 20);
    assert_memory_equal(request->body, large, 3 << 20);
    assert_null(strstr(request->head, "Expect"));
    stop(&fixture);
    free(large);
}

static void test_post_head_and_keep_alive(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    post(&fixture, "a\0b", 3, 60000);
    post(&fixture, "", 0, 60000);
    const struct stub_request *request = &fixture.server.requests[0];
    assert_memory_equal(request->head, "POST /v1/traces HTTP/1.1\r\n", 26);
    assert_non_null(strstr(request->head, "\r\nContent-Type: application/x-protobuf\r\n"));
    assert_non_null(strstr(request->head, "\r\nX-Token: abc\r\n"));
    assert_non_null(strstr(request->head, "\r\nUser-Agent: otelshim/1\r\n"));
    assert_null(strstr(request->head, "Expect"));
    assert_int_equal(request->body_bytes, 3);
    assert_memory_equal(request->body, "a\0b", 3);
    assert_int_equal(fixture.server.n_requests, 2);
    assert_int_equal(fixture.server.requests[1].body_bytes, 0);
    assert_int_equal(fixture.server.n_connections, 1);
    stop(&fixture);
}

static void test_post_status_and_retry_after(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "",
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
        "HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 Slow\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct call call = post(&fixture, "x", 1, 60000);
    assert_int_equal(call.status, 503);
    assert_int_equal(call.retry_after_ms, 7000);
    assert_string_equal(call.body, "busy");
    call = post(&fixture, "x", 1, 60000);
    assert_int_equal(call.status, 429);
    assert_int_equal(call.retry_after_ms, 86400ll * 366 * 1000);        /* far away, but no overflow */
    assert_int_equal(post(&fixture, "x", 1, 60000).retry_after_ms, -1); /* past */
    call = post(&fixture, "x", 1, 60000);
    assert_int_equal(call.outcome, HTTP_ANSWERED); /* not followed */
    assert_int_equal(call.status, 307);
    stop(&fixture);
}

static void test_post_failures(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
                                          STUB_HANG, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct call call = post(&fixture, "x", 1, 60000);
    assert_int_equal(call.outcome, HTTP_BROKEN);
    assert_string_not_equal(call.error, "");
    assert_int_equal(call.status, 0);
    assert_int_equal(post(&fixture, "x", 1, 50).outcome,
                     HTTP_TIMEOUT); /* the rest of the answer never comes */
    assert_int_equal(post(&fixture, "x", 1, 50).outcome, HTTP_TIMEOUT);
    snprintf(fixture.url, sizeof(fixture.url), "http://127.0.0.1:1/");
    assert_int_equal(post(&fixture, "x", 1, 60000).outcome, HTTP_NO_CONNECTION);
    snprintf(fixture.url, sizeof(fixture.url), "ftp://127.0.0.1/");
    assert_int_equal(post(&fixture, "x", 1, 60000).outcome, HTTP_REFUSED);
    snprintf(fixture.url, sizeof(fixture.url), "http://name.invalid/");
    assert_int_equal(post(&fixture, "x", 1, 60000).outcome, HTTP_NO_CONNECTION);
    stop(&fixture);
}

static void test_post_answer_is_bounded(void **state)
{
    (void)state;
    size_t bytes = HTTP_MAX_RESPONSE_BYTES + 1;
    char *answer = malloc(bytes + 100);
    int head = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", bytes);
    memset(answer + head, 'x', bytes);
    answer[(size_t)head + bytes] = 0;
    const char *const answers[] = {"", answer, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct call call = post(&fixture, "x", 1, 60000);
    assert_int_equal(call.outcome, HTTP_TOO_BIG);
    assert_string_equal(call.error, "the answer is larger than 4 MiB");
    stop(&fixture);
    free(answer);
}

static struct call run(struct fixture *fixture, const struct http_request *request,
                       struct http_call *(*begin)(struct http_client *, const struct http_request *,
                                                  http_done_fn, void *))
{
    struct call call = {.loop = fixture->loop};
    begin(fixture->client, request, done, &call);
    loop_run(fixture->loop);
    assert_int_equal(call.n_done, 1);
    return call;
}

static void test_get(void **state)
{
    (void)state;
    static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct http_request request = {.url = fixture.url, .timeout_ms = 60000};
    struct call call = run(&fixture, &request, http_get);
    assert_string_equal(call.body, "ok");
    post(&fixture, "x", 1, 60000); /* the easy handle is used again: nothing of the other method is left */
    run(&fixture, &request, http_get);
    assert_memory_equal(fixture.server.requests[0].head, "GET /v1/traces HTTP/1.1\r\n", 25);
    assert_memory_equal(fixture.server.requests[1].head, "POST /v1/traces HTTP/1.1\r\n", 26);
    assert_memory_equal(fixture.server.requests[2].head, "GET /v1/traces HTTP/1.1\r\n", 25);
    assert_int_equal(fixture.server.requests[2].body_bytes, 0);
    stop(&fixture);
}

static void test_form_uploads_a_file(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    char path[] = "/tmp/otelshim-test-form-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "crash at 0x18\n", 14), 14);
    close(fd);
    struct http_part parts[] = {
        {.name = "chat_id", .text = "-100"},
        {.name = "caption", .text = "한글 \"quoted\""},
        {.name = "document", .path = path, .file_name = "crash.txt", .type = "text/plain"},
        {.name = "other", .text = "from memory", .file_name = "message.txt"},
    };
    struct http_request request = {.url = fixture.url, .parts = parts, .n_parts = 4, .timeout_ms = 60000};
    struct call call = run(&fixture, &request, http_post);
    assert_int_equal(call.status, 200);
    const struct stub_request *got = &fixture.server.requests[0];
    assert_non_null(strstr(got->head, "\r\nContent-Type: multipart/form-data; boundary="));
    assert_null(strstr(got->head, "Expect"));
    assert_non_null(strstr(got->body, "Content-Disposition: form-data; name=\"chat_id\"\r\n\r\n-100\r\n"));
    assert_non_null(strstr(got->body, "name=\"caption\"\r\n\r\n한글 \"quoted\"\r\n"));
    assert_non_null(strstr(got->body, "name=\"document\"; filename=\"crash.txt\"\r\n"
                                      "Content-Type: text/plain\r\n\r\ncrash at 0x18\n\r\n"));
    assert_non_null(strstr(got->body, "name=\"other\"; filename=\"message.txt\"\r\n"));
    post(&fixture, "plain", 5, 60000); /* nothing of the form is left */
    assert_string_equal(fixture.server.requests[1].body, "plain");
    unlink(path);
    assert_int_equal(run(&fixture, &request, http_post).outcome, HTTP_REFUSED); /* no such file any more */
    stop(&fixture);
}

static void test_proxy_of_the_request(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    char proxy[64];
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", fixture.server.port);
    struct http_request request = {
        .url = "http://name.invalid/bot", .body = "x", .body_bytes = 1, .timeout_ms = 60000, .proxy = proxy};
    assert_int_equal(run(&fixture, &request, http_post).status, 200);
    assert_memory_equal(fixture.server.requests[0].head, "POST http://name.invalid/bot HTTP/1.1\r\n", 39);
    request.proxy = NULL; /* and only that request's */
    assert_int_equal(run(&fixture, &request, http_post).outcome, HTTP_NO_CONNECTION);
    request.proxy = "socks5h://127.0.0.1:1";
    assert_int_equal(run(&fixture, &request, http_post).outcome, HTTP_NO_CONNECTION);
    stop(&fixture);
}

/* libcurl sends again what went out on a connection that was kept and closes without an answer. */
static void test_once_is_once(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_OK, STUB_CLOSE, STUB_OK, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct http_request request = {
        .url = fixture.url, .body = "x", .body_bytes = 1, .timeout_ms = 60000, .is_once = true};
    assert_int_equal(run(&fixture, &request, http_post).status, 200);
    assert_int_equal(run(&fixture, &request, http_post).outcome, HTTP_BROKEN);
    assert_int_equal(fixture.server.n_requests, 2);
    assert_int_equal(fixture.server.n_connections, 2);
    stop(&fixture);
}

static void test_cancel_and_destroy_never_call_done(void **state)
{
    (void)state;
    static const char *const answers[] = {"", STUB_HANG, NULL};
    struct fixture fixture;
    start(&fixture, answers);
    struct call call = {.loop = fixture.loop};
    struct http_request request = {.url = fixture.url, .body = "x", .body_bytes = 1};
    struct http_call *cancelled = http_post(fixture.client, &request, done, &call);
    http_post(fixture.client, &request, done, &call);
    struct http_part part = {.name = "a", .text = "b"};
    http_post(fixture.client, &(struct http_request){.url = fixture.url, .parts = &part, .n_parts = 1}, done,
              &call);
    http_call_cancel(cancelled);
    http_call_cancel(NULL);
    stop(&fixture);
    assert_int_equal(call.n_done, 0);
}

static void test_print_url_hides_secrets(void **state)
{
    (void)state;
    char text[100];
    assert_int_equal(http_print_url("https://user:pass@h:4318/v1/traces?key=secret#f", text, sizeof(text)),
                     0);
    assert_string_equal(text, "https://h:4318/v1/traces");
    assert_int_equal(http_print_url("://", text, sizeof(text)), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_sends_what_it_was_given),
        cmocka_unit_test(test_post_head_and_keep_alive),
        cmocka_unit_test(test_post_status_and_retry_after),
        cmocka_unit_test(test_post_failures),
        cmocka_unit_test(test_post_answer_is_bounded),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_form_uploads_a_file),
        cmocka_unit_test(test_proxy_of_the_request),
        cmocka_unit_test(test_once_is_once),
        cmocka_unit_test(test_cancel_and_destroy_never_call_done),
        cmocka_unit_test(test_print_url_hides_secrets),
    };
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}

/*
 * http_client: see http_client.h.
 *
 * libcurl's multi interface asks for descriptors to be watched and for one timer; both come from the loop. One easy
 * handle is kept between calls [a new one costs 9 µs]; the connections are the multi handle's.
 */
#include "base/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_BUFFER_BYTES (256L << 10) /* 512 spans at once; libcurl's 64 KiB: five turns of the loop */
#define MAX_RETRY_AFTER_S 31622400       /* a year */

struct http_call {
    struct http_client *client;
    struct http_call *next;
    CURL *easy;
    struct curl_slist *headers;
    curl_mime *form;
    http_done_fn done;
    void *context;
    char *body;
    size_t body_bytes, max_body_bytes;
    bool is_too_big;
    char error[CURL_ERROR_SIZE];
};

struct http_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct http_call *first_call;
    CURL *spare;
};

struct socket_watch {
    struct http_client *client;
    struct loop_watch *watch;
    curl_socket_t fd;
};

static void detach_call(struct http_call *call)
{
    struct http_client *client = call->client;
    curl_multi_remove_handle(client->multi, call->easy);
    for (struct http_call **link = &client->first_call; *link; link = &(*link)->next)
        if (*link == call) {
            *link = call->next;
            break;
        }
    if (client->spare) {
        curl_easy_cleanup(call->easy);
    } else {
        curl_easy_reset(call->easy);
        client->spare = call->easy;
    }
}

static void free_call(struct http_call *call)
{
    curl_slist_free_all(call->headers);
    curl_mime_free(call->form);
    free(call->body);
    free(call);
}

static enum http_outcome outcome_of(CURLcode code, const struct http_call *call)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return call->is_too_big ? HTTP_TOO_BIG : HTTP_BROKEN;
    case CURLE_FILESIZE_EXCEEDED:
        return HTTP_TOO_BIG;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_PROXY:
    case CURLE_INTERFACE_FAILED:
        return HTTP_NO_CONNECTION;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_READ_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return HTTP_REFUSED;
    default:
        return HTTP_BROKEN;
    }
}

static int64_t date_of(CURL *easy)
{
    struct curl_header *date;
    bool has_date = curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK;
    return has_date ? (int64_t)curl_getdate(date->value, NULL) : -1;
}

static void finish_call(struct http_call *call, CURLcode code)
{
    long status = 0, request_bytes = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (retry_after_s > MAX_RETRY_AFTER_S)
        retry_after_s = MAX_RETRY_AFTER_S;
    struct http_result result = {
        .outcome = outcome_of(code, call),
        .curl_code = (int)code,
        .status = (int)status,
        .was_sent = request_bytes > 0,
        .date_unix_s = date_of(call->easy),
        .retry_after_ms = retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : -1,
        .body = call->body ? call->body : "",
        .body_bytes = call->body_bytes,
        .error = "",
    };
    if (result.outcome == HTTP_TOO_BIG)
        result.error = "the answer is larger than 4 MiB";
    else if (code != CURLE_OK)
        result.error = call->error[0] ? call->error : curl_easy_strerror(code);
    detach_call(call); /* first: `done` usually posts again, with the same easy handle */
    call->done(call->context, &result);
    free_call(call);
}

static void finish_calls(struct http_client *client)
{
    int n_left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &n_left))) {
        struct http_call *call = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        finish_call(call, message->data.result);
    }
}

static void socket_ready(void *context, int events)
{
    struct socket_watch *watch = context;
    struct http_client *client = watch->client; /* the watch may be gone after the action */
    int n_running;
    int action = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(client->multi, watch->fd, action, &n_running);
    finish_calls(client);
}

static void timer_fired(void *context)
{
    struct http_client *client = context;
    int n_running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    finish_calls(client);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
    (void)easy;
    struct http_client *client = context;
    struct socket_watch *watch = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            loop_watch_destroy(watch->watch);
        free(watch);
        return 0;
    }
    if (!watch) {
        watch = calloc(1, sizeof(*watch));
        if (!watch)
            return -1;
        *watch = (struct socket_watch){.client = client, .fd = fd};
        watch->watch = loop_watch_create(client->loop, fd, socket_ready, watch);
        if (!watch->watch) {
            free(watch);
            return -1;
        }
        curl_multi_assign(client->multi, fd, watch);
    }
    loop_watch_set(watch->watch,
                   (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
    (void)multi;
    struct http_client *client = context;
    if (timeout_ms < 0)
        loop_timer_stop(client->timer);
    else
        loop_timer_start(client->timer,
                         (uint64_t)timeout_ms); /* 0 too: libcurl must not be entered again from here */
    return 0;
}

struct http_client *http_client_create(struct loop *loop)
{
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    client->loop = loop;
    client->multi = curl_multi_init();
    if (!client->multi)
        abort();
    client->timer = loop_timer_create(loop, timer_fired, client);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return client;
}

void http_client_destroy(struct http_client *client)
{
    if (!client)
        return;
    while (client->first_call) {
        struct http_call *call = client->first_call;
        http_call_cancel(call);
        assert(client->first_call != call);
    }
    if (client->spare)
        curl_easy_cleanup(client->spare);
    curl_multi_cleanup(client->multi);
    loop_timer_destroy(client->timer);
    curl_global_cleanup();
    free(client);
}

struct loop *http_client_loop(const struct http_client *client)
{
    return client->loop;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *context)
{
    struct http_call *call = context;
    size_t more = size * n;
    if (more > HTTP_MAX_RESPONSE_BYTES - call->body_bytes) {
        call->is_too_big = true;
        return 0;
    }
    size_t need = call->body_bytes + more + 1;
    if (need > call->max_body_bytes) {
        size_t max = need < 2048 ? 4096 : 2 * need;
        char *body = realloc(call->body, max);
        if (!body)
            return 0;
        call->body = body;
        call->max_body_bytes = max;
    }
    memcpy(call->body + call->body_bytes, bytes, more);
    call->body_bytes += more;
    call->body[call->body_bytes] = 0;
    return more;
}

static void set_headers(struct http_call *call, const struct http_request *request)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (const char *const *header = request->headers; header && *header; header++) {
        struct curl_slist *longer = curl_slist_append(list, *header);
        list = longer ? longer : list;
    }
    call->headers = list;
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, list);
}

static void set_form(struct http_call *call, const struct http_request *request)
{
    call->form = curl_mime_init(call->easy);
    if (!call->form)
        abort();
    for (const struct http_part *each = request->parts; each < request->parts + request->n_parts; each++) {
        curl_mimepart *part = curl_mime_addpart(call->form);
        curl_mime_name(part, each->name);
        if (each->text)
            curl_mime_data(part, each->text, CURL_ZERO_TERMINATED);
        else
            curl_mime_filedata(part, each->path); /* unreadable: CURLE_READ_ERROR when it is sent */
        curl_mime_filename(part, each->file_name);
        if (each->type)
            curl_mime_type(part, each->type);
    }
    curl_easy_setopt(call->easy, CURLOPT_MIMEPOST, call->form);
}

static void set_body(struct http_call *call, const struct http_request *request)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    if (request->n_parts) {
        set_form(call, request);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_bytes ? request->body : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
}

static void set_options(struct http_call *call, const struct http_request *request)
{
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)request->is_once);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)request->is_once);
    if (request->user_agent)
        curl_easy_setopt(easy, CURLOPT_USERAGENT, request->user_agent);
    if (request->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
    if (request->client_key)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, request->client_key);
    if (request->client_certificate)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, request->client_certificate);
    if (request->proxy)
        curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy);
    set_headers(call, request);
}

/* A call that is not under way yet. */
static struct http_call *make_call(struct http_client *client, const struct http_request *request,
                                   http_done_fn done, void *context)
{
    struct http_call *call = calloc(1, sizeof(*call));
    if (!call)
        abort();
    *call =
        (struct http_call){.client = client, .done = done, .context = context, .next = client->first_call};
    call->easy = client->spare ? client->spare : curl_easy_init();
    client->spare = NULL;
    if (!call->easy)
        abort();
    client->first_call = call;
    set_options(call, request);
    return call;
}

struct http_call *http_post(struct http_client *client, const struct http_request *request, http_done_fn done,
                            void *context)
{
    struct http_call *call = make_call(client, request, done, context);
    set_body(call, request);
    curl_multi_add_handle(client->multi, call->easy); /* sets the timer to 0: begins in the next turn */
    return call;
}

struct http_call *http_get(struct http_client *client, const struct http_request *request, http_done_fn done,
                           void *context)
{
    struct http_call *call = make_call(client, request, done, context);
    curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    curl_multi_add_handle(client->multi, call->easy);
    return call;
}

void http_call_cancel(struct http_call *call)
{
    if (!call)
        return;
    detach_call(call);
    free_call(call);
}

int http_print_url(const char *url, char *ret_text, size_t max_bytes)
{
    CURLU *parts = curl_url();
    char *shown = NULL;
    int status = -EINVAL;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
        curl_url_set(parts, CURLUPART_USER, NULL, 0);
        curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
        curl_url_set(parts, CURLUPART_QUERY, NULL, 0);
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
        if (curl_url_get(parts, CURLUPART_URL, &shown, 0) == CURLUE_OK) {
            snprintf(ret_text, max_bytes, "%s", shown);
            status = 0;
        }
    }
    curl_free(shown);
    curl_url_cleanup(parts);
    return status;
}

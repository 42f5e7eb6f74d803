/*
 * http_client: HTTP requests without waiting: the only door to libcurl.
 *
 * Connections are kept alive and belong to the client; names are looked up in libcurl's own threads; a proxy comes from
 * the environment as libcurl reads it, or is the request's. Certificates are verified, always. Redirects are not followed,
 * "Expect: 100-continue" is never sent, an answer may be 4 MiB.
 *
 * Context: loop. Ownership: the request's body and strings stay the caller's; the body must live until `done` or
 * http_call_cancel(), the strings and parts only until http_post() returns. A part's file is read while it is sent.
 * Errors: told to `done`, never fatal.
 */
#ifndef OTELSHIM_HTTP_CLIENT_H
#define OTELSHIM_HTTP_CLIENT_H

#include "base/loop.h"
#include <stddef.h>

#define HTTP_MAX_RESPONSE_BYTES (4u << 20)

struct http_client;
struct http_call;

/* One field of a form (multipart/form-data). */
struct http_part {
    const char *name;
    const char *text;      /* its value, or the content of a file; NULL: that of `path` */
    const char *path;      /* file on disk */
    const char *file_name; /* as it is called there; NULL: a field, no file */
    const char *type;      /* "text/plain"; NULL: as libcurl guesses */
};

struct http_request {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
    const void *body;
    size_t body_bytes;
    const struct http_part *parts; /* a form instead of a body */
    uint32_t n_parts;
    uint32_t timeout_ms; /* from now to the end of the answer; 0: no limit */
    const char *user_agent;
    const char *ca_file, *client_key, *client_certificate; /* PEM files; NULL: the system's, none */
    const char *proxy;                                     /* NULL: as the environment says */
    bool
        is_once; /* on a connection of its own: on one that was kept and is closed without an answer libcurl would send it again */
};

enum http_outcome {
    HTTP_ANSWERED,      /* `status` says how */
    HTTP_NO_CONNECTION, /* name, connect, TLS, proxy */
    HTTP_TIMEOUT,
    HTTP_BROKEN,  /* connected, but no whole answer came */
    HTTP_TOO_BIG, /* an answer above HTTP_MAX_RESPONSE_BYTES */
    HTTP_REFUSED, /* libcurl would not try: URL, protocol, an unreadable certificate file or part */
};

struct http_result {
    enum http_outcome outcome;
    int curl_code;
    int status;             /* 0: none came */
    bool was_sent;          /* it may have been carried out, whatever came back */
    int64_t retry_after_ms; /* -1: the answer has no Retry-After */
    int64_t date_unix_s;    /* of the answer's Date header; -1: it has none */
    const char *body;       /* NUL-terminated as well; valid until `done` returns */
    size_t body_bytes;
    const char *error; /* one line; "" when answered */
};

typedef void (*http_done_fn)(void *context, const struct http_result *result);

struct http_client *http_client_create(struct loop *loop);
/* Calls still under way are cancelled. NULL is fine. */
void http_client_destroy(struct http_client *client);
struct loop *http_client_loop(const struct http_client *client);

/* `done` is called exactly once, from a later turn of the loop, unless the call is cancelled before. */
struct http_call *http_post(struct http_client *client, const struct http_request *request, http_done_fn done,
                            void *context);
/* Likewise; body and parts are not looked at. */
struct http_call *http_get(struct http_client *client, const struct http_request *request, http_done_fn done,
                           void *context);
/* NULL is fine. Not from within its own `done`. */
void http_call_cancel(struct http_call *call);

/* Of an absolute URL, its form that may be shown: without user, password, query and fragment. -EINVAL: not a URL. */
int http_print_url(const char *url, char *ret_text, size_t max_bytes);

#endif

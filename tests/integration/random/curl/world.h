/*
 * world: what a world of libcurl is, and what its files say to each other.
 *
 * A tag is the method and the URL's path and query: every request has a number. In which order transfers that run side by
 * side come to their ends is a matter of time: what they say is kept, and printed handle by handle.
 */
#ifndef TEST_RANDOM_CURL_WORLD_H
#define TEST_RANDOM_CURL_WORLD_H

#include "../random.h"
#include <curl/curl.h>
#include <poll.h>
#include <setjmp.h>

#define N_HANDLES 6
#define N_MULTIS 2
#define LOG_BYTES 2048

enum action {
    NOTHING,
    ABORTS,        /* the callback refuses the data */
    CALLS_ANOTHER, /* a request with a handle of its own */
    CALLS_A_COPY,  /* a request with a copy of the handle that is running */
    CALLS_ITSELF,  /* which is refused */
    JUMPS,         /* out of the callback; nobody uses the handle again */
    N_ACTIONS
};

enum progress { IDLE, ADDED, DRIVEN, DONE, READ };

struct handle {
    struct world *w;
    CURL *easy;
    struct curl_slist *headers;
    CURLU *url;
    CURLM *multi;
    enum progress progress;
    enum action action;
    bool has_acted, is_clean; /* its result is an HTTP status and its end is plain to see, whatever happens */
    /* In a multi handle that was ended: libcurl 7.88 keeps its timeouts, and no socket_action() of another runs it. */
    bool was_left;
    CURLcode result;
    char tag[TAG_BYTES], path[TAG_BYTES], inner[TAG_BYTES];
    char log[LOG_BYTES];
    jmp_buf back;
};

/* What sockets are watched for by the event loop; libcurl tells. */
struct watched {
    struct pollfd fds[32];
    nfds_t n;
};

struct world {
    struct base base;
    struct handle handles[N_HANDLES];
    CURLM *multis[N_MULTIS]; /* the second one is the event loop's: libcurl does not allow both ways on one */
    struct watched watched;
    CURLSH *share; /* made when it is first used */
};

/* ---- callback.c ---- */

size_t callback_took(char *data, size_t size, size_t n, void *context);
void callback_tell(struct handle *h); /* prints what the callbacks kept */

/* ---- request.c: of one handle ---- */

void request_set_url(CURL *easy, const char *path);
long request_status(CURL *easy);
void request_describe(struct world *w, struct handle *h);
void request_prepare(struct world *w, struct handle *h, bool may_jump);
void request_perform(struct world *w, struct handle *h);
void request_say_done(struct handle *h);
const char *request_outcome(struct handle *h);
void request_forget(struct handle *h);

/* ---- multi.c: side by side ---- */

void multi_add(struct world *w, struct handle *h);
void multi_take_out(struct world *w, struct handle *h);
void multi_step(struct world *w, CURLM **multi);
void multi_resolve(struct handle *h);
void multi_may_have_acted(const struct handle *h);

#endif

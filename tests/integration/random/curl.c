/*
 * Random calls of libcurl: curl SEED [STEPS]. See random.h.
 *
 * A tag is the method and the URL's path and query: every request has a number. In which order transfers that run side by
 * side come to their ends is a matter of time: what they say is kept, and printed handle by handle.
 */
#include "random.h"
#include <curl/curl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/select.h>

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
    CURLSH *share;
};

static struct world *world_create(struct base base)
{
    struct world *w = calloc(1, sizeof(*w));
    w->base = base;
    w->share = curl_share_init();
    curl_share_setopt(w->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(w->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    return w;
}

static struct base *base_of(struct world *w)
{
    return &w->base;
}

/* ---- callbacks ---- */

__attribute__((format(printf, 2, 3))) static void note(struct handle *h, const char *format, ...)
{
    size_t used = strlen(h->log);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(h->log + used, sizeof(h->log) - used, format, arguments);
    va_end(arguments);
}

static void tell(struct handle *h)
{
    say(&h->w->base, "%s", h->log);
    h->log[0] = 0;
}

static size_t swallow(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    return size * n;
}

static const char *base_url(const char *path)
{
    return getenv(strncmp(path, "/v1/", 4) ? "HTTP_URL" : "EXCHANGE_URL");
}

static void set_url(CURL *easy, const char *path)
{
    char url[256];
    snprintf(url, sizeof(url), "%s%s", strncmp(path, "/refused", 8) ? base_url(path) : "http://127.0.0.1:9",
             path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
}

static long status_of(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void run_inside(struct handle *h, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    set_url(easy, h->inner);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    CURLcode code = curl_easy_perform(easy);
    note(h, "inside %d %ld\n!span %s GET %s\n", code, status_of(easy),
         failed_if(code || status_of(easy) >= 400), h->inner);
    curl_easy_cleanup(easy);
}

static size_t took(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    struct handle *h = context;
    CURL *copied;
    if (h->has_acted)
        return size * n;
    h->has_acted = true;
    switch (h->action) {
    case ABORTS:
        return 0;
    case CALLS_ANOTHER:
        run_inside(h, curl_easy_init());
        break;
    case CALLS_A_COPY:
        copied = curl_easy_duphandle(h->easy);
        if (copied) /* which libcurl refuses now and then */
            run_inside(h, copied);
        break;
    case CALLS_ITSELF: {
        CURLcode code = curl_easy_perform(h->easy);
        note(h, "itself %d\n!span ERROR %s\n", code, h->tag);
        break;
    }
    case JUMPS:
        longjmp(h->back, 1);
    default:
        break;
    }
    return size * n;
}

/* ---- a request ---- */

static void choose_path(struct world *w, struct handle *h)
{
    static const char *const paths[] = {
        "/small",      "/small",    "/large",   "/missing",    "/status/500",
        "/status/503", "/redirect", "/chunked", "/refused",    "/v1/ticker?markets=KRW-BTC",
        "/v1/close",   "/v1/half",  "/v1/slow", "/v1/garbage", "/small"};
    static const char *const fakes[] = {"close", "half", "close", "garbage"};
    uint32_t i = roll(&w->base, sizeof(paths) / sizeof(paths[0]));
    int n = ++w->base.n_serial;
    if (i >= 10 && i < 14)
        snprintf(h->path, sizeof(h->path), "/v1/ticker?markets=KRW-BTC&fake=%s&n=%d_%d", fakes[i - 10],
                 w->base.number, n);
    else
        snprintf(h->path, sizeof(h->path), "%s%sn=%d_%d", paths[i], strchr(paths[i], '?') ? "&" : "?",
                 w->base.number, n);
    h->is_clean = i < 7 || i == 9 || i == 14;
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, 20000L);
}

static const char *set_method(struct world *w, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    switch (roll(&w->base, 9)) {
    case 0:
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return "HEAD";
    case 1:
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "a=1");
        return "POST";
    case 2:
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
        return "DELETE";
    case 3:
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "FROB");
        return "_OTHER";
    default:
        return "GET";
    }
}

static void set_headers(struct world *w, struct handle *h)
{
    struct curl_slist *list = NULL;
    uint32_t what = roll(&w->base, 6);
    if (what == 0)
        list =
            curl_slist_append(list, "traceparent: 00-11111111111111111111111111111111-2222222222222222-01");
    if (what <= 2)
        list = curl_slist_append(list, "X-Own: yes");
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, list);
    curl_slist_free_all(h->headers);
    h->headers = list;
}

static void set_by_parts(struct handle *h)
{
    char url[256];
    CURLU *parts = curl_url();
    snprintf(url, sizeof(url), "%s%s", base_url(h->path), h->path);
    curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_easy_setopt(h->easy, CURLOPT_CURLU, parts);
    curl_url_cleanup(h->url);
    h->url = parts;
}

static void describe(struct world *w, struct handle *h)
{
    choose_path(w, h);
    curl_easy_setopt(h->easy, CURLOPT_CURLU, NULL);
    curl_url_cleanup(h->url);
    h->url = NULL;
    set_url(h->easy, h->path);
    if (strncmp(h->path, "/refused", 8) && one_in(&w->base, 8))
        set_by_parts(h);
    const char *method = set_method(w, h->easy);
    snprintf(h->tag, sizeof(h->tag), "%s %.140s", method, h->path);
    set_headers(w, h);
    curl_easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, (long)roll(&w->base, 2));
    curl_easy_setopt(h->easy, CURLOPT_FORBID_REUSE, (long)one_in(&w->base, 6));
    curl_easy_setopt(h->easy, CURLOPT_SHARE, one_in(&w->base, 2) ? w->share : NULL);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, took);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
    say(&w->base, "describe %s\n", h->tag);
}

/* What the next run of it will do. A longjmp out of a multi handle leaves that one unusable: only of easy ones. */
static void prepare(struct world *w, struct handle *h, bool may_jump)
{
    uint32_t action = roll(&w->base, 3 * N_ACTIONS);
    h->action = action >= N_ACTIONS || (action == JUMPS && !may_jump) ? NOTHING : (enum action)action;
    h->has_acted = false;
    h->log[0] = 0;
    h->result = CURLE_OK;
    snprintf(h->inner, sizeof(h->inner), "/small?n=inner%d_%d", w->base.number, ++w->base.n_serial);
}

static void say_done(struct handle *h)
{
    curl_off_t bytes = 0;
    long redirects = 0;
    char *type = NULL;
    curl_easy_getinfo(h->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
    tell(h);
    say(&h->w->base, "%s: %d %ld %ld bytes %ld redirects %s\n", h->tag, h->result, status_of(h->easy),
        h->result == CURLE_PARTIAL_FILE || h->result == CURLE_OPERATION_TIMEDOUT ? -1 : (long)bytes,
        redirects, type ? type : "-");
}

static const char *outcome_of(struct handle *h)
{
    return failed_if(h->result || status_of(h->easy) >= 400);
}

static void drop(struct handle *h)
{
    struct world *w = h->w;
    memset(h, 0, sizeof(*h));
    h->w = w;
}

static void perform(struct world *w, struct handle *h)
{
    prepare(w, h, true);
    if (setjmp(h->back)) {
        say(&w->base, "jumped out of %s\n", h->tag);
        expect_span(&w->base, "OPEN", h->tag);
        drop(h);
        return;
    }
    h->result = curl_easy_perform(h->easy);
    say_done(h);
    expect_span(&w->base, outcome_of(h), h->tag);
}

/* ---- side by side ---- */

static int watch(CURL *easy, curl_socket_t s, int what, void *context, void *data)
{
    (void)easy;
    (void)data;
    struct watched *watched = context;
    nfds_t i = 0;
    while (i < watched->n && watched->fds[i].fd != s)
        i++;
    short events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    if (what == CURL_POLL_REMOVE && i < watched->n)
        watched->fds[i] = watched->fds[--watched->n];
    else if (what != CURL_POLL_REMOVE && i < 32)
        watched->fds[i] = (struct pollfd){.fd = s, .events = events};
    if (i == watched->n && what != CURL_POLL_REMOVE)
        watched->n++;
    return 0;
}

static void add(struct world *w, struct handle *h)
{
    CURLM **multi = &w->multis[roll(&w->base, N_MULTIS)];
    if (!*multi) {
        *multi = curl_multi_init();
        if (multi == &w->multis[1] && getenv("RANDOM_LOOP")) {
            w->watched.n = 0;
            curl_multi_setopt(*multi, CURLMOPT_SOCKETFUNCTION, watch);
            curl_multi_setopt(*multi, CURLMOPT_SOCKETDATA, &w->watched);
        }
    }
    prepare(w, h, false);
    CURLMcode code = curl_multi_add_handle(*multi, h->easy);
    say(&w->base, "add %s: %d\n", h->tag, code);
    if (code)
        return;
    h->multi = *multi;
    h->progress = ADDED;
}

/* How far it came is a matter of time. */
static void may_have_acted(const struct handle *h)
{
    char tag[TAG_BYTES + 8];
    snprintf(tag, sizeof(tag), "GET %s", h->inner);
    if (h->progress == DRIVEN && (h->action == CALLS_ANOTHER || h->action == CALLS_A_COPY))
        expect_span(&h->w->base, "MAYBE", tag);
    if (h->progress == DRIVEN && h->action == CALLS_ITSELF)
        expect_span(&h->w->base, "MAYBE", h->tag);
}

/* Its span ends here at the latest. */
static void resolve(struct handle *h)
{
    const char *outcome = "ANY";
    if (h->progress == READ || (h->progress == DONE && h->is_clean && h->action != ABORTS))
        outcome = outcome_of(h);
    if (h->progress == DONE)
        tell(h);
    else
        may_have_acted(h);
    expect_span(&h->w->base, outcome, h->tag);
    h->multi = NULL;
    h->progress = IDLE;
}

static void drive_by_wait(CURLM *multi, bool is_poll)
{
    int n_running = 1;
    while (n_running && !curl_multi_perform(multi, &n_running))
        if (n_running)
            is_poll ? curl_multi_poll(multi, NULL, 0, 1000, NULL)
                    : curl_multi_wait(multi, NULL, 0, 1000, NULL);
}

static void drive_by_fdset(CURLM *multi)
{
    int n_running = 1, max_fd;
    while (n_running && !curl_multi_perform(multi, &n_running)) {
        fd_set in, out, bad;
        FD_ZERO(&in);
        FD_ZERO(&out);
        FD_ZERO(&bad);
        struct timeval pause = {0, 20000};
        curl_multi_fdset(multi, &in, &out, &bad, &max_fd);
        if (n_running)
            select(max_fd + 1, &in, &out, &bad, &pause);
    }
}

static void drive_by_socket(struct watched *watched, CURLM *multi)
{
    int n_running = 1;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    for (int i = 0; n_running && i < 20000; i++) {
        struct pollfd ready[32];
        nfds_t n_watched = watched->n;
        memcpy(ready, watched->fds, sizeof(ready));
        int n = poll(ready, n_watched, 5);
        for (nfds_t j = 0; n > 0 && j < n_watched; j++)
            if (ready[j].revents)
                curl_multi_socket_action(multi, ready[j].fd,
                                         (ready[j].revents & POLLIN ? CURL_CSELECT_IN : 0) |
                                             (ready[j].revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
                                             (ready[j].revents & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0),
                                         &n_running);
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    }
}

static bool is_fresh(struct world *w, CURLM *multi)
{
    for (int i = 0; i < N_HANDLES; i++)
        if (w->handles[i].multi == multi && w->handles[i].progress == DRIVEN)
            return false;
    return true;
}

static void step_all(struct world *w, CURLM *multi, enum progress to)
{
    for (int i = 0; i < N_HANDLES; i++)
        if (w->handles[i].multi == multi && w->handles[i].progress < to)
            w->handles[i].progress = to;
}

static void drive(struct world *w, CURLM *multi)
{
    bool is_loop = multi == w->multis[1] &&
                   getenv("RANDOM_LOOP"); /* not yet: a transfer that runs and is watched nowhere */
    uint32_t way = roll(&w->base, 4);
    int n_running;
    say(&w->base, "drive %u %d\n", way, is_loop);
    if (way == 0) {
        is_loop ? curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running)
                : curl_multi_perform(multi, &n_running);
        step_all(w, multi, DRIVEN);
        return;
    }
    if (is_loop)
        drive_by_socket(&w->watched, multi);
    else if (way <= 2)
        drive_by_wait(multi, way == 1);
    else
        drive_by_fdset(multi);
    step_all(w, multi, DONE);
}

/* All, so that it is known which; or some, of which nothing is known. */
static void read_all(struct world *w, CURLM *multi)
{
    const CURLMsg *message;
    int n_left;
    if (!is_fresh(w, multi))
        return;
    while ((message = curl_multi_info_read(multi, &n_left)))
        for (int i = 0; i < N_HANDLES; i++)
            if (w->handles[i].easy == message->easy_handle) {
                w->handles[i].result = message->data.result;
                w->handles[i].progress = READ;
            }
    for (int i = 0; i < N_HANDLES; i++) {
        struct handle *h = &w->handles[i];
        if (h->multi != multi || h->progress != READ || !h->easy)
            continue;
        say_done(h);
    }
}

static void take_out(struct world *w, struct handle *h)
{
    resolve(h);
    for (int i = 0; i < N_MULTIS; i++) {
        CURLM *multi = w->multis[i];
        if (multi && curl_multi_remove_handle(multi, h->easy) == CURLM_OK && one_in(&w->base, 50))
            say(&w->base, "taken out\n");
    }
}

static void end_multi(struct world *w, CURLM **multi)
{
    bool is_emptied = one_in(&w->base, 2);
    say(&w->base, "end multi %d\n", is_emptied);
    for (int i = 0; i < N_HANDLES; i++) {
        struct handle *h = &w->handles[i];
        if (h->multi != *multi)
            continue;
        resolve(h);
        if (is_emptied)
            curl_multi_remove_handle(*multi, h->easy);
    }
    say(&w->base, "ended %d\n", curl_multi_cleanup(*multi));
    *multi = NULL;
}

static void multi_step(struct world *w, CURLM **multi)
{
    switch (roll(&w->base, 8)) {
    case 0:
        end_multi(w, multi);
        break;
    case 1:
    case 2:
    case 3:
        drive(w, *multi);
        break;
    default:
        drive(w, *multi);
        read_all(w, *multi);
    }
}

/* ---- others ---- */

static void connect_only(struct world *w)
{
    static const char request[] = "GET /small HTTP/1.0\r\n\r\n";
    char answer[32] = "";
    size_t bytes = 0;
    CURL *easy = curl_easy_init();
    set_url(easy, "/small");
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    CURLcode code = curl_easy_perform(easy),
             sent = curl_easy_send(easy, request, sizeof(request) - 1, &bytes);
    CURLcode got = CURLE_AGAIN;
    for (int i = 0; i < 2000 && got == CURLE_AGAIN; i++) {
        got = curl_easy_recv(easy, answer, 15, &bytes);
        if (got == CURLE_AGAIN)
            usleep(1000);
    }
    say(&w->base, "connect only: %d %d %d '%.15s'\n", code, sent, got, answer);
    curl_easy_cleanup(easy);
}

static void clean(struct world *w, struct handle *h)
{
    if (h->multi)
        resolve(h);
    say(&w->base, "clean\n");
    curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    curl_url_cleanup(h->url);
    drop(h);
}

static void copy(struct world *w, struct handle *h)
{
    struct handle *to = &w->handles[roll(&w->base, N_HANDLES)];
    if (to->easy)
        return;
    to->w = w;
    to->easy = curl_easy_duphandle(h->easy);
    say(&w->base, "copied: %d\n", to->easy != NULL);
    if (to->easy && one_in(&w->base, 2) && !h->url) { /* as it is: the list of headers is the other's */
        curl_easy_setopt(to->easy, CURLOPT_WRITEDATA, to);
        memcpy(to->tag, h->tag, sizeof(to->tag));
        perform(w, to);
    }
    if (to->easy)
        describe(w, to);
}

static void reset(struct world *w, struct handle *h)
{
    curl_easy_reset(h->easy);
    say(&w->base, "reset\n");
    if (one_in(&w->base, 4)) {
        CURLcode code = curl_easy_perform(h->easy);
        say(&w->base, "without a URL: %d\n", code);
        expect_span(&w->base, "ANY", "(unknown)");
    }
    describe(w, h);
}

static void handle_step(struct world *w, struct handle *h)
{
    uint32_t what = roll(&w->base, 12);
    if (h->multi) {
        if (what == 0) {
            CURLcode code = curl_easy_perform(h->easy);
            say(&w->base, "refused: %d\n", code);
            expect_span(&w->base, "ERROR", h->tag);
        } else if (what == 1) {
            clean(w, h);
        } else if (what == 2) {
            say(&w->base, "again: %d\n", curl_multi_add_handle(h->multi, h->easy));
        } else if (what < 6) {
            take_out(w, h);
        }
        return;
    }
    if (what == 0)
        clean(w, h);
    else if (what == 1)
        reset(w, h);
    else if (what == 2)
        copy(w, h);
    else if (what == 3) /* once more, as it is */
        perform(w, h);
    else {
        describe(w, h);
        what < 8 ? perform(w, h) : add(w, h);
    }
}

/* ---- the world ---- */

static void world_step(struct world *w)
{
    uint32_t what = roll(&w->base, 40);
    CURLM **multi = &w->multis[roll(&w->base, N_MULTIS)];
    struct handle *h = &w->handles[roll(&w->base, N_HANDLES)];
    h->w = w;
    if (what == 0) {
        fork_child(&w->base);
    } else if (what == 1) {
        connect_only(w);
    } else if (what < 12 && *multi) {
        multi_step(w, multi);
    } else if (!h->easy) {
        h->easy = curl_easy_init();
        describe(w, h);
    } else {
        handle_step(w, h);
    }
}

static void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_HANDLES; i++) {
        struct handle *h = &w->handles[i];
        if (h->easy && is_tidy)
            clean(w, h);
        if (is_tidy || !h->multi)
            continue;
        h->progress == DONE ? tell(h) : may_have_acted(h);
        expect_span(&w->base, "OPEN", h->tag);
    }
    if (!is_tidy)
        return;
    for (int i = 0; i < N_MULTIS; i++)
        curl_multi_cleanup(w->multis[i]);
    curl_share_cleanup(w->share);
    free(w);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    return random_main(argc, argv);
}

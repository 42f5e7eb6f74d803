/* request: one request of one handle: what is asked for, how it is run, what came of it. */
#include "world.h"
#include <stdlib.h>
#include <string.h>

static const char *base_url(const char *path)
{
    return getenv(strncmp(path, "/v1/", 4) ? "HTTP_URL" : "EXCHANGE_URL");
}

void request_set_url(CURL *easy, const char *path)
{
    char url[256];
    snprintf(url, sizeof(url), "%s%s", strncmp(path, "/refused", 8) ? base_url(path) : "http://127.0.0.1:9",
             path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
}

long request_status(CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void choose_path(struct world *w, struct handle *h)
{
    static const char *const paths[] = {
        "/small",      "/small",    "/large",   "/missing",    "/status/500",
        "/status/503", "/redirect", "/chunked", "/refused",    "/v1/ticker?markets=KRW-BTC",
        "/v1/close",   "/v1/half",  "/v1/slow", "/v1/garbage", "/small"};
    static const char *const fakes[] = {"close", "half", "slow", "garbage"};
    uint32_t i = roll(&w->base, sizeof(paths) / sizeof(paths[0]));
    int n = ++w->base.n_serial;
    if (i >= 10 && i < 14)
        snprintf(h->path, sizeof(h->path), "/v1/ticker?markets=KRW-BTC&fake=%s&n=%d_%d", fakes[i - 10],
                 w->base.number, n);
    else
        snprintf(h->path, sizeof(h->path), "%s%sn=%d_%d", paths[i], strchr(paths[i], '?') ? "&" : "?",
                 w->base.number, n);
    h->is_clean = i < 7 || i == 9 || i == 14;
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

static CURLSH *share_of(struct world *w)
{
    if (!w->share) {
        w->share = curl_share_init();
        curl_share_setopt(w->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
        curl_share_setopt(w->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
    }
    return w->share;
}

void request_describe(struct world *w, struct handle *h)
{
    choose_path(w, h);
    curl_easy_setopt(h->easy, CURLOPT_CURLU, NULL);
    curl_url_cleanup(h->url);
    h->url = NULL;
    request_set_url(h->easy, h->path);
    if (strncmp(h->path, "/refused", 8) && one_in(&w->base, 8))
        set_by_parts(h);
    const char *method = set_method(w, h->easy);
    /* Other methods are refused at once. */
    bool is_slow = strstr(h->path, "fake=slow") && strcmp(method, "HEAD") && strcmp(method, "_OTHER");
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, is_slow ? 150L : 20000L);
    snprintf(h->tag, sizeof(h->tag), "%s %.140s", method, h->path);
    set_headers(w, h);
    curl_easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, (long)roll(&w->base, 2));
    curl_easy_setopt(h->easy, CURLOPT_FORBID_REUSE, (long)one_in(&w->base, 6));
    curl_easy_setopt(h->easy, CURLOPT_SHARE, one_in(&w->base, 2) ? share_of(w) : NULL);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, callback_took);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
    say(&w->base, "describe %s\n", h->tag);
}

/* What the next run of it will do. A longjmp out of a multi handle leaves that one unusable: only of easy ones. */
void request_prepare(struct world *w, struct handle *h, bool may_jump)
{
    uint32_t action = roll(&w->base, 3 * N_ACTIONS);
    h->action = action >= N_ACTIONS || (action == JUMPS && !may_jump) ? NOTHING : (enum action)action;
    h->has_acted = false;
    h->log[0] = 0;
    h->result = CURLE_OK;
    snprintf(h->inner, sizeof(h->inner), "/small?n=inner%d_%d", w->base.number, ++w->base.n_serial);
}

void request_say_done(struct handle *h)
{
    curl_off_t bytes = 0;
    long redirects = 0;
    char *type = NULL;
    curl_easy_getinfo(h->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
    curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
    callback_tell(h);
    say(&h->w->base, "%s: %d %ld %ld bytes %ld redirects %s\n", h->tag, h->result, request_status(h->easy),
        h->result == CURLE_PARTIAL_FILE || h->result == CURLE_OPERATION_TIMEDOUT ? -1 : (long)bytes,
        redirects, type ? type : "-");
}

const char *request_outcome(struct handle *h)
{
    return failed_if(h->result || request_status(h->easy) >= 400);
}

void request_forget(struct handle *h)
{
    struct world *w = h->w;
    memset(h, 0, sizeof(*h));
    h->w = w;
}

void request_perform(struct world *w, struct handle *h)
{
    request_prepare(w, h, true);
    if (setjmp(h->back)) {
        say(&w->base, "jumped out of %s\n", h->tag);
        expect_span(&w->base, "OPEN", h->tag);
        request_forget(h);
        return;
    }
    h->result = curl_easy_perform(h->easy);
    request_say_done(h);
    expect_span(&w->base, request_outcome(h), h->tag);
}

/* Random calls of libcurl: curl SEED [STEPS]. See ../random.h and world.h. */
#include "world.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

const size_t world_bytes = sizeof(struct world);

static void connect_only(struct world *w)
{
    static const char request[] = "GET /small HTTP/1.0\r\n\r\n";
    char answer[32] = "";
    size_t bytes = 0;
    CURL *easy = curl_easy_init();
    request_set_url(easy, "/small");
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
        multi_resolve(h);
    say(&w->base, "clean\n");
    curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    curl_url_cleanup(h->url);
    request_forget(h);
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
        request_perform(w, to);
    }
    if (to->easy)
        request_describe(w, to);
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
    request_describe(w, h);
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
            if (h->progress == DRIVEN) /* 7.88 would leave its answer to who uses the connection next */
                curl_multi_remove_handle(h->multi, h->easy);
            clean(w, h);
        } else if (what == 2) {
            say(&w->base, "again: %d\n", curl_multi_add_handle(h->multi, h->easy));
        } else if (what < 6) {
            multi_take_out(w, h);
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
        request_perform(w, h);
    else {
        request_describe(w, h);
        what < 8 ? request_perform(w, h) : multi_add(w, h);
    }
}

/* ---- the world ---- */

void world_step(struct world *w)
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
        request_describe(w, h);
    } else {
        handle_step(w, h);
    }
}

void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_HANDLES; i++) {
        struct handle *h = &w->handles[i];
        if (h->easy && is_tidy)
            clean(w, h);
        if (is_tidy || !h->multi)
            continue;
        h->progress == DONE ? callback_tell(h) : multi_may_have_acted(h);
        expect_span(&w->base, "OPEN", h->tag);
    }
    if (!is_tidy)
        return;
    for (int i = 0; i < N_MULTIS; i++)
        curl_multi_cleanup(w->multis[i]);
    curl_share_cleanup(w->share);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    return random_main(argc, argv);
}

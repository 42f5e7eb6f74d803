/* multi: transfers side by side: added, driven in one of four ways, read, taken out, left. */
#include "world.h"
#include <string.h>
#include <sys/select.h>

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

void multi_add(struct world *w, struct handle *h)
{
    uint32_t i = roll(&w->base, N_MULTIS);
    CURLM **multi = &w->multis[h->was_left ? 0 : i];
    if (!*multi) {
        *multi = curl_multi_init();
        if (multi == &w->multis[1]) {
            w->watched.n = 0;
            curl_multi_setopt(*multi, CURLMOPT_SOCKETFUNCTION, watch);
            curl_multi_setopt(*multi, CURLMOPT_SOCKETDATA, &w->watched);
        }
    }
    request_prepare(w, h, false);
    CURLMcode code = curl_multi_add_handle(*multi, h->easy);
    say(&w->base, "add %s: %d\n", h->tag, code);
    if (code)
        return;
    h->multi = *multi;
    h->progress = ADDED;
}

/* How far it came is a matter of time. */
void multi_may_have_acted(const struct handle *h)
{
    char tag[TAG_BYTES + 8];
    snprintf(tag, sizeof(tag), "GET %s", h->inner);
    if (h->progress == DRIVEN && (h->action == CALLS_ANOTHER || h->action == CALLS_A_COPY))
        expect_span(&h->w->base, "MAYBE", tag);
    if (h->progress == DRIVEN && h->action == CALLS_ITSELF)
        expect_span(&h->w->base, "MAYBE", h->tag);
}

/* Its span ends here at the latest. */
void multi_resolve(struct handle *h)
{
    const char *outcome = "ANY";
    if (h->progress == READ || (h->progress == DONE && h->is_clean && h->action != ABORTS))
        outcome = request_outcome(h);
    if (h->progress == DONE)
        callback_tell(h);
    else
        multi_may_have_acted(h);
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
    bool is_loop = multi == w->multis[1];
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
        request_say_done(h);
    }
}

void multi_take_out(struct world *w, struct handle *h)
{
    multi_resolve(h);
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
        multi_resolve(h);
        if (is_emptied)
            curl_multi_remove_handle(*multi, h->easy);
        else
            h->was_left = true;
    }
    say(&w->base, "ended %d\n", curl_multi_cleanup(*multi));
    *multi = NULL;
}

void multi_step(struct world *w, CURLM **multi)
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

/*
 * loop: curl_multi_socket_action under an event loop of the program's own (epoll and a timer), handles used again; then the
 * same transfers by fdset, wait and poll. What drives a transfer makes no difference to its span.
 */
#include "http.h"
#include <sys/epoll.h>
#include <sys/select.h>

static int epoll;
static long timer_ms = -1;

static int watch_socket(CURL *handle, curl_socket_t descriptor, int what, void *context, void *known)
{
    struct epoll_event event = {.data.fd = descriptor};
    (void)handle;
    (void)context;
    (void)known;
    event.events =
        (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0);
    if (what == CURL_POLL_REMOVE)
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
    else if (epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event))
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *context)
{
    (void)multi;
    (void)context;
    timer_ms = ms;
    return 0;
}

static void turn(CURLM *multi)
{
    int n_running = 1;
    while (n_running) {
        struct epoll_event events[8];
        int n = epoll_wait(epoll, events, 8, timer_ms < 0 || timer_ms > 1000 ? 1000 : (int)timer_ms);
        if (n == 0)
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
        for (int i = 0; i < n; i++)
            curl_multi_socket_action(multi, events[i].data.fd,
                                     (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                                         (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0),
                                     &n_running);
    }
}

static void drive_by_fdset(CURLM *multi)
{
    int n_running = 1;
    while (n_running) {
        fd_set in, out, bad;
        int max = -1;
        struct timeval timeout = {.tv_usec = 10000};
        FD_ZERO(&in);
        FD_ZERO(&out);
        FD_ZERO(&bad);
        curl_multi_perform(multi, &n_running);
        curl_multi_fdset(multi, &in, &out, &bad, &max);
        select(max + 1, &in, &out, &bad, &timeout);
    }
}

static void drive_by_poll(CURLM *multi)
{
    int n_running = 1;
    while (n_running) {
        curl_multi_perform(multi, &n_running);
        curl_multi_poll(multi, NULL, 0, 10, NULL);
    }
}

static void run(const char *what, CURLM *multi, void (*drive_it)(CURLM *))
{
    static const char *const paths[] = {"/small", "/status/503", "/missing"};
    CURL *handles[3];
    for (int i = 0; i < 3; i++) {
        handles[i] = new_handle(paths[i]);
        curl_multi_add_handle(multi, handles[i]);
    }
    drive_it(multi);
    printf("%s: %d\n", what, collect(multi));
    curl_multi_add_handle(multi, handles[0]);
    drive_it(multi);
    printf("%s again: %d %ld\n", what, collect(multi), status_of(handles[0]));
    for (int i = 0; i < 3; i++)
        curl_easy_cleanup(handles[i]);
}

int main(void)
{
    CURLM *multi = curl_multi_init();
    epoll = epoll_create1(0);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    run("socket_action", multi, turn);
    curl_multi_cleanup(multi);
    multi = curl_multi_init();
    run("fdset", multi, drive_by_fdset);
    run("wait", multi, drive);
    run("poll", multi, drive_by_poll);
    curl_multi_cleanup(multi);
    return 0;
}

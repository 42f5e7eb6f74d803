/* loop: see loop.h. libuv closes a handle only in a later turn: what is destroyed here is freed in its close callback. */
#include "base/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

struct post {
    struct post *next;
    void (*run)(void *context);
    void *context;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake; /* also keeps loop_run() running while nothing else does */
    uv_mutex_t lock;
    struct post *first_post, **last_post; /* under `lock`; any thread */
};

struct loop_timer {
    uv_timer_t uv; /* first: freed through it */
    void (*fire)(void *context);
    void *context;
};

struct loop_watch {
    uv_poll_t uv; /* first */
    void (*ready)(void *context, int events);
    void *context;
};

struct signal_watch {
    uv_signal_t uv; /* first */
    void (*caught)(void *context, int signal_number);
    void *context;
};

static void *must_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        abort();
    return memory;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static struct post *take_posts(struct loop *loop)
{
    uv_mutex_lock(&loop->lock);
    struct post *post = loop->first_post;
    loop->first_post = NULL;
    loop->last_post = &loop->first_post;
    uv_mutex_unlock(&loop->lock);
    return post;
}

static void run_posts(uv_async_t *wake)
{
    struct post *post = take_posts(wake->data);
    while (post) {
        struct post *next = post->next;
        post->run(post->context);
        free(post);
        post = next;
    }
}

struct loop *loop_create(void)
{
    struct loop *loop = must_alloc(sizeof(*loop));
    loop->last_post = &loop->first_post;
    if (uv_loop_init(&loop->uv) != 0 || uv_mutex_init(&loop->lock) != 0 ||
        uv_async_init(&loop->uv, &loop->wake, run_posts) != 0)
        abort(); /* no descriptors or no memory: the next exporter finds everything in the drop box */
    loop->wake.data = loop;
    return loop;
}

static void close_left_over(uv_handle_t *handle, void *context)
{
    struct loop *loop = context;
    if (!uv_is_closing(handle))
        uv_close(handle, handle == (uv_handle_t *)&loop->wake ? NULL : free_handle);
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    for (struct post *post = take_posts(loop), *next; post; post = next) {
        next = post->next;
        free(post);
    }
    uv_walk(&loop->uv, close_left_over, loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int still_open = uv_loop_close(&loop->uv);
    assert(still_open == 0);
    (void)still_open;
    uv_mutex_destroy(&loop->lock);
    free(loop);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

static void timer_fired(uv_timer_t *uv)
{
    struct loop_timer *timer = (struct loop_timer *)uv;
    timer->fire(timer->context);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context)
{
    struct loop_timer *timer = must_alloc(sizeof(*timer));
    timer->fire = fire;
    timer->context = context;
    uv_timer_init(&loop->uv, &timer->uv);
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms)
{
    uv_update_time(timer->uv.loop); /* a long turn must not eat the delay */
    uv_timer_start(&timer->uv, timer_fired, after_ms, 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

void loop_timer_destroy(struct loop_timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->uv, free_handle);
}

static void watch_ready(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *watch = (struct loop_watch *)uv;
    if (status < 0) /* EBADF, or an error on the descriptor: whoever reads it will be told */
        events = UV_READABLE | UV_WRITABLE;
    int ours =
        (events & (UV_READABLE | UV_DISCONNECT) ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0);
    watch->ready(watch->context, ours);
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*ready)(void *context, int events),
                                     void *context)
{
    struct loop_watch *watch = must_alloc(sizeof(*watch));
    watch->ready = ready;
    watch->context = context;
    if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
        free(watch);
        return NULL;
    }
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    int uv_events = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
    if (uv_events)
        uv_poll_start(&watch->uv, uv_events, watch_ready);
    else
        uv_poll_stop(&watch->uv);
}

void loop_watch_destroy(struct loop_watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->uv, free_handle);
}

struct loop_lookup {
    uv_getaddrinfo_t uv;                               /* first */
    void (*found)(void *context, const char *address); /* NULL: cancelled */
    void *context;
};

static void lookup_done(uv_getaddrinfo_t *uv, int status, struct addrinfo *answer)
{
    struct loop_lookup *lookup = (struct loop_lookup *)uv;
    char address[INET6_ADDRSTRLEN] = "";
    if (status == 0 && answer && answer->ai_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)(void *)answer->ai_addr, address, sizeof(address));
    else if (status == 0 && answer && answer->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(void *)answer->ai_addr, address, sizeof(address));
    uv_freeaddrinfo(answer);
    if (lookup->found)
        lookup->found(lookup->context, address[0] ? address : NULL);
    free(lookup);
}

struct loop_lookup *loop_lookup_start(struct loop *loop, const char *host,
                                      void (*found)(void *context, const char *address), void *context)
{
    struct loop_lookup *lookup = must_alloc(sizeof(*lookup));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    lookup->found = found;
    lookup->context = context;
    if (uv_getaddrinfo(&loop->uv, &lookup->uv, lookup_done, host, NULL, &hints) == 0)
        return lookup;
    free(lookup);
    return NULL;
}

void loop_lookup_cancel(struct loop_lookup *lookup)
{
    if (!lookup)
        return;
    lookup->found = NULL;
    uv_cancel((uv_req_t *)&lookup->uv);
}

static void signal_caught(uv_signal_t *uv, int signal_number)
{
    struct signal_watch *watch = (struct signal_watch *)uv;
    watch->caught(watch->context, signal_number);
}

void loop_on_signal(struct loop *loop, int signal_number, void (*caught)(void *context, int signal_number),
                    void *context)
{
    struct signal_watch *watch = must_alloc(sizeof(*watch));
    watch->caught = caught;
    watch->context = context;
    uv_signal_init(&loop->uv, &watch->uv);
    uv_signal_start(&watch->uv, signal_caught, signal_number);
}

void loop_post(struct loop *loop, void (*run)(void *context), void *context)
{
    struct post *post = must_alloc(sizeof(*post));
    post->run = run;
    post->context = context;
    uv_mutex_lock(&loop->lock);
    *loop->last_post = post;
    loop->last_post = &post->next;
    uv_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

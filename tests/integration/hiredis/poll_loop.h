/* poll_loop: the smallest event loop that hiredis can be given: one context, poll(2). */
#ifndef POLL_LOOP_H
#define POLL_LOOP_H

#include <hiredis/async.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name as the data of a callback. */
#define NAMED(text) ((void *)(uintptr_t)(text))

struct poll_loop {
    bool wants_read, wants_write, is_over;
};

static void loop_add_read(void *data)
{
    ((struct poll_loop *)data)->wants_read = true;
}

static void loop_del_read(void *data)
{
    ((struct poll_loop *)data)->wants_read = false;
}

static void loop_add_write(void *data)
{
    ((struct poll_loop *)data)->wants_write = true;
}

static void loop_del_write(void *data)
{
    ((struct poll_loop *)data)->wants_write = false;
}

static void loop_cleanup(void *data)
{
    ((struct poll_loop *)data)->is_over = true;
}

static inline void loop_attach(struct poll_loop *loop, redisAsyncContext *ac)
{
    *loop = (struct poll_loop){.is_over = false};
    ac->ev.data = loop;
    ac->ev.addRead = loop_add_read;
    ac->ev.delRead = loop_del_read;
    ac->ev.addWrite = loop_add_write;
    ac->ev.delWrite = loop_del_write;
    ac->ev.cleanup = loop_cleanup;
    loop->wants_write = true; /* becomes writable when it is connected */
}

/* Until the context is freed, `*is_done` or nothing happens for five seconds. `may_write` false: reads alone. */
static inline void loop_run(struct poll_loop *loop, redisAsyncContext *ac, const bool *is_done,
                            bool may_write)
{
    struct pollfd fd = {.fd = ac->c.fd};
    while (!loop->is_over && !*is_done) {
        fd.events = (short)((loop->wants_read ? POLLIN : 0) | (loop->wants_write && may_write ? POLLOUT : 0));
        if (poll(&fd, 1, 5000) < 1)
            return;
        if (fd.revents & POLLOUT || (fd.revents & (POLLERR | POLLHUP) && !(fd.revents & POLLIN)))
            redisAsyncHandleWrite(ac);
        if (!loop->is_over && fd.revents & POLLIN)
            redisAsyncHandleRead(ac);
    }
}

#endif

/*
 * loop: the exporter's event loop: the only door to libuv.
 *
 * Context: loop; loop_post() from any thread. Ownership: handles belong to whoever started them.
 */
#ifndef OTELSHIM_LOOP_H
#define OTELSHIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;

struct loop *loop_create(void);
void loop_destroy(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* CLOCK_MONOTONIC in milliseconds, as of this turn of the loop. */
uint64_t loop_now_ms(const struct loop *loop);

/* A timer that does not run yet. The callback may start, stop or destroy it. */
struct loop_timer *loop_timer_create(struct loop *loop, void (*fire)(void *context), void *context);
void loop_timer_start(struct loop_timer *timer, uint64_t after_ms); /* once; starting again moves it */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer); /* NULL is fine */

#define LOOP_READ 1
#define LOOP_WRITE 2
/* Watches a descriptor, which stays the caller's. `events` is what became possible. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*ready)(void *context, int events),
                                     void *context);
void loop_watch_set(struct loop_watch *watch, int events); /* 0: pause */
void loop_watch_destroy(struct loop_watch *watch);

struct loop_lookup;
/*
 * Looks a host's address up in another thread; `address` in digits, NULL: there is none. `found` comes once, later, unless cancelled.
 * NULL: it cannot be looked up.
 */
struct loop_lookup *loop_lookup_start(struct loop *loop, const char *host,
                                      void (*found)(void *context, const char *address), void *context);
void loop_lookup_cancel(struct loop_lookup *lookup); /* NULL is fine */

/* A UNIX signal, delivered in the loop. */
void loop_on_signal(struct loop *loop, int signal_number, void (*caught)(void *context, int signal_number),
                    void *context);
/* Runs `run` in the loop soon. Any thread. */
void loop_post(struct loop *loop, void (*run)(void *context), void *context);

#endif

/*
 * pacer: see pacer.h.
 *
 *   loop thread                                     waiting thread
 *   look, look, look … quiet for 600 ms
 *   dropbox_fall_asleep() says it is quiet ──────▶  dropbox_wait(), at most 1 s
 *   look ◀──────────────────────────── loop_post()
 *
 * libuv cannot wait on a futex: hence the thread. It is asked for one wait at a time, and always for one: while the exporter is
 * awake only crashes and errors ring, and a dying thread waits for the exporter [a poll is up to 160 ms away].
 */
#include "cli/pacer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MORE_THERE UINT32_MAX

struct pacer {
    struct loop *loop;
    struct dropbox *dropbox;
    uint32_t (*look)(void *context);
    void (*rung)(void *context);
    void *context;
    struct loop_timer *timer;
    uint32_t interval_ms;
    uint64_t last_record_ms;
    bool is_waiting; /* the waiting thread was asked to wait and has not come back */
    bool is_asleep;  /* nothing else would look */
    pthread_t thread;
    bool has_thread;
    sem_t wish;            /* one per wait */
    atomic_bool is_ending; /* set by the loop */
};

static void wait_on(struct pacer *pacer)
{
    if (pacer->is_waiting || !pacer->has_thread)
        return;
    pacer->is_waiting = true;
    sem_post(&pacer->wish);
}

static void awake(void *context)
{
    struct pacer *pacer = context;
    pacer->is_waiting = false;
    if (atomic_load(&pacer->is_ending))
        return;
    bool was_asleep = pacer->is_asleep;
    pacer->is_asleep = false;
    if (was_asleep)
        dropbox_wake(pacer->dropbox); /* rings too: before the bells are read */
    dropbox_expect_bells(pacer->dropbox);
    wait_on(pacer); /* before looking: what rings during it is not missed */
    pacer->rung(pacer->context);
    if (was_asleep)
        loop_timer_start(pacer->timer, 0);
}

static void *wait_for_bells(void *context)
{
    struct pacer *pacer = context;
    for (;;) {
        while (sem_wait(&pacer->wish) != 0) /* EINTR */
            ;
        if (atomic_load(&pacer->is_ending))
            return NULL;
        dropbox_wait(pacer->dropbox, PACER_SLEEP_MS);
        if (atomic_load(&pacer->is_ending))
            return NULL;
        loop_post(pacer->loop, awake, pacer);
    }
}

static bool fall_asleep(struct pacer *pacer)
{
    if (!pacer->has_thread || !dropbox_fall_asleep(pacer->dropbox))
        return false;
    pacer->is_asleep = true;
    wait_on(pacer);
    return true;
}

/*
 * 100,000 records a second, looked at every 20 ms, keep 400 KiB of the program's file touched; every 4 ms, 100 KiB. What was
 * touched once stays in its memory: so the first records after a rest are followed closely, until they prove to be few.
 */
static uint32_t next_interval_ms(uint32_t interval_ms, uint32_t n_records)
{
    if (n_records > PACER_MANY || (n_records && interval_ms > PACER_BUSY_MS))
        return PACER_RUSH_MS;
    if (n_records)
        return interval_ms * 2 < PACER_BUSY_MS ? interval_ms * 2 : PACER_BUSY_MS;
    return interval_ms < PACER_DROWSY_MS ? interval_ms * 2 : interval_ms;
}

static void fired(void *context)
{
    struct pacer *pacer = context;
    if (pacer->is_asleep)
        return;
    uint64_t now_ms = loop_now_ms(pacer->loop);
    uint32_t n = pacer->look(pacer->context);
    if (n > 0)
        pacer->last_record_ms = now_ms;
    pacer->interval_ms = next_interval_ms(pacer->interval_ms, n);
    bool is_quiet = n == 0 && now_ms - pacer->last_record_ms >= PACER_QUIET_MS;
    if (is_quiet && fall_asleep(pacer))
        return;
    loop_timer_start(pacer->timer, n == MORE_THERE ? 0 : pacer->interval_ms);
}

void pacer_hurry(struct pacer *pacer)
{
    pacer->last_record_ms = loop_now_ms(pacer->loop);
    pacer->interval_ms = PACER_RUSH_MS;
    if (pacer->is_asleep)
        dropbox_wake(pacer->dropbox); /* the thread comes back and posts */
    else
        loop_timer_start(pacer->timer, 0);
}

struct pacer *pacer_create(struct loop *loop, struct dropbox *dropbox, uint32_t (*look)(void *context),
                           void (*rung)(void *context), void *context)
{
    struct pacer *pacer = calloc(1, sizeof(*pacer));
    if (!pacer)
        abort();
    pacer->loop = loop;
    pacer->dropbox = dropbox;
    pacer->look = look;
    pacer->rung = rung;
    pacer->context = context;
    pacer->interval_ms = PACER_BUSY_MS;
    pacer->last_record_ms = loop_now_ms(loop);
    pacer->timer = loop_timer_create(loop, fired, pacer);
    sem_init(&pacer->wish, 0, 0);
    pacer->has_thread = pthread_create(&pacer->thread, NULL, wait_for_bells, pacer) == 0;
    dropbox_expect_bells(dropbox);
    wait_on(pacer);
    loop_timer_start(pacer->timer, 0);
    return pacer;
}

void pacer_destroy(struct pacer *pacer)
{
    if (!pacer)
        return;
    atomic_store(&pacer->is_ending, true);
    if (pacer->has_thread) {
        sem_post(&pacer->wish);
        dropbox_end_wait(pacer->dropbox);
        pthread_join(pacer->thread, NULL);
    }
    loop_timer_destroy(pacer->timer);
    sem_destroy(&pacer->wish);
    free(pacer);
}

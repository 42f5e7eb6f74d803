/* alerting: what the unit tests of outputs/alerts share: settings, an engine in a directory of its own, and its loop. */
#ifndef OTELSHIM_ALERTING_TEST_H
#define OTELSHIM_ALERTING_TEST_H

#include "fake_destination.h"
#include "outputs/alerts/alerts_priv.h"
#include "temporary.h"

static char directory[64];
static struct loop *loop;
static struct alerts *alerts;

/* Everything a thousand times faster. */
static const struct alert_times quick = {.backoff = 2,
                                         .max_backoff = 50,
                                         .dead = 100,
                                         .late = 400,
                                         .edit = 200,
                                         .expire = 86400000,
                                         .sweep = 50,
                                         .redis = 100};

static const char *alerting_lookup(void *context, const char *name)
{
    const char *const *pairs = context;
    for (; *pairs; pairs += 2)
        if (strcmp(pairs[0], name) == 0)
            return pairs[1];
    return NULL;
}

#define SETTINGS(...)                                                                                        \
    settings_create(alerting_lookup, ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) "OTELSHIM_TELEGRAM_TOKEN", \
                                                       "1:token", "OTELSHIM_TELEGRAM_CHATS", "10", NULL}))

static void stop(void *context)
{
    (void)context;
    loop_stop(loop);
}

/* And three turns more: where this process did not run meanwhile, what is due takes some steps yet. */
static void run_for(uint64_t ms)
{
    struct loop_timer *timer = loop_timer_create(loop, stop, NULL);
    for (int i = 0; i < 4; i++) {
        loop_timer_start(timer, i ? 1 : ms);
        loop_run(loop);
    }
    loop_timer_destroy(timer);
}

/* Until `n` messages and changes were taken, half a minute at most. */
__attribute__((unused)) static void run_until_told(uint32_t n)
{
    uint64_t end_ms = loop_now_ms(loop) + 30000;
    while (fake.n < n && loop_now_ms(loop) < end_ms)
        run_for(2);
}

/* Runs until the engine has nothing to do, `max_ms` at most, of a machine that has nothing else to do. */
__attribute__((unused)) static void run_until_idle(uint64_t max_ms)
{
    uint64_t end_ms = loop_now_ms(loop) + 10 * max_ms;
    do
        run_for(5);
    while (!alerts_is_idle(alerts) && loop_now_ms(loop) < end_ms);
}

static void start_with(const struct alert_times *times)
{
    loop = loop_create();
    fake_init(loop);
    (void)alerts_create_with(&alerts, loop, directory, times);
}

static void end(void)
{
    alerts_destroy(alerts);
    loop_destroy(loop);
    alerts = NULL;
    loop = NULL;
}

__attribute__((unused)) static void restart(void)
{
    end();
    start_with(&quick);
}

static struct alert an_alert(const char *type, const char *message)
{
    return (struct alert){.class = ALERT_ERROR,
                          .level = ALERT_LEVEL_ERROR,
                          .time_unix_ns = 1730833335000000000u,
                          .type = type,
                          .message = message,
                          .service = "trader",
                          .version = "1.4.2",
                          .host = "pi5",
                          .pid = 4121};
}

__attribute__((unused)) static void raise_error(const struct settings *settings, const char *type,
                                                const char *message)
{
    struct alert alert = an_alert(type, message);
    alerts_raise(alerts, settings, &alert);
}

__attribute__((unused)) static int alerting_setup(void **state)
{
    (void)state;
    temporary_make(directory, sizeof(directory));
    start_with(&quick);
    return 0;
}

__attribute__((unused)) static int alerting_teardown(void **state)
{
    (void)state;
    end();
    temporary_remove(directory);
    return 0;
}

#endif

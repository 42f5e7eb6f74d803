/* A market's thread: round after round, and on to the next one whatever went wrong. */
#include "trader.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define CANDLES 60
#define MAX_KRW_A_DAY 1e15
#define STEP_MS 50

static void report(struct worker *worker, int round, const char *what, const char *error)
{
    worker->n_errors++;
    if (round)
        log_line(&worker->log, "round %d: ERROR %s: %s", round, what, error);
    else
        log_line(&worker->log, "start: ERROR %s: %s", what, error);
}

/* Buys on the way up unless everybody has bought already, else sells. */
static const char *advise(const struct indicators *indicators)
{
    if (indicators->rsi > 80)
        return "ask";
    return indicators->macd > indicators->macd_signal ? "bid" : "ask";
}

static void trade(struct worker *worker, int round, double price, const char *side)
{
    double traded = 0, balance = 0;
    struct order order = {.side = side, .price = price};

    if (store_traded_today(&worker->store, worker->market, &traded) < 0) {
        report(worker, round, "no order without the database", worker->store.error);
        return;
    }
    if (traded > MAX_KRW_A_DAY) {
        log_line(&worker->log, "round %d: enough for today", round);
        return;
    }
    if (fetch_balance(&worker->exchange, "KRW", &balance) < 0) {
        report(worker, round, "accounts", worker->exchange.error);
        return;
    }
    snprintf(order.market, sizeof order.market, "%s", worker->market);
    snprintf(order.identifier, sizeof order.identifier, "bot-%s-%d", worker->market, round);
    order.volume = worker->options->scenario->order_krw / price;
    if (place_order(&worker->exchange, &order) < 0) {
        report(worker, round, "order", worker->exchange.error);
        return;
    }
    worker->n_orders++;
    log_line(&worker->log, "round %d: order %.8s (%s): %s %.8f at %.0f, KRW %.0f in hand", round, order.uuid,
             order.state, order.side, order.volume, order.price, balance);
    if (store_order(&worker->store, &order) < 0)
        report(worker, round, "order placed but not stored", worker->store.error);
}

/* The price to trade at and what all candles say about it; -1: there is nothing to go by. */
static int look(struct worker *worker, int round, double *ret_price, struct indicators *ret_indicators)
{
    double closes[MAX_CANDLES], day_average = 0;
    int n = 0;

    if (fetch_candles(&worker->exchange, worker->market, CANDLES, closes, &n) < 0) {
        report(worker, round, "candles", worker->exchange.error);
        return -1;
    }
    if (fetch_day_average(&worker->exchange, worker->market, &day_average) < 0)
        report(worker, round, "day candles", worker->exchange.error);
    if (fetch_ticker(&worker->exchange, worker->market, ret_price) < 0) {
        report(worker, round, "ticker", worker->exchange.error);
        *ret_price = closes[n - 1];
    }
    indicators_compute(ret_indicators, closes, n);
    log_line(&worker->log, "round %d: price %.0f (%s), RSI %.1f, SMA %.0f/%.0f, MACD %.1f/%.1f", round,
             *ret_price,
             day_average <= 0           ? "no trend"
             : *ret_price > day_average ? "rising"
                                        : "falling",
             ret_indicators->rsi, ret_indicators->sma_short, ret_indicators->sma_long, ret_indicators->macd,
             ret_indicators->macd_signal);
    return 0;
}

static void run_round(struct worker *worker, int round)
{
    struct indicators indicators;
    double price;

    if (look(worker, round, &price, &indicators) < 0)
        return;
    const char *advice = advise(&indicators);
    if (cache_round(&worker->cache, worker->market, price, &indicators) < 0 ||
        cache_advice(&worker->cache, worker->market, advice) < 0)
        report(worker, round, "cache", worker->cache.error);
    if (store_analysis(&worker->store, worker->market, price, &indicators, advice) < 0)
        report(worker, round, "analysis not stored", worker->store.error);
    trade(worker, round, price, advice);
}

static void rest(long ms)
{
    for (; ms > 0 && !stop_requested; ms -= STEP_MS) {
        struct timespec step = {.tv_nsec = (ms < STEP_MS ? ms : STEP_MS) * 1000000};
        nanosleep(&step, NULL);
    }
}

void *worker_run(void *user)
{
    struct worker *worker = user;
    const struct options *options = worker->options;
    char name[16];
    int round = 0;

    snprintf(name, sizeof name, "trade %.9s", worker->market);
    prctl(PR_SET_NAME, name);
    if (exchange_open(&worker->exchange, options) < 0) {
        report(worker, round, "libcurl", "cannot be used");
        return NULL;
    }
    if (cache_open(&worker->cache, options->redis_address) < 0)
        report(worker, round, "cache", worker->cache.error);
    if (store_open(&worker->store, options) < 0)
        report(worker, round, "database", worker->store.error);
    while (!stop_requested) {
        run_round(worker, ++round);
        if (options->n_rounds && round >= options->n_rounds)
            break;
        rest(options->interval_ms);
    }
    log_line(&worker->log, "rounds: %d, orders: %d, errors: %d", round, worker->n_orders, worker->n_errors);
    store_close(&worker->store);
    cache_close(&worker->cache);
    exchange_close(&worker->exchange);
    return NULL;
}

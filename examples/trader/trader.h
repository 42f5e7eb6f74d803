/*
 * trader: a small trading bot, of the kind that has run for years and that nobody wants to touch.
 *
 * One thread per market. A round: candles and ticker from the exchange, indicators, cache, database, an order.
 */
#ifndef TRADER_H
#define TRADER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define MAX_MARKETS 16
#define MAX_CANDLES 200
#define MARKET_BYTES 16

/* What differs between one way of running and another; see main.c for the list. */
struct scenario {
    const char *name;
    const char *days_query;  /* added to the request for day candles */
    const char *order_query; /* added to the request that places an order */
    double order_krw;
    long days_timeout_ms; /* nice to have, not worth waiting for */
    bool db_down;
};

struct options {
    const struct scenario *scenario;
    const char *exchange_url, *access_key;
    const char *pg_conninfo;
    const char *redis_address; /* HOST:PORT or a path */
    char markets[MAX_MARKETS][MARKET_BYTES];
    int n_markets;
    int n_rounds; /* 0: until SIGINT or SIGTERM */
    long interval_ms;
    bool is_verbose;
};

/* Set by the UNIX-signal handler; workers look at it between rounds. */
extern volatile sig_atomic_t stop_requested;

/* options.c: 0, or the status to exit with plus one. */
int options_parse(struct options *options, int argc, char **argv);

/* log.c: a thread's lines, kept until it is printed, or printed at once. */
struct log {
    const char *market;
    bool is_live, has_time;
    char *text;
    size_t bytes, max_bytes;
};
void log_line(struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_print(struct log *log);

/* json.c: just enough JSON for an exchange's flat objects. The value of the first `key` at or after `text`. */
const char *json_find(const char *text, const char *key);
const char *json_string(const char *text,
                        const char *key); /* its first character; NULL where there is none */
double json_number(const char *text, const char *key);
void json_copy_string(char *to, size_t max, const char *text, const char *key);

/* indicators.c: `closes` oldest first. */
struct indicators {
    double rsi, sma_short, sma_long, macd, macd_signal;
};
double sma(const double *closes, int n, int period);
double rsi(const double *closes, int n, int period);
void macd(const double *closes, int n, double *ret_macd, double *ret_signal);
void indicators_compute(struct indicators *indicators, const double *closes, int n);

/* exchange.c: REST. Functions return 0, or -1 with the reason in `error`. */
struct order {
    char market[MARKET_BYTES];
    const char *side; /* "bid" buys, "ask" sells */
    double price, volume;
    char identifier[48], uuid[64], state[16];
};
struct exchange {
    void *curl;
    struct curl_slist *headers;
    const char *url;
    const struct scenario *scenario;
    char *answer;
    size_t answer_bytes;
    char error[160];
};
int exchange_open(struct exchange *exchange, const struct options *options);
void exchange_close(struct exchange *exchange);
int fetch_candles(struct exchange *exchange, const char *market, int count, double *ret_closes, int *ret_n);
int fetch_day_average(struct exchange *exchange, const char *market, double *ret_average);
int fetch_ticker(struct exchange *exchange, const char *market, double *ret_price);
int fetch_balance(struct exchange *exchange, const char *currency, double *ret_balance);
int place_order(struct exchange *exchange, struct order *order);

/* store.c: PostgreSQL. */
struct store {
    struct pg_conn *connection;
    const struct options *options;
    char error[160];
};
int store_setup(const struct options *options, char *error, size_t max);
int store_open(struct store *store, const struct options *options);
void store_close(struct store *store);
int store_analysis(struct store *store, const char *market, double price, const struct indicators *indicators,
                   const char *advice);
int store_traded_today(struct store *store, const char *market, double *ret_krw);
int store_order(struct store *store, const struct order *order);

/* cache.c: Redis. The bot works without it. */
struct cache {
    struct redisContext *context;
    const char *address;
    char error[160];
};
int cache_open(struct cache *cache, const char *address);
void cache_close(struct cache *cache);
int cache_round(struct cache *cache, const char *market, double price, const struct indicators *indicators);
int cache_advice(struct cache *cache, const char *market, const char *advice);

/* worker.c: a market's thread. */
struct worker {
    const struct options *options;
    const char *market;
    struct log log;
    struct exchange exchange;
    struct store store;
    struct cache cache;
    int n_orders, n_errors;
};
void *worker_run(void *worker);

#endif

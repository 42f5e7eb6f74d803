/* The exchange's REST API. One libcurl handle per thread, kept open from round to round. */
#include "trader.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGENT "trader/1.4.2"
#define MAX_ANSWER_BYTES 1048576
#define CONNECT_TIMEOUT_MS 1000L
#define TIMEOUT_MS 5000L

static size_t receive(char *data, size_t size, size_t n, void *user)
{
    struct exchange *exchange = user;
    size_t bytes = size * n;

    if (exchange->answer_bytes + bytes > MAX_ANSWER_BYTES)
        return 0;
    char *answer = realloc(exchange->answer, exchange->answer_bytes + bytes + 1);
    if (!answer)
        return 0;
    memcpy(answer + exchange->answer_bytes, data, bytes);
    exchange->answer = answer;
    exchange->answer_bytes += bytes;
    answer[exchange->answer_bytes] = 0;
    return bytes;
}

int exchange_open(struct exchange *exchange, const struct options *options)
{
    char authorization[256];

    memset(exchange, 0, sizeof *exchange);
    exchange->url = options->exchange_url;
    exchange->scenario = options->scenario;
    exchange->curl = curl_easy_init();
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", options->access_key);
    exchange->headers = curl_slist_append(NULL, "Accept: application/json");
    exchange->headers = curl_slist_append(exchange->headers, authorization);
    return exchange->curl && exchange->headers ? 0 : -1;
}

void exchange_close(struct exchange *exchange)
{
    curl_easy_cleanup(exchange->curl);
    curl_slist_free_all(exchange->headers);
    free(exchange->answer);
    exchange->curl = NULL;
    exchange->headers = NULL;
    exchange->answer = NULL;
}

/* One request. The HTTP status, or 0 where there was no answer (the reason is in `error`). */
static long request(struct exchange *exchange, const char *path, const char *form, long timeout_ms)
{
    CURL *curl = exchange->curl;
    char url[512];
    long status = 0;

    snprintf(url, sizeof url, "%s%s", exchange->url, path);
    exchange->answer_bytes = 0;
    if (exchange->answer)
        exchange->answer[0] = 0;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    if (form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);

    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        snprintf(exchange->error, sizeof exchange->error, "%s", curl_easy_strerror(code));
        return 0;
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* {"error":{"name":"insufficient_funds_bid","message":"..."}} */
static int refused(struct exchange *exchange, long status)
{
    char name[64];

    if (!exchange->answer)
        name[0] = 0;
    else
        json_copy_string(name, sizeof name, exchange->answer, "name");
    snprintf(exchange->error, sizeof exchange->error, "%ld %s", status, name[0] ? name : "(no reason given)");
    return -1;
}

/* Reading may be tried a second time, and is: the exchange has its moments. */
static int get(struct exchange *exchange, const char *path, long timeout_ms)
{
    long status = request(exchange, path, NULL, timeout_ms);

    if (status == 0 || status >= 500)
        status = request(exchange, path, NULL, timeout_ms);
    if (status == 0)
        return -1;
    if (status != 200)
        return refused(exchange, status);
    if (!exchange->answer || !exchange->answer_bytes) {
        snprintf(exchange->error, sizeof exchange->error, "empty answer");
        return -1;
    }
    return 0;
}

/* The closing prices of an array of candles, newest first in the answer, oldest first in `ret_closes`. */
static int read_closes(const char *answer, double *ret_closes)
{
    const char *at = answer;
    int n = 0;

    while (n < MAX_CANDLES && (at = json_find(at, "opening_price"))) {
        ret_closes[n++] = json_number(at, "trade_price");
    }
    for (int i = 0; i < n / 2; i++) {
        double newer = ret_closes[i];
        ret_closes[i] = ret_closes[n - 1 - i];
        ret_closes[n - 1 - i] = newer;
    }
    return n;
}

int fetch_candles(struct exchange *exchange, const char *market, int count, double *ret_closes, int *ret_n)
{
    char path[160];

    snprintf(path, sizeof path, "/v1/candles/minutes/1?market=%s&count=%d", market, count);
    if (get(exchange, path, TIMEOUT_MS) < 0)
        return -1;
    *ret_n = read_closes(exchange->answer, ret_closes);
    if (*ret_n > 0)
        return 0;
    snprintf(exchange->error, sizeof exchange->error, "no candles for %s", market);
    return -1;
}

int fetch_day_average(struct exchange *exchange, const char *market, double *ret_average)
{
    double closes[MAX_CANDLES];
    char path[160];

    snprintf(path, sizeof path, "/v1/candles/days?market=%s&count=30%s", market,
             exchange->scenario->days_query);
    if (get(exchange, path, exchange->scenario->days_timeout_ms) < 0)
        return -1;
    int n = read_closes(exchange->answer, closes);
    *ret_average = sma(closes, n, 30);
    return 0;
}

int fetch_ticker(struct exchange *exchange, const char *market, double *ret_price)
{
    char path[160];

    snprintf(path, sizeof path, "/v1/ticker?markets=%s", market);
    if (get(exchange, path, TIMEOUT_MS) < 0)
        return -1;
    *ret_price = json_number(exchange->answer, "trade_price");
    return 0;
}

int fetch_balance(struct exchange *exchange, const char *currency, double *ret_balance)
{
    char account[64];

    if (get(exchange, "/v1/accounts", TIMEOUT_MS) < 0)
        return -1;
    snprintf(account, sizeof account, "\"currency\":\"%s\"", currency);
    const char *found = strstr(exchange->answer, account);
    *ret_balance = found ? json_number(found, "balance") : 0;
    return 0;
}

/* An order is never sent twice: nobody knows what became of one that was not answered. */
int place_order(struct exchange *exchange, struct order *order)
{
    char path[160], form[320];
    size_t n = 0;

    snprintf(path, sizeof path, "/v1/orders%s", exchange->scenario->order_query);
    if (strcmp(order->side, "bid") == 0)
        snprintf(form, sizeof form, "market=%s&side=bid&ord_type=price&price=%.0f&identifier=%s",
                 order->market, order->price * order->volume, order->identifier);
    else
        snprintf(form, sizeof form, "market=%s&side=ask&ord_type=limit&price=%.0f&volume=%.8f&identifier=%s",
                 order->market, order->price, order->volume, order->identifier);
    long status = request(exchange, path, form, TIMEOUT_MS);
    if (status == 0)
        return -1;
    if (status != 201)
        return refused(exchange, status);

    /* The bug of --scenario crash: an accepted order always has a uuid, has it not? */
    const char *uuid = json_string(exchange->answer, "uuid");
    while (uuid[n] != '"' && n < sizeof order->uuid - 1) {
        order->uuid[n] = uuid[n];
        n++;
    }
    order->uuid[n] = 0;
    json_copy_string(order->state, sizeof order->state, exchange->answer, "state");
    return 0;
}

/*
 * scenario: the documents' first scenario: a request for an analysis comes in, data is collected in three requests, a model is asked, the
 * answer is stored. $EXCHANGE_URL, PG….
 */
#include "otelshim.h"

#include <curl/curl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static const char *base;

static size_t swallow(char *bytes, size_t size, size_t n, void *unused)
{
    (void)bytes;
    (void)unused;
    return size * n;
}

static long request(CURL *curl, const char *path, const char *body)
{
    char url[256];
    long status = 0;
    snprintf(url, sizeof(url), "%s%s", base, path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPGET, body ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_POST, body ? 1L : 0L);
    curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    otelshim_counter_add("api.calls", 1, otelshim_kv("service", "upbit"),
                         otelshim_kv("status", status < 400 ? "success" : "error"));
    return status;
}

static void collect_data(CURL *curl)
{
    OTELSHIM_SPAN("collect_data", otelshim_kv("coin.name", "KRW-BTC"));
    printf("ticker %ld\n", request(curl, "/v1/ticker?markets=KRW-BTC", NULL));
    printf("days %ld\n", request(curl, "/v1/candles/days?market=KRW-BTC&count=3", NULL));
    printf("minutes %ld\n", request(curl, "/v1/candles/minutes/1?market=KRW-BTC&count=3", NULL));
}

/* The exchange stands in for the model. */
static void call_model(CURL *curl)
{
    OTELSHIM_SPAN("call_gemini_api", otelshim_kv("model", "gemini-2.5-pro"));
    printf("model %ld\n",
           request(curl, "/v1/orders",
                   "{\"market\":\"KRW-BTC\",\"side\":\"bid\",\"ord_type\":\"price\",\"price\":\"10000\"}"));
}

static void store(PGconn *conn, const char *decision)
{
    const char *const values[] = {decision};
    PGresult *result = PQexecParams(conn, "INSERT INTO analysis_results (decision) VALUES ($1)", 1, NULL,
                                    values, NULL, NULL, 0);
    printf("stored %s\n", PQcmdTuples(result));
    PQclear(result);
}

static void analyze(CURL *curl, PGconn *conn)
{
    OTELSHIM_SPAN("POST /api/analyze", otelshim_kv("http.route", "/api/analyze"));
    otelshim_span whole = otelshim_span_begin("analyze_coin: KRW-BTC", otelshim_kv("market", "KRW"));
    collect_data(curl);
    otelshim_span prompt = otelshim_span_begin("build_prompt");
    otelshim_span_end(prompt);
    call_model(curl);
    store(conn, "buy");
    otelshim_span_set(whole, otelshim_kv("analysis.decision", "buy"), otelshim_kv("analysis.confidence", 85));
    otelshim_counter_add("analysis.executions", 1, otelshim_kv("status", "success"),
                         otelshim_kv("confidence_range", "high"));
    otelshim_span_end(whole);
}

int main(void)
{
    base = getenv("EXCHANGE_URL");
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer key");
    headers = curl_slist_append(headers, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    PGconn *conn = PQconnectdb("");
    PQclear(PQexec(conn, "SET client_min_messages TO warning; DROP TABLE IF EXISTS analysis_results; CREATE "
                         "TABLE analysis_results (decision text)"));
    analyze(curl, conn);
    PQfinish(conn);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return 0;
}

/*
 * calls: N rounds of one call of each kind that metrics count: usage: calls N PAUSE_US [wait]
 *
 * wait: it goes on, idle, until standard input ends.
 *
 * Per round: a Redis command that succeeds and one that fails, a query of three rows, one that fails, a prepared one, an
 * HTTP request. One connection to each server stays open.
 */
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t ignore(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes, (void)context;
    return size * n;
}

static void command(redisContext *redis, const char *text)
{
    freeReplyObject(redisCommand(redis, text));
}

int main(int argc, char **argv)
{
    char url[200];
    int n = argc > 1 ? atoi(argv[1]) : 1;
    useconds_t pause_us = argc > 2 ? (useconds_t)atoi(argv[2]) : 0;
    redisContext *redis = redisConnect(getenv("REDIS_HOST"), atoi(getenv("REDIS_PORT")));
    PGconn *pg = PQconnectdb("");
    CURL *curl = curl_easy_init();
    if (!redis || redis->err || PQstatus(pg) != CONNECTION_OK)
        return 1;
    snprintf(url, sizeof(url), "%s/small", getenv("HTTP_URL"));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    PQclear(PQprepare(pg, "one", "SELECT $1::int", 1, NULL));
    for (int i = 0; i < n; i++) {
        const char *number = "1";
        command(redis, "SET metrics 1");
        command(redis, "LPUSH metrics x");
        PQclear(PQexec(pg, "SELECT * FROM generate_series(1, 3)"));
        PQclear(PQexec(pg, "SELECT 1 / 0"));
        PQclear(PQexecPrepared(pg, "one", 1, &number, NULL, NULL, 0));
        if (curl_easy_perform(curl) != CURLE_OK)
            return 1;
        usleep(pause_us);
    }
    while (argc > 3 && getchar() != EOF)
        ;
    PQfinish(pg);
    redisFree(redis);
    curl_easy_cleanup(curl);
    return 0;
}

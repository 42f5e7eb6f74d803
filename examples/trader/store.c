/* The database: what was thought and what was ordered. */
#include "trader.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S "2"

static const char SCHEMA[] =
    "SET client_min_messages TO warning; SELECT pg_advisory_xact_lock(7);"
    "CREATE TABLE IF NOT EXISTS analyses (id bigserial PRIMARY KEY, market text NOT NULL, price numeric NOT "
    "NULL,"
    " rsi numeric, macd numeric, macd_signal numeric, advice text, created_at timestamptz DEFAULT now());"
    "CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, uuid text NOT NULL, market text NOT NULL,"
    " side text NOT NULL, price numeric, volume numeric, state text, created_at timestamptz DEFAULT now());"
    "CREATE TABLE IF NOT EXISTS positions (market text PRIMARY KEY, volume numeric NOT NULL)";

/* The first line of libpq's message, from its last "failed: " or "ERROR: " on: the rest names addresses. */
static void keep_error(char *to, size_t max, const char *message)
{
    static const char *const marks[] = {"failed: ", "ERROR:  ", "FATAL:  "};
    char line[512];

    snprintf(line, sizeof line, "%s", message);
    line[strcspn(line, "\n")] = 0;
    const char *from = line;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *mark = strstr(from, marks[i]);
        if (mark)
            from = mark + strlen(marks[i]);
    }
    snprintf(to, max, "%s", *from ? from : "unknown error");
}

/* --scenario db-down: a port that nobody listens on, whatever the configuration says. */
static PGconn *connect_nowhere(const char *conninfo)
{
    const char *const keywords[] = {"dbname", "host", "hostaddr", "port", "connect_timeout", NULL};
    const char *const values[] = {conninfo, "127.0.0.1", "127.0.0.1", "1", CONNECT_TIMEOUT_S, NULL};

    return PQconnectdbParams(keywords, values, 1);
}

static PGconn *connect_database(const struct options *options)
{
    if (options->scenario->db_down)
        return connect_nowhere(options->pg_conninfo);
    return PQconnectdb(options->pg_conninfo);
}

/*
 * Once, before the threads start, and under a lock, because of other bots: two CREATE TABLE IF NOT EXISTS at the same
 * time get in each other's way.
 */
int store_setup(const struct options *options, char *error, size_t max)
{
    PGconn *connection = connect_database(options);
    int failed = PQstatus(connection) != CONNECTION_OK;

    if (!failed) {
        PGresult *result = PQexec(connection, SCHEMA);
        failed = PQresultStatus(result) != PGRES_COMMAND_OK;
        PQclear(result);
    }
    if (failed)
        keep_error(error, max, PQerrorMessage(connection));
    PQfinish(connection);
    return failed ? -1 : 0;
}

static int prepare(struct store *store)
{
    PGresult *result = PQprepare(store->connection, "insert_analysis",
                                 "INSERT INTO analyses (market, price, rsi, macd, macd_signal, advice)"
                                 " VALUES ($1, $2, $3, $4, $5, $6)",
                                 6, NULL);
    int failed = PQresultStatus(result) != PGRES_COMMAND_OK;

    if (failed)
        keep_error(store->error, sizeof store->error, PQerrorMessage(store->connection));
    PQclear(result);
    return failed ? -1 : 0;
}

int store_open(struct store *store, const struct options *options)
{
    store->options = options;
    store->connection = connect_database(options);
    if (PQstatus(store->connection) == CONNECTION_OK)
        return prepare(store);
    keep_error(store->error, sizeof store->error, PQerrorMessage(store->connection));
    return -1;
}

void store_close(struct store *store)
{
    PQfinish(store->connection);
    store->connection = NULL;
}

/* A database that was away may be back. */
static int reconnect(struct store *store)
{
    if (!store->connection)
        return -1;
    if (PQstatus(store->connection) == CONNECTION_OK)
        return 0;
    PQreset(store->connection);
    if (PQstatus(store->connection) == CONNECTION_OK)
        return prepare(store);
    keep_error(store->error, sizeof store->error, PQerrorMessage(store->connection));
    return -1;
}

/* Takes `result`. */
static int check(struct store *store, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    int failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;

    if (failed)
        keep_error(store->error, sizeof store->error, PQerrorMessage(store->connection));
    PQclear(result);
    return failed ? -1 : 0;
}

int store_analysis(struct store *store, const char *market, double price, const struct indicators *indicators,
                   const char *advice)
{
    char numbers[4][40];
    const char *values[6] = {market, numbers[0], numbers[1], numbers[2], numbers[3], advice};

    if (reconnect(store) < 0)
        return -1;
    snprintf(numbers[0], sizeof numbers[0], "%.2f", price);
    snprintf(numbers[1], sizeof numbers[1], "%.4f", indicators->rsi);
    snprintf(numbers[2], sizeof numbers[2], "%.4f", indicators->macd);
    snprintf(numbers[3], sizeof numbers[3], "%.4f", indicators->macd_signal);
    return check(store, PQexecPrepared(store->connection, "insert_analysis", 6, values, NULL, NULL, 0));
}

int store_traded_today(struct store *store, const char *market, double *ret_krw)
{
    const char *values[1] = {market};

    if (reconnect(store) < 0)
        return -1;
    PGresult *result = PQexecParams(store->connection,
                                    "SELECT coalesce(sum(price * volume), 0) FROM orders"
                                    " WHERE market = $1 AND created_at >= current_date",
                                    1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        *ret_krw = strtod(PQgetvalue(result, 0, 0), NULL);
    return check(store, result);
}

int store_order(struct store *store, const struct order *order)
{
    char price[40], volume[40], update[256];
    const char *values[6] = {order->uuid, order->market, order->side, price, volume, order->state};
    double signed_volume = strcmp(order->side, "bid") == 0 ? order->volume : -order->volume;

    if (reconnect(store) < 0)
        return -1;
    snprintf(price, sizeof price, "%.2f", order->price);
    snprintf(volume, sizeof volume, "%.8f", order->volume);
    snprintf(update, sizeof update,
             "INSERT INTO positions (market, volume) VALUES ('%s', %.8f)"
             " ON CONFLICT (market) DO UPDATE SET volume = positions.volume + excluded.volume",
             order->market, signed_volume);
    if (check(store, PQexec(store->connection, "BEGIN")) < 0)
        return -1;
    int failed = check(store, PQexecParams(store->connection,
                                           "INSERT INTO orders (uuid, market, side, price, volume, state)"
                                           " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
                                           6, NULL, values, NULL, NULL, 0)) < 0 ||
                 check(store, PQexec(store->connection, update)) < 0;
    return check(store, PQexec(store->connection, failed ? "ROLLBACK" : "COMMIT")) < 0 || failed ? -1 : 0;
}

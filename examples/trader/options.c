#include "trader.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* name, added to the requests for day candles and orders, KRW an order, timeout for day candles, no database */
static const struct scenario scenarios[] = {
    {"normal", "", "", 50e3, 2000, false},
    {"timeout", "&fake=slow:1000", "", 50e3, 300, false},
    {"insufficient-funds", "", "", 5e9, 2000, false},
    {"db-down", "", "", 50e3, 2000, true},
    {"crash", "", "?fake=no-uuid", 50e3, 2000, false},
};

static const char HELP[] =
    "usage: trader [OPTION]...\n"
    "Trades on an exchange, one thread per market: candles and ticker, indicators, cache, database, order.\n"
    "\n"
    "  --scenario NAME     normal, timeout (day candles come too late), insufficient-funds (orders are\n"
    "                      refused), db-down (no database), crash (an order's answer carries no uuid)\n"
    "  --rounds N          stop after N rounds per market (default 3); 0: at SIGINT or SIGTERM\n"
    "  --interval MS       rest between rounds (default 1000)\n"
    "  --markets LIST      default KRW-BTC,KRW-ETH\n"
    "  --exchange URL      default $EXCHANGE_URL, else http://127.0.0.1:8080\n"
    "  --pg CONNINFO       default $TRADER_PG, else libpq's own defaults (PGHOST, PGPORT, ...)\n"
    "  --redis HOST:PORT   or a socket's path; default $TRADER_REDIS, else $REDIS_HOST:$REDIS_PORT,\n"
    "                      else 127.0.0.1:6379\n"
    "  --verbose           lines as they happen, with the time\n"
    "  --help\n"
    "\n"
    "Also read: $TRADER_SCENARIO, $TRADER_ROUNDS, $TRADER_INTERVAL, $TRADER_MARKETS, $TRADER_ACCESS_KEY.\n"
    "Exit status: 0 all went well; 1 all rounds ran, with errors; 2 wrong usage; 3 could not start.\n";

enum {
    OPTION_SCENARIO = 256,
    OPTION_ROUNDS,
    OPTION_INTERVAL,
    OPTION_MARKETS,
    OPTION_EXCHANGE,
    OPTION_PG,
    OPTION_REDIS,
    OPTION_VERBOSE,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"scenario", required_argument, NULL, OPTION_SCENARIO},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"markets", required_argument, NULL, OPTION_MARKETS},
    {"exchange", required_argument, NULL, OPTION_EXCHANGE},
    {"pg", required_argument, NULL, OPTION_PG},
    {"redis", required_argument, NULL, OPTION_REDIS},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && *value ? value : otherwise;
}

static int set_scenario(struct options *options, const char *name)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(name, scenarios[i].name) == 0) {
            options->scenario = &scenarios[i];
            return 0;
        }
    }
    fprintf(stderr, "trader: no scenario '%s': normal, timeout, insufficient-funds, db-down or crash\n",
            name);
    return -1;
}

static int set_number(long *number, const char *what, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (!*text || *end || value < 0 || value > INT_MAX) {
        fprintf(stderr, "trader: %s: '%s' is not a number from 0 to %d\n", what, text, INT_MAX);
        return -1;
    }
    *number = value;
    return 0;
}

static int set_rounds(struct options *options, const char *text)
{
    long n_rounds;

    if (set_number(&n_rounds, "rounds", text) < 0)
        return -1;
    options->n_rounds = (int)n_rounds;
    return 0;
}

static int set_markets(struct options *options, const char *list)
{
    options->n_markets = 0;
    while (*list) {
        size_t bytes = strcspn(list, ",");
        if (!bytes || bytes >= MARKET_BYTES || options->n_markets == MAX_MARKETS)
            break;
        memcpy(options->markets[options->n_markets], list, bytes);
        options->markets[options->n_markets++][bytes] = 0;
        list += bytes + (list[bytes] == ',');
    }
    if (!*list && options->n_markets)
        return 0;
    fprintf(stderr, "trader: markets: 1 to %d names such as KRW-BTC, separated by commas\n", MAX_MARKETS);
    return -1;
}

static int set_from_environment(struct options *options)
{
    static char redis_address[160];

    snprintf(redis_address, sizeof redis_address, "%s:%s", from_environment("REDIS_HOST", "127.0.0.1"),
             from_environment("REDIS_PORT", "6379"));
    options->redis_address = from_environment("TRADER_REDIS", redis_address);
    options->exchange_url = from_environment("EXCHANGE_URL", "http://127.0.0.1:8080");
    options->access_key = from_environment("TRADER_ACCESS_KEY", "demo-access-key");
    options->pg_conninfo = from_environment("TRADER_PG", "");
    if (set_scenario(options, from_environment("TRADER_SCENARIO", "normal")) < 0 ||
        set_rounds(options, from_environment("TRADER_ROUNDS", "3")) < 0 ||
        set_number(&options->interval_ms, "interval", from_environment("TRADER_INTERVAL", "1000")) < 0 ||
        set_markets(options, from_environment("TRADER_MARKETS", "KRW-BTC,KRW-ETH")) < 0)
        return -1;
    return 0;
}

static int set_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_SCENARIO:
        return set_scenario(options, value);
    case OPTION_ROUNDS:
        return set_rounds(options, value);
    case OPTION_INTERVAL:
        return set_number(&options->interval_ms, "interval", value);
    case OPTION_MARKETS:
        return set_markets(options, value);
    case OPTION_EXCHANGE:
        options->exchange_url = value;
        return 0;
    case OPTION_PG:
        options->pg_conninfo = value;
        return 0;
    case OPTION_REDIS:
        options->redis_address = value;
        return 0;
    case OPTION_VERBOSE:
        options->is_verbose = true;
        return 0;
    default:
        return -1; /* getopt_long has said why */
    }
}

int options_parse(struct options *options, int argc, char **argv)
{
    int option;

    if (set_from_environment(options) < 0)
        return 2 + 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(HELP, stdout);
            return 0 + 1;
        }
        if (set_option(options, option, optarg) < 0)
            return 2 + 1;
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "trader: what is '%s'? see trader --help\n", argv[optind]);
    return 2 + 1;
}

#include "trader.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

volatile sig_atomic_t stop_requested;

static void request_stop(int signo)
{
    (void)signo;
    stop_requested = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = request_stop};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Runs all markets' threads to their end. The number of errors, or -1 where a thread could not be started. */
static int run(const struct options *options, struct worker *workers)
{
    pthread_t threads[MAX_MARKETS];
    bool is_live = options->is_verbose || options->n_rounds == 0 || options->n_markets == 1;
    int n_started = 0, n_errors = 0;

    for (; n_started < options->n_markets; n_started++) {
        struct worker *worker = &workers[n_started];
        worker->options = options;
        worker->market = options->markets[n_started];
        worker->log = (struct log){worker->market, is_live, options->is_verbose, NULL, 0, 0};
        if (pthread_create(&threads[n_started], NULL, worker_run, worker) != 0)
            break;
    }
    if (n_started < options->n_markets)
        stop_requested = 1;
    for (int i = 0; i < n_started; i++) {
        pthread_join(threads[i], NULL);
        log_print(&workers[i].log);
        n_errors += workers[i].n_errors;
    }
    return n_started < options->n_markets ? -1 : n_errors;
}

int main(int argc, char **argv)
{
    static struct options options;
    static struct worker workers[MAX_MARKETS];
    char error[160];

    int exit_status = options_parse(&options, argc, argv);
    if (exit_status)
        return exit_status - 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "trader: libcurl cannot be used\n");
        return 3;
    }
    catch_signals();
    printf("trader: markets: %d, scenario: %s\n", options.n_markets, options.scenario->name);
    if (store_setup(&options, error, sizeof error) < 0)
        printf("trader: ERROR database: %s\n", error);
    int n_errors = run(&options, workers);
    curl_global_cleanup();
    if (n_errors < 0) {
        fprintf(stderr, "trader: cannot start a thread\n");
        return 3;
    }
    printf("trader: done, errors: %d\n", n_errors);
    return n_errors ? 1 : 0;
}

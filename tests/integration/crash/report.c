/*
 * Crashes three inlined functions deep in the callback of a request that is being answered: report URL [SECRET [other]]. A
 * token lies on the stack; another thread waits.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct order {
    int id;
    double price;
};

static struct order *volatile best;

static inline __attribute__((always_inline)) double price_of(const struct order *order)
{
    return *(const volatile double *)&order->price; /* crashes here */
}

static inline __attribute__((always_inline)) double spread(const struct order *order)
{
    return price_of(order) * 0.01; /* called here */
}

static inline __attribute__((always_inline)) double decide(const struct order *order)
{
    return spread(order) + 1; /* and here */
}

static __attribute__((noinline)) size_t take_answer(char *bytes, size_t size, size_t n, void *to)
{
    char token[128];
    snprintf(token, sizeof(token), "token %s", (const char *)to);
    (void)bytes;
    printf("%f %s\n", decide(best), token);
    return size * n;
}

/* The same crash by another way: another bug. */
static size_t take_otherwise(char *bytes, size_t size, size_t n, void *to)
{
    return take_answer(bytes, size, n, to) + (decide(best) > 0);
}

static __attribute__((noinline)) int fetch(const char *url, const char *secret, bool is_other)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, is_other ? take_otherwise : take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, secret);
    int result = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return result;
}

static _Atomic int is_named;

static void *wait_forever(void *name)
{
    pthread_setname_np(pthread_self(), name);
    is_named = 1;
    for (;;)
        pause();
    return NULL;
}

static char waiter[] = "waiter";

int main(int argc, char **argv)
{
    pthread_t thread;
    pthread_create(&thread, NULL, wait_forever, waiter);
    while (!is_named)
        usleep(1000);
    const char *secret = argc > 2 ? argv[2] : "";
    return fetch(argv[1], secret, argc > 3);
}

/* streaks: see streaks.h. */
#include "signals/alerts/streaks.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_NS (STREAKS_WINDOW_NS / STREAKS_SLICES)
#define REJECTED_FOR_NS (3600ull * 1000000000ull) /* rejections further apart are no streak */

enum rate_state {
    RATE_FINE,
    RATE_TOLD,
    RATE_COVERED, /* by a streak that was told */
};

struct slice {
    uint64_t number; /* of its time */
    uint32_t n_calls, n_failed;
};

struct host {
    uint64_t key;  /* hash of the name */
    uint64_t used; /* when, by a count of calls */
    char name[STREAKS_NAME_BYTES];
    uint32_t in_a_row;
    bool is_failing; /* told */
    enum rate_state rate;
    uint64_t failed_ns; /* end of the last failure */
    uint32_t n_rejected, n_paths;
    bool is_rejecting; /* told */
    uint64_t rejected_ns;
    uint64_t rejected_paths[STREAKS_PATHS];
    struct slice slices[STREAKS_SLICES];
};

struct streaks {
    struct host *last; /* found last */
    uint64_t n_calls;
    uint32_t n;
    struct host hosts[STREAKS_MAX_HOSTS];
};

struct streaks *streaks_create(void)
{
    struct streaks *streaks = calloc(1, sizeof(*streaks));
    if (!streaks)
        abort();
    return streaks;
}

void streaks_destroy(struct streaks *streaks)
{
    free(streaks);
}

const char *streaks_name(const struct host *host)
{
    return host->name;
}

bool streaks_has_rejected(const struct host *host)
{
    return host->n_rejected > 0;
}

/* ---- finding ---- */

static bool is_it(const struct host *host, uint64_t key, const char *name, size_t bytes)
{
    return host->key == key && memcmp(host->name, name, bytes) == 0 && !host->name[bytes];
}

/* The one to give up: without trouble before with, used least recently. */
static struct host *choose_oldest(struct streaks *streaks)
{
    struct host *oldest = &streaks->hosts[0];
    for (struct host *host = oldest; host < streaks->hosts + streaks->n; host++) {
        bool is_troubled = host->is_failing || host->is_rejecting;
        bool was_troubled = oldest->is_failing || oldest->is_rejecting;
        if (is_troubled != was_troubled ? was_troubled : host->used < oldest->used)
            oldest = host;
    }
    return oldest;
}

struct host *streaks_find(struct streaks *streaks, const char *name, size_t bytes)
{
    if (bytes >= STREAKS_NAME_BYTES)
        bytes = STREAKS_NAME_BYTES - 1;
    uint64_t key = hash_bytes(0, name, bytes);
    struct host *host = streaks->last;
    if (!host || !is_it(host, key, name, bytes))
        for (host = streaks->hosts; host < streaks->hosts + streaks->n; host++)
            if (is_it(host, key, name, bytes))
                break;
    if (host == streaks->hosts + streaks->n) {
        if (streaks->n < STREAKS_MAX_HOSTS)
            streaks->n++;
        else
            host = choose_oldest(streaks);
        *host = (struct host){.key = key};
        memcpy(host->name, name, bytes);
    }
    host->used = ++streaks->n_calls;
    streaks->last = host;
    return host;
}

/* ---- the share of failed calls ---- */

/* NULL: the call ended before the window began. */
static struct slice *find_slice(struct host *host, uint64_t end_ns)
{
    uint64_t number = end_ns / SLICE_NS + 1;
    struct slice *slice = &host->slices[number % STREAKS_SLICES];
    if (slice->number > number)
        return NULL;
    if (slice->number < number)
        *slice = (struct slice){.number = number};
    return slice;
}

static void sum_window(const struct host *host, uint64_t now_ns, uint32_t *ret_calls, uint32_t *ret_failed)
{
    uint64_t newest = now_ns / SLICE_NS + 1;
    *ret_calls = *ret_failed = 0;
    for (uint32_t i = 0; i < STREAKS_SLICES; i++) {
        const struct slice *slice = &host->slices[i];
        if (slice->number + STREAKS_SLICES <= newest)
            continue;
        *ret_calls += slice->n_calls;
        *ret_failed += slice->n_failed;
    }
}

/* Over is it at half of what it began at: a host at the limit is told once. */
static void judge_share(struct host *host, uint64_t now_ns, double limit, struct host_news *news)
{
    uint32_t n_calls, n_failed;
    sum_window(host, now_ns, &n_calls, &n_failed);
    if (host->rate == RATE_FINE) {
        if (limit <= 0 || n_calls < STREAKS_MIN_CALLS || n_failed < limit * n_calls)
            return;
        host->rate = RATE_TOLD;
        news->fails_often = true;
        news->n_calls = n_calls;
        news->n_failed = n_failed;
    } else if (n_failed < limit / 2 * n_calls || limit <= 0) {
        news->is_rarely_again = host->rate == RATE_TOLD;
        host->rate = RATE_FINE;
    }
}

/* ---- in a row ---- */

static void fail(struct host *host, const struct host_call *call, const struct host_limits *limits,
                 struct host_news *news)
{
    host->in_a_row++;
    host->failed_ns = call->end_ns;
    if (limits->streak && host->in_a_row >= limits->streak && !host->is_failing) {
        host->is_failing = news->fails = true;
        if (host->rate == RATE_FINE)
            host->rate = RATE_COVERED;
    }
    if (!host->is_failing && host->rate == RATE_FINE)
        judge_share(host, call->end_ns, limits->error_rate, news);
}

/* Calls of several threads come in their chunks' order: what ended before the last failure says nothing new. */
static void live(struct host *host, const struct host_call *call, const struct host_limits *limits,
                 struct host_news *news)
{
    if (host->in_a_row && call->end_ns >= host->failed_ns) {
        host->in_a_row = 0;
        news->is_back = host->is_failing;
        host->is_failing = false;
    }
    if (host->rate != RATE_FINE)
        judge_share(host, call->end_ns, limits->error_rate, news);
}

/* ---- credentials ---- */

static void reject(struct host *host, const struct host_call *call, const struct host_limits *limits,
                   struct host_news *news)
{
    if (!host->is_rejecting && call->end_ns > host->rejected_ns + REJECTED_FOR_NS)
        host->n_rejected = host->n_paths = 0;
    host->rejected_ns = call->end_ns;
    host->n_rejected++;
    bool is_known = false;
    for (uint32_t i = 0; i < host->n_paths && i < STREAKS_PATHS; i++)
        is_known |= host->rejected_paths[i] == call->path;
    if (!is_known)
        host->rejected_paths[host->n_paths++ % STREAKS_PATHS] = call->path;
    if (limits->streak && host->n_rejected >= limits->streak && !host->is_rejecting)
        host->is_rejecting = news->rejects = true;
}

/* What needs no credentials goes on well while they are refused: only a success of what was refused ends it. */
static void accept(struct host *host, const struct host_call *call, struct host_news *news)
{
    for (uint32_t i = 0; i < host->n_paths && i < STREAKS_PATHS; i++)
        if (host->rejected_paths[i] == call->path && call->end_ns >= host->rejected_ns) {
            news->accepts = host->is_rejecting;
            host->is_rejecting = false;
            host->n_rejected = host->n_paths = 0;
            return;
        }
}

void streaks_note(struct host *host, const struct host_call *call, const struct host_limits *limits,
                  struct host_news *ret_news)
{
    *ret_news = (struct host_news){.fails = false};
    struct slice *slice = find_slice(host, call->end_ns);
    if (slice) {
        slice->n_calls++;
        slice->n_failed += call->event == HOST_FAILED;
    }
    if (call->event == HOST_FAILED)
        fail(host, call, limits, ret_news);
    else
        live(host, call, limits, ret_news);
    if (call->event == HOST_REJECTED)
        reject(host, call, limits, ret_news);
    else if (call->event == HOST_SERVED && host->n_rejected)
        accept(host, call, ret_news);
    ret_news->in_a_row = host->in_a_row;
    ret_news->n_rejected = host->n_rejected;
}

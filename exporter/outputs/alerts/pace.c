/*
 * pace: see pace.h.
 *
 * Telegram's own limits (its FAQ for bots): about one message a second to a chat, short bursts allowed; 20 a minute to a group; 30 a second
 * over all. We stay below each: what is refused is held back by the server for longer than the time that was won.
 */
#include "outputs/alerts/pace.h"

#include "base/hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ACCOUNTS 8u
#define MAX_PLACES 128u
#define MAX_NAME_BYTES 96u
#define BURST 3u
#define BURST_REFILL_MS 1000u
#define GROUP_MAX 18u
#define GROUP_WINDOW_MS 60000u
#define OVERALL_MAX 25u
#define OVERALL_WINDOW_MS 1000u
#define MAX_BACKOFF_MS 300000u
#define MAX_PAUSE_MS 86400000u

/* When the last `max` messages went out; `next` is the oldest. 0: none. */
struct window {
    uint64_t at_ms[OVERALL_MAX];
    uint32_t next;
};
_Static_assert(OVERALL_MAX >= GROUP_MAX, "one window holds both");

struct place {
    char name[MAX_NAME_BYTES];
    uint64_t full_ms; /* when the bucket is full again: every message moves it by BURST_REFILL_MS */
    struct window minute;
    uint64_t used_ms;
};

struct account {
    char name[MAX_NAME_BYTES];
    struct place places[MAX_PLACES];
    uint32_t n_places;
    struct window second;
    uint64_t paused_until_ms;
    uint32_t n_failures;
    uint64_t used_ms;
};

/* Made when first asked for; the loop's. */
static struct account *accounts[MAX_ACCOUNTS];

static uint64_t latest(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

/* When the next may follow. */
static uint64_t window_free_ms(const struct window *window, uint32_t max, uint64_t window_ms)
{
    uint64_t oldest = window->at_ms[window->next % max];
    return oldest ? oldest + window_ms : 0;
}

static void window_take(struct window *window, uint32_t max, uint64_t now_ms)
{
    window->at_ms[window->next] = now_ms ? now_ms : 1;
    window->next = (window->next + 1) % max;
}

static struct account *find_account(const char *name)
{
    for (uint32_t i = 0; i < MAX_ACCOUNTS; i++)
        if (accounts[i] && strcmp(accounts[i]->name, name) == 0)
            return accounts[i];
    return NULL;
}

static struct account *get_account(const char *name, uint64_t now_ms)
{
    struct account *account = find_account(name);
    uint32_t oldest = 0;
    for (uint32_t i = 0; !account && i < MAX_ACCOUNTS && accounts[oldest]; i++)
        if (!accounts[i] || accounts[i]->used_ms < accounts[oldest]->used_ms)
            oldest = i;
    if (!account) {
        if (!accounts[oldest])
            accounts[oldest] = malloc(sizeof(**accounts));
        account = accounts[oldest];
        if (!account)
            abort();
        memset(account, 0, sizeof(*account));
        snprintf(account->name, sizeof(account->name), "%s", name);
    }
    account->used_ms = latest(account->used_ms, now_ms);
    return account;
}

static struct place *find_place(struct account *account, const char *name)
{
    for (uint32_t i = 0; i < account->n_places; i++)
        if (strcmp(account->places[i].name, name) == 0)
            return &account->places[i];
    return NULL;
}

static struct place *get_place(struct account *account, const char *name, uint64_t now_ms)
{
    struct place *place = find_place(account, name);
    if (!place && account->n_places < MAX_PLACES) {
        place = &account->places[account->n_places++];
    } else if (!place) {
        place = account->places;
        for (uint32_t i = 1; i < MAX_PLACES; i++)
            if (account->places[i].used_ms < place->used_ms)
                place = &account->places[i];
        memset(place, 0, sizeof(*place));
    }
    snprintf(place->name, sizeof(place->name), "%s", name);
    place->used_ms = now_ms;
    return place;
}

uint64_t pace_wait_ms(const char *account_name, const char *place_name, bool is_group, uint64_t now_ms)
{
    struct account *account = find_account(account_name);
    if (!account)
        return 0;
    uint64_t free_ms =
        latest(account->paused_until_ms, window_free_ms(&account->second, OVERALL_MAX, OVERALL_WINDOW_MS));
    const struct place *place = find_place(account, place_name);
    if (place && place->full_ms >= (uint64_t)(BURST - 1) * BURST_REFILL_MS)
        free_ms = latest(free_ms, place->full_ms - (uint64_t)(BURST - 1) * BURST_REFILL_MS);
    if (place && is_group)
        free_ms = latest(free_ms, window_free_ms(&place->minute, GROUP_MAX, GROUP_WINDOW_MS));
    return free_ms > now_ms ? free_ms - now_ms : 0;
}

void pace_take(const char *account_name, const char *place_name, bool is_group, uint64_t now_ms)
{
    struct account *account = get_account(account_name, now_ms);
    struct place *place = get_place(account, place_name, now_ms);
    place->full_ms = latest(place->full_ms, now_ms) + BURST_REFILL_MS;
    window_take(&account->second, OVERALL_MAX, now_ms);
    if (is_group)
        window_take(&place->minute, GROUP_MAX, now_ms);
}

void pace_pause(const char *account_name, uint64_t pause_ms, uint64_t now_ms)
{
    struct account *account = get_account(account_name, now_ms);
    uint64_t until_ms = now_ms + (pause_ms < MAX_PAUSE_MS ? pause_ms : MAX_PAUSE_MS);
    account->paused_until_ms = latest(account->paused_until_ms, until_ms);
}

uint64_t pace_fail(const char *account_name, uint64_t now_ms)
{
    struct account *account = get_account(account_name, now_ms);
    if (account->paused_until_ms > now_ms) /* several were under way: one failure */
        return account->paused_until_ms - now_ms;
    uint64_t wait_ms = account->n_failures < 9 ? 1000ull << account->n_failures : MAX_BACKOFF_MS;
    if (wait_ms > MAX_BACKOFF_MS)
        wait_ms = MAX_BACKOFF_MS;
    account->n_failures++;
    wait_ms += hash_words(now_ms, account->n_failures, hash_bytes(0, account_name, strlen(account_name))) %
               (wait_ms / 5);
    pace_pause(account_name, wait_ms, now_ms);
    return wait_ms;
}

void pace_recover(const char *account_name)
{
    struct account *account = find_account(account_name);
    if (account)
        account->n_failures = 0;
}

void pace_clear(void)
{
    for (uint32_t i = 0; i < MAX_ACCOUNTS; i++) {
        free(accounts[i]);
        accounts[i] = NULL;
    }
}

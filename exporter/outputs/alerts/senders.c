/* senders: see senders.h. A handful of programs have a handful of accounts: lists are walked. */
#include "outputs/alerts/senders.h"

#include "base/sha256.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SENDERS 32u
#define MAX_FORMER 64u
#define MAX_ACCOUNTS 32u
#define MAX_TARGETS 130u
#define DIGITS 32u

struct sender {
    struct settings *settings; /* a copy of what destinations read */
    char hash[DIGITS + 1];     /* of what was copied */
};

struct refusal {
    char account[17];
    uint64_t until_ms; /* 0: free */
};

struct senders {
    struct sender items[MAX_SENDERS]; /* newest first */
    uint32_t n;
    struct settings *former[MAX_FORMER]; /* replaced, but a call may still be under way with them */
    uint32_t n_former;
    struct refusal refusals[MAX_ACCOUNTS];
};

struct senders *senders_create(void)
{
    struct senders *senders = calloc(1, sizeof(*senders));
    if (!senders)
        abort();
    return senders;
}

void senders_destroy(struct senders *senders)
{
    if (!senders)
        return;
    for (uint32_t i = 0; i < senders->n; i++)
        settings_destroy(senders->items[i].settings);
    for (uint32_t i = 0; i < MAX_FORMER; i++)
        settings_destroy(senders->former[i]);
    free(senders);
}

static void put_away(struct senders *senders, struct settings *settings)
{
    struct settings **place = &senders->former[senders->n_former++ % MAX_FORMER];
    settings_destroy(*place);
    *place = settings;
}

/* ---- copies ---- */

static const char *copy(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

static struct text_list copy_list(struct arena *arena, const struct text_list *from)
{
    const char **items = arena_alloc(arena, (from->n + 1) * sizeof(*items));
    for (uint32_t i = 0; i < from->n; i++)
        items[i] = copy(arena, from->items[i]);
    return (struct text_list){.items = items, .n = from->n};
}

static struct settings *copy_settings(const struct settings *from)
{
    struct settings *to = calloc(1, sizeof(*to));
    if (!to)
        abort();
    const struct alert_settings *alerts = &from->alerts;
    to->alerts = (struct alert_settings){
        .is_on = alerts->is_on,
        .telegram_token = copy(&to->arena, alerts->telegram_token),
        .error_chats = copy_list(&to->arena, &alerts->error_chats),
        .trade_chats = copy_list(&to->arena, &alerts->trade_chats),
        .telegram_api_url = copy(&to->arena, alerts->telegram_api_url),
        .telegram_proxy = copy(&to->arena, alerts->telegram_proxy),
        .telegram_certificate = copy(&to->arena, alerts->telegram_certificate),
        .webhook_url = copy(&to->arena, alerts->webhook_url),
        .webhook_format = alerts->webhook_format,
        .language = alerts->language,
    };
    return to;
}

static void print_hash(const struct settings *settings, char ret_text[DIGITS + 1])
{
    const struct alert_settings *alerts = &settings->alerts;
    const char *const texts[] = {alerts->telegram_token, alerts->telegram_api_url, alerts->telegram_proxy,
                                 alerts->telegram_certificate, alerts->webhook_url};
    const struct text_list *const lists[] = {&alerts->error_chats, &alerts->trade_chats};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        fprintf(out, "%s\n", texts[i] ? texts[i] : "");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (uint32_t j = 0; j < lists[i]->n; j++)
            fprintf(out, "%zu%s\n", i, lists[i]->items[j]);
    fprintf(out, "%d%d", (int)alerts->webhook_format, (int)alerts->language);
    fclose(out);
    sha256_print(text, bytes, ret_text, DIGITS);
    explicit_bzero(text, bytes);
    free(text);
}

bool senders_learn(struct senders *senders, const struct settings *settings)
{
    struct sender sender = {.settings = NULL};
    if (!settings->alerts.telegram_token && !settings->alerts.webhook_url)
        return false;
    print_hash(settings, sender.hash);
    uint32_t i = 0;
    while (i < senders->n && strcmp(senders->items[i].hash, sender.hash) != 0)
        i++;
    bool is_new = i == senders->n;
    if (!is_new) {
        sender = senders->items[i];
    } else {
        sender.settings = copy_settings(settings);
        if (senders->n < MAX_SENDERS)
            senders->n++;
        else
            put_away(senders, senders->items[--i].settings);
    }
    memmove(&senders->items[1], &senders->items[0], i * sizeof(sender));
    senders->items[0] = sender;
    return is_new;
}

/* ---- who can send what ---- */

/* The target of these settings that has `address` (NULL: any) and, where it is given, that account. */
static bool find_target(const struct settings *settings, const struct destination_kind *kind,
                        const char *address, const char *account, struct target *ret_target)
{
    struct target targets[MAX_TARGETS];
    for (uint32_t class = 0; class < N_ALERT_CLASSES; class ++) {
        uint32_t n = kind->list(settings, (enum alert_class) class, targets, MAX_TARGETS);
        for (uint32_t i = 0; i < n && i < MAX_TARGETS; i++)
            if ((!address || strcmp(targets[i].address, address) == 0) &&
                (!account || strcmp(targets[i].account, account) == 0)) {
                *ret_target = targets[i];
                return true;
            }
    }
    return false;
}

uint64_t senders_refused_until(const struct senders *senders, const char *account)
{
    for (uint32_t i = 0; i < MAX_ACCOUNTS; i++)
        if (strcmp(senders->refusals[i].account, account) == 0)
            return senders->refusals[i].until_ms;
    return 0;
}

const struct settings *senders_find(struct senders *senders, const struct target *target,
                                    bool *ret_is_refused)
{
    struct target found;
    *ret_is_refused = senders_refused_until(senders, target->account) > 0;
    for (uint32_t i = 0; i < senders->n; i++)
        if (find_target(senders->items[i].settings, target->kind, NULL, target->account, &found))
            return senders->items[i].settings;
    return NULL;
}

bool senders_rehome(const struct senders *senders, struct target *target)
{
    struct target found;
    for (uint32_t i = 0; i < senders->n; i++)
        if (find_target(senders->items[i].settings, target->kind, target->address, NULL, &found) &&
            strcmp(found.account, target->account) != 0 && !senders_refused_until(senders, found.account)) {
            memcpy(target->account, found.account, sizeof(target->account));
            return true;
        }
    return false;
}

bool senders_refuse(struct senders *senders, const char *account, uint64_t until_ms)
{
    struct refusal *oldest = &senders->refusals[0];
    for (uint32_t i = 0; i < MAX_ACCOUNTS; i++) {
        struct refusal *refusal = &senders->refusals[i];
        if (strcmp(refusal->account, account) == 0) {
            bool is_news = !refusal->until_ms;
            refusal->until_ms = until_ms;
            return is_news;
        }
        if (refusal->until_ms < oldest->until_ms)
            oldest = refusal;
    }
    snprintf(oldest->account, sizeof(oldest->account), "%s", account);
    oldest->until_ms = until_ms;
    return true;
}

bool senders_accept(struct senders *senders, const char *account)
{
    for (uint32_t i = 0; i < MAX_ACCOUNTS; i++)
        if (strcmp(senders->refusals[i].account, account) == 0 && senders->refusals[i].until_ms) {
            senders->refusals[i] = (struct refusal){.until_ms = 0};
            return true;
        }
    return false;
}

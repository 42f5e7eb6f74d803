/* doctor_alerts: the Telegram bot and its chats, and the Redis of the shared de-duplication, asked as the exporter would. */
#include "cli/doctor.h"
#include "cli/telegram_ask.h"
#include "outputs/alerts/dedup_redis.h"

#include <string.h>

#define TOPIC "telegram"
#define REDIS_TIMEOUT_MS 2000u
#define MAX_CHATS 32u

/* Each chat once, whatever it is for. */
static uint32_t list_chats(const struct alert_settings *alerts, const char *ret_chats[MAX_CHATS])
{
    const struct text_list *const lists[] = {&alerts->error_chats, &alerts->trade_chats};
    uint32_t n = 0;
    for (size_t l = 0; l < 2; l++)
        for (uint32_t i = 0; i < lists[l]->n; i++) {
            bool is_known = n == MAX_CHATS;
            for (uint32_t k = 0; k < n && !is_known; k++)
                is_known = strcmp(ret_chats[k], lists[l]->items[i]) == 0;
            if (!is_known)
                ret_chats[n++] = lists[l]->items[i];
        }
    return n;
}

static void look_at_telegram(struct doctor *doctor, const struct settings *settings)
{
    const struct alert_settings *alerts = &settings->alerts;
    const char *chats[MAX_CHATS];
    uint32_t n_chats = list_chats(alerts, chats);
    if (!alerts->telegram_token && !n_chats)
        return;
    if (!alerts->telegram_token) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "OTELSHIM_TELEGRAM_TOKEN, or `otelshim telegram setup`",
                   "chats are named, but there is no bot's token");
        return;
    }
    if (!n_chats)
        doctor_say(doctor, FINDING_FAIL, TOPIC,
                   "OTELSHIM_TELEGRAM_CHATS=ID; `otelshim telegram chats` lists them",
                   "there is a bot's token, but no chat to write to");
    struct telegram_known known;
    telegram_ask(&doctor->arena, settings, TELEGRAM_WHO, NULL, &known);
    if (!known.is_ok) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "otelshim telegram setup", "%s", known.problem);
        return;
    }
    doctor_say(doctor, FINDING_OK, TOPIC, NULL, "the bot is %s", known.bot.title);
    for (uint32_t i = 0; i < n_chats; i++) {
        telegram_ask(&doctor->arena, settings, TELEGRAM_WHICH_CHAT, chats[i], &known);
        if (known.is_ok)
            doctor_say(doctor, FINDING_OK, TOPIC, NULL, "%s is %s (%s)", chats[i], known.chats[0].title,
                       known.chats[0].kind);
        else
            doctor_say(doctor, FINDING_FAIL, TOPIC, "otelshim telegram chats lists those it can write to",
                       "%s", known.problem);
    }
}

static void look_at_redis(struct doctor *doctor, const struct settings *settings)
{
    char problem[200] = "", server[120] = "";
    if (settings->alerts.dedup == DEDUP_LOCAL)
        return;
    if (!settings->alerts.redis_url) {
        doctor_say(
            doctor, FINDING_WARN, "redis", "OTELSHIM_REDIS_URL=redis://HOST",
            "OTELSHIM_ALERT_DEDUP asks for Redis, but no server is named: each machine tells for itself");
        return;
    }
    if (dedup_redis_check(settings->alerts.redis_url, REDIS_TIMEOUT_MS, problem, server) == 0)
        doctor_say(doctor, FINDING_OK, "redis", NULL, "%s answers: alerts are told once by all machines",
                   server);
    else
        doctor_say(doctor, FINDING_WARN, "redis",
                   "start it, or correct OTELSHIM_REDIS_URL; until then each machine tells for itself",
                   "%s: %s", server, problem);
}

void doctor_look_at_alerts(struct doctor *doctor, const struct settings *settings)
{
    if (!settings->alerts.is_on)
        return;
    look_at_telegram(doctor, settings);
    look_at_redis(doctor, settings);
}

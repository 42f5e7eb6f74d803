/* alert_settings: what the settings say of alerts, understood (alerts.c). Context: loop. Ownership: the settings'. */
#ifndef OTELSHIM_ALERT_SETTINGS_H
#define OTELSHIM_ALERT_SETTINGS_H

#include "telemetry/alert.h"

enum alert_sound { ALERT_ON, ALERT_SILENT, ALERT_OFF };
enum alert_subject { ALERT_HOST, ALERT_URL, ALERT_STATEMENT, ALERT_TYPE, ALERT_STATUS, ALERT_MESSAGE };
enum alert_dedup { DEDUP_LOCAL, DEDUP_REDIS, DEDUP_REDIS_PYTHON };
enum webhook_format { WEBHOOK_JSON, WEBHOOK_SLACK, WEBHOOK_DISCORD };
enum language { LANGUAGE_EN, LANGUAGE_KO };

/* One element of OTELSHIM_ALERT_IGNORE; elements joined by " and " must all match: "host=api.x and status=404". */
struct alert_filter {
    struct {
        enum alert_subject subject;
        const char *glob;
    } parts[4];
    uint32_t n;
};

struct alert_filters {
    const struct alert_filter *items;
    uint32_t n;
};

struct text_list {
    const char *const *items;
    uint32_t n;
};

struct alert_settings {
    bool is_on;
    const char *telegram_token; /* NULL: none; of the setting, its file, or systemd's credential */
    struct text_list error_chats, trade_chats; /* "-100123", "@name", "-100123/7" */
    const char *telegram_api_url, *telegram_proxy, *telegram_certificate; /* NULL: none */
    const char *webhook_url;                                              /* NULL: none */
    enum webhook_format webhook_format;
    enum alert_sound sounds[N_ALERT_CLASSES];
    enum alert_level min_level;
    struct alert_filters ignore, silent;
    uint64_t window_ns;
    enum alert_dedup dedup;
    const char *redis_url; /* NULL: none */
    uint64_t slow_ns;      /* 0: off */
    uint32_t streak;       /* 0: off */
    double error_rate;     /* 0: off */
    bool says_resolved;
    const char *trace_url; /* NULL: none */
    uint64_t store_bytes;
    enum language language;
    const char *templates; /* file; NULL: none */
    struct text_list rules;
};

#endif

/*
 * client_settings: see client_settings.h.
 *
 * A process's secrets are read from /proc; one that ended before that was possible has left nothing but the fact that
 * it had them. The exporter's own environment stands in where it names the same user and endpoint: it was started by
 * that process, or by the same hand.
 */
#include "cli/client_settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct source {
    const struct process *process;
    bool is_like_own;
};

static const char *own_variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): set before the threads are */
    return value ? value : "";
}

static bool is_present(const char *text, size_t bytes, const char *name)
{
    for (size_t at = 0; at < bytes; at += strnlen(text + at, bytes - at) + 1)
        if (strcmp(text + at, name) == 0)
            return true;
    return false;
}

static const char *look_up(void *context, const char *name)
{
    const struct source *source = context;
    const struct process *process = source->process;
    const char *value = process_find_setting(process->secrets_text, process->secrets_bytes, name);
    if (!value)
        value = process_find_setting(process->settings_text, process->settings_bytes, name);
    if (value || !is_present(process->settings_text, process->settings_bytes, name))
        return value;
    const char *own = source->is_like_own ? own_variable(name) : "";
    return *own ? own : settings_unreadable;
}

static bool is_like_own(const struct process *process)
{
    static const char *const names[] = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                                        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                                        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTELSHIM_TELEGRAM_API_URL"};
    if (process->uid != geteuid())
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *theirs = process_find_setting(process->settings_text, process->settings_bytes, names[i]);
        if (strcmp(theirs ? theirs : "", own_variable(names[i])) != 0)
            return false;
    }
    return true;
}

struct settings *client_settings_create(const struct process *process)
{
    struct source source = {.process = process, .is_like_own = is_like_own(process)};
    return settings_create_for(look_up, &source, process->uid);
}

const char *client_settings_missing(const struct settings *settings)
{
    static const enum setting needed[] = {
        SETTING_OTEL_EXPORTER_OTLP_HEADERS, SETTING_OTEL_EXPORTER_OTLP_TRACES_HEADERS,
        SETTING_OTEL_EXPORTER_OTLP_METRICS_HEADERS, SETTING_OTEL_EXPORTER_OTLP_LOGS_HEADERS};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (settings->is_secret_missing[needed[i]])
            return settings_name(needed[i]);
    return NULL;
}

/* filters: what the settings say of an alert: OTELSHIM_ALERT_CLASSES, _LEVEL, _IGNORE, _SILENT. See judge.h. */
#include "signals/alerts/judge_priv.h"

#include "signals/spans/rules.h"

#include <stdio.h>
#include <string.h>

static bool matches_text(const char *glob, const char *text, bool ignores_case)
{
    return text && rules_match_glob(glob, text, strlen(text), ignores_case);
}

static bool matches_attribute(const char *glob, const struct span *span, const char *key, bool ignores_case)
{
    const struct attribute *item = span ? attribute_find(&span->attributes, key) : NULL;
    return item && item->type == ATTRIBUTE_STRING &&
           matches_text(glob, item->value.string.bytes, ignores_case);
}

/* "status=404": of HTTP, or of a database. */
static bool matches_status(const char *glob, const struct span *span)
{
    const struct attribute *item =
        span ? attribute_find(&span->attributes, "http.response.status_code") : NULL;
    char digits[24];
    if (!item || item->type != ATTRIBUTE_INT)
        return matches_attribute(glob, span, "db.response.status_code", true);
    snprintf(digits, sizeof(digits), "%lld", (long long)item->value.integer);
    return matches_text(glob, digits, true);
}

static bool matches(const struct alert_filter *filter, const struct span *span, const struct alert *alert)
{
    for (uint32_t i = 0; i < filter->n; i++) {
        const char *glob = filter->parts[i].glob;
        bool is_match = false;
        switch (filter->parts[i].subject) {
        case ALERT_HOST:
            is_match = matches_attribute(glob, span, "server.address", true);
            break;
        case ALERT_URL:
            is_match = matches_attribute(glob, span, "url.full", false);
            break;
        case ALERT_STATEMENT:
            is_match = matches_attribute(glob, span, "db.query.text", false);
            break;
        case ALERT_TYPE:
            is_match = matches_text(glob, alert->type, true);
            break;
        case ALERT_STATUS:
            is_match = matches_status(glob, span);
            break;
        case ALERT_MESSAGE:
            is_match = matches_text(glob, alert->message, false);
            break;
        }
        if (!is_match)
            return false;
    }
    return filter->n > 0;
}

static bool matches_any(const struct alert_filters *filters, const struct span *span,
                        const struct alert *alert)
{
    for (uint32_t i = 0; i < filters->n; i++)
        if (matches(&filters->items[i], span, alert))
            return true;
    return false;
}

bool judge_is_ignored(const struct settings *settings, const struct span *span, const struct alert *alert)
{
    return matches_any(&settings->alerts.ignore, span, alert);
}

bool judge_admit(const struct settings *settings, const struct span *span, struct alert *alert)
{
    const struct alert_settings *wanted = &settings->alerts;
    bool has_level = alert->class == ALERT_ERROR || alert->class == ALERT_LOG;
    if (!wanted->is_on || wanted->sounds[alert->class] == ALERT_OFF)
        return false;
    if (has_level && alert->level < wanted->min_level)
        return false;
    bool is_filtered = alert->class != ALERT_CRASH && alert->class != ALERT_TRADE;
    if (is_filtered && judge_is_ignored(settings, span, alert))
        return false;
    alert->is_silent |=
        wanted->sounds[alert->class] == ALERT_SILENT || matches_any(&wanted->silent, span, alert);
    return true;
}

/* alerts: see alerts.h. */
#include "outputs/alerts/alerts.h"

#include <stdlib.h>

struct alerts {
    struct loop *loop;
    struct alerts_counts counts;
};

int alerts_create(struct alerts **ret_alerts, struct loop *loop, const char *directory)
{
    (void)directory;
    struct alerts *alerts = calloc(1, sizeof(*alerts));
    if (!alerts)
        abort();
    alerts->loop = loop;
    *ret_alerts = alerts;
    return 0;
}

void alerts_destroy(struct alerts *alerts)
{
    free(alerts);
}

void alerts_raise(struct alerts *alerts, const struct settings *settings, const struct alert *alert)
{
    (void)settings;
    (void)alert;
    alerts->counts.raised++;
}

void alerts_learn(struct alerts *alerts, const struct settings *settings)
{
    (void)alerts;
    (void)settings;
}

void alerts_resolve(struct alerts *alerts, const struct settings *settings, const char *service,
                    const char *problem)
{
    (void)alerts;
    (void)settings;
    (void)service;
    (void)problem;
}

void alerts_flush(struct alerts *alerts)
{
    (void)alerts;
}

bool alerts_is_idle(const struct alerts *alerts)
{
    (void)alerts;
    return true;
}

void alerts_get_counts(const struct alerts *alerts, struct alerts_counts *ret_counts)
{
    *ret_counts = alerts->counts;
}

void alerts_print(struct alerts *alerts, FILE *out, bool as_json)
{
    (void)alerts;
    (void)out;
    (void)as_json;
}

void alerts_print_dedup(struct alerts *alerts, FILE *out, bool as_json)
{
    (void)alerts;
    (void)out;
    (void)as_json;
}

void alerts_mute(struct alerts *alerts, uint64_t until_unix_ns)
{
    (void)alerts;
    (void)until_unix_ns;
}

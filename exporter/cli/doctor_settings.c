/* doctor_settings: what the settings switch off, and what of them was not understood. */
#include "cli/doctor.h"
#include "signals/spans/rules.h"

#include <stdio.h>
#include <string.h>

#define TOPIC "settings"

/* A name in the list, or the whole path; as the library has it (shim/admission.c). */
static bool is_in_list(const char *list, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *word;
    size_t n;
    while (setting_next_element(&list, &word, &n)) {
        char glob[256];
        if (n == 0 || n >= sizeof(glob))
            continue;
        memcpy(glob, word, n);
        glob[n] = 0;
        if (rules_match_glob(glob, name, strlen(name), false) ||
            rules_match_glob(glob, path, strlen(path), false))
            return true;
    }
    return false;
}

static void look_at_switches(struct doctor *doctor, const struct settings *settings)
{
    const char *off = settings->values[SETTING_OTELSHIM],
               *disabled = settings->values[SETTING_OTEL_SDK_DISABLED];
    if (off && strcmp(off, "0") == 0)
        doctor_say(doctor, FINDING_FAIL, TOPIC, "unset OTELSHIM", "OTELSHIM=0 in %s: nothing is recorded",
                   settings_origin_name(settings, SETTING_OTELSHIM));
    if (disabled && strcasecmp(disabled, "true") == 0) {
        char mend[80];
        snprintf(mend, sizeof(mend), "unset %s", settings->names[SETTING_OTEL_SDK_DISABLED]);
        doctor_say(doctor, FINDING_FAIL, TOPIC, mend, "%s in %s switches all telemetry off",
                   settings->names[SETTING_OTEL_SDK_DISABLED],
                   settings_origin_name(settings, SETTING_OTEL_SDK_DISABLED));
    }
    if (!settings->exporters)
        doctor_say(doctor, FINDING_WARN, TOPIC, "OTEL_TRACES_EXPORTER=otlp", "spans are exported nowhere");
    const char *sampler = settings->values[SETTING_OTEL_TRACES_SAMPLER];
    if (sampler && strcasecmp(sampler, "always_off") == 0 && !settings_keep(settings))
        doctor_say(doctor, FINDING_WARN, TOPIC, "unset OTEL_TRACES_SAMPLER",
                   "OTEL_TRACES_SAMPLER=always_off in %s: metrics only, no spans",
                   settings_origin_name(settings, SETTING_OTEL_TRACES_SAMPLER));
}

static void look_at_lists(struct doctor *doctor, const struct settings *settings, const char *program)
{
    const char *allow = settings->values[SETTING_OTELSHIM_ALLOW],
               *deny = settings->values[SETTING_OTELSHIM_DENY];
    if (deny && is_in_list(deny, program))
        doctor_say(doctor, FINDING_FAIL, TOPIC, "take it out of OTELSHIM_DENY", "OTELSHIM_DENY=%s has %s",
                   deny, program);
    else if (allow && !is_in_list(allow, program))
        doctor_say(doctor, FINDING_FAIL, TOPIC, "add it to OTELSHIM_ALLOW", "OTELSHIM_ALLOW=%s has not %s",
                   allow, program);
}

void doctor_look_at_settings(struct doctor *doctor, const struct settings *settings, const char *program)
{
    uint32_t n_before = doctor->n_findings;
    look_at_switches(doctor, settings);
    if (*program)
        look_at_lists(doctor, settings, program);
    for (uint32_t i = 0; i < settings->n_problems; i++)
        doctor_say(doctor, FINDING_WARN, TOPIC, "README.md, \"Settings\", has what is allowed", "%s",
                   settings->problems[i].text);
    if (doctor->n_findings == n_before)
        doctor_say(doctor, FINDING_OK, TOPIC, NULL, "understood; service %s",
                   settings->service_name ? settings->service_name : "named after the program");
}

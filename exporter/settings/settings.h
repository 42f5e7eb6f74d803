/*
 * settings: every setting as one process means it: its own environment, then .env, then the configuration files,
 * then defaults (DESIGN 9). One immutable struct per traced process; one for the exporter itself.
 *
 * Context: loop. Ownership: created, then destroyed by the owner; strings live as long as it does.
 * Errors: a malformed value means the default and one problem (setting, value, what is allowed), kept in `problems`
 * for the log. Never fatal here; the CLI turns problems of its own options into exit status 2.
 */
#ifndef OTELSHIM_EXPORTER_SETTINGS_H
#define OTELSHIM_EXPORTER_SETTINGS_H

#include "base/arena.h"
#include "settings/alert_settings.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct problem {
    char text[200]; /* one line: setting, value, what is allowed */
};

enum setting {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) SETTING_##NAME,
#include <settings.h>
#undef SETTING
    N_SETTINGS
};

/* Where a value came from, strongest first. */
enum setting_origin {
    ORIGIN_OPTION,
    ORIGIN_ENVIRONMENT,
    ORIGIN_ENV_FILE,
    ORIGIN_USER_FILE,
    ORIGIN_SYSTEM_FILE,
    ORIGIN_DEFAULT
};

struct header_line {
    const char *name, *value;
};

#define EXPORT_OTLP 1u
#define EXPORT_CONSOLE 2u

/* Where and how one signal's requests are sent. */
struct delivery {
    const char *url; /* complete */
    struct header_line *headers;
    uint32_t n_headers;
    uint32_t timeout_ms;        /* of a request with all its retries; 0: no limit */
    uint32_t export_timeout_ms; /* the same, as the batch processor or reader has it */
    bool gzip;
    const char *certificate, *client_key, *client_certificate; /* NULL: none */
};

/* How a batch processor collects. */
struct batching {
    uint32_t schedule_delay_ms, max_queue, max_batch;
};

enum temporality_preference { PREFER_CUMULATIVE, PREFER_DELTA, PREFER_LOWMEMORY };
enum exemplar_filter { EXEMPLARS_TRACE_BASED, EXEMPLARS_ALWAYS_ON, EXEMPLARS_ALWAYS_OFF };

/* What OTELSHIM_INCLUDE and OTELSHIM_EXCLUDE say: globs with * and ?. */
enum rule_subject { RULE_HOST, RULE_URL, RULE_STATEMENT };
struct rule {
    enum rule_subject subject;
    const char *glob;
};
struct rules {
    const struct rule *items;
    uint32_t n;
};

#define SETTINGS_SYSTEM_FILE "/etc/otelshim.conf"
#define SETTINGS_MAX_PATHS 3u

struct settings {
    struct arena arena;
    const char *values[N_SETTINGS]; /* as given; NULL unset */
    const char *names[N_SETTINGS];  /* the name it was given under: an alias, say; NULL unset */
    enum setting_origin origins[N_SETTINGS];
    bool is_secret_missing[N_SETTINGS]; /* the process has it, but its value could not be read */
    /* understood */
    const char *service_name;              /* NULL: by the spec's fall-backs */
    const char *(*resource_attributes)[2]; /* key, value pairs, decoded */
    uint32_t n_resource_attributes;
    uint32_t exporters, metrics_exporters, logs_exporters; /* EXPORT_… bits */
    uint32_t least_severity; /* SeverityNumber: lower ones are not sent, those that are not known (0) are */
    struct delivery traces, metrics, logs;
    struct batching span_batches, log_batches;
    uint32_t metric_interval_ms; /* from the beginning of one export to the next */
    enum temporality_preference temporality;
    enum exemplar_filter exemplars;
    uint32_t attribute_count_limit, span_event_count_limit;
    uint32_t attribute_value_limit; /* UINT32_MAX: none */
    uint32_t event_attribute_count_limit;
    uint32_t log_attribute_count_limit, log_attribute_value_limit;
    struct rules include, exclude;
    uint64_t keep_slow_ns; /* UINT64_MAX: never */
    uint32_t live;         /* WIRE_LIVE_… word: what files change in the running program */
    uint32_t n_paths;
    const char *paths[SETTINGS_MAX_PATHS]; /* of the files that were read, or looked for */
    const char *known_http_methods;        /* NULL: the conventions' list */
    uint64_t spool_bytes, crash_max_bytes;
    uint32_t crash_max_reports;
    uint64_t watchdog_ns; /* 0: off */
    const char *log_level;
    struct problem *problems;
    uint32_t n_problems;
    bool raw;
    bool has_old_http, has_old_database; /* names of before the conventions were stable, too */
    bool has_bad_rule;                   /* one of `include`, `exclude` was not understood */
    bool keep_errors;                    /* OTELSHIM_KEEP */
    bool exponential_histograms;
    bool self_metrics; /* the exporter's own numbers, too */
    uint32_t uid;      /* the program's user: files that its settings name must be his where he is not ours */
    struct alert_settings alerts;
};

/* Looks a name up in one origin; NULL when it is not set there. */
typedef const char *(*settings_lookup_fn)(void *context, const char *name);
/* What a look-up returns for a secret that is set there, but whose value cannot be read. Compared by address. */
extern const char settings_unreadable[];

/*
 * Reads all rows: `lookup` (the process's environment) first, then the files named by it and by the exporter's own
 * user and machine. Never NULL.
 */
struct settings *settings_create(settings_lookup_fn lookup, void *context);
/*
 * The same for a process of `uid`. Where that is not the exporter's own user (a service), a .env file must belong to
 * `uid`, the exporter's user file is left out, and secrets of the machine's file do not go to an endpoint that the
 * process chose itself.
 */
struct settings *settings_create_for(settings_lookup_fn lookup, void *context, uint32_t uid);
/* From this process's own environment. */
struct settings *settings_create_own(void);
void settings_destroy(struct settings *settings);

/* Is anything kept of traces that were not sampled? */
static inline bool settings_keep(const struct settings *settings)
{
    return settings->keep_errors || settings->keep_slow_ns != UINT64_MAX;
}
/* The settings that files change in a running program: those of settings->live. */
bool settings_is_live(enum setting setting);
/* settings->live in words: "off", "sampler traceidratio 0.25, keep error"; "" as started. */
void settings_print_live(const struct settings *settings, char *ret_text, size_t max_bytes);

/* A setting as people are shown it (explain.c). Texts are the settings', the arena's, or literals. */
struct setting_explanation {
    const char *name, *given_as; /* an alias, say; NULL unset */
    const char *value;           /* its default where it is unset; masked where it is a secret */
    const char *standard, *allowed, *meaning;
    const char *origin; /* path of a file, "the environment", "default" */
    bool is_set, is_secret;
    bool has_no_effect; /* of a file, but it acts in the program: only `otelshim run` puts it there */
};
void settings_explain(const struct settings *settings, enum setting setting, struct arena *arena,
                      struct setting_explanation *ret_explanation);
/* "the environment", "the user's otelshim.conf", … */
const char *settings_origin_name(const struct settings *settings, enum setting setting);

/* Next comma-separated element of *cursor, trimmed. False at the end. */
bool setting_next_element(const char **cursor, const char **ret_element, size_t *ret_bytes);
/* Name of a row, NULL-terminated table order is that of wire/settings.h. */
const char *settings_name(enum setting setting);
bool settings_is_secret(enum setting setting);
/* Checks one NAME=value as the command line gives it. 0, or -EINVAL with the one-line error. */
int settings_check(const char *name, const char *value, struct problem *ret_problem);
/* The nearest known word to `word` out of `words` (NULL-terminated), NULL when none is near: "did you mean". */
const char *settings_nearest(const char *word, const char *const *words);

#endif

/*
 * settings_priv: what the files of this folder share. load.c joins them: files.c (sources on disk), parse.c (numbers
 * and words), rows.c (the table, one-line problems, "did you mean"),
 * understand.c (values into numbers), spans.c (limits, rules, what is kept), alerts.c, live.c (what acts in the running program), endpoint.c, pairs.c (headers, resource attributes).
 */
#ifndef OTELSHIM_SETTINGS_PRIV_H
#define OTELSHIM_SETTINGS_PRIV_H

#include "settings/settings.h"

#define SETTINGS_MAX_PROBLEMS 32u
#define SETTINGS_FILE_MAX_BYTES (64u << 10)

enum setting_reader { READER_SHIM, READER_EXPORTER };
enum setting_type {
    TYPE_BOOL,
    TYPE_COUNT,
    TYPE_DURATION_MS,
    TYPE_TIMEOUT_MS,
    TYPE_ENUM,
    TYPE_LIST,
    TYPE_TEXT,
    TYPE_URL,
    TYPE_PATH,
    TYPE_RATIO,
    TYPE_BYTES,
    TYPE_HEADERS
};

/* A row of wire/settings.h. */
struct setting_row {
    const char *name, *standard, *allowed;
    enum setting_reader reader;
    enum setting_type type;
    bool is_secret;
};
const struct setting_row *setting_row(enum setting setting);

/* A place where names have values. `path` is NULL but for files. */
struct setting_source {
    enum setting_origin origin;
    const char *path;
    settings_lookup_fn lookup;
    void *context;
};

/* NAME = value lines of a file. */
struct setting_file {
    const char *(*pairs)[2];
    uint32_t n_pairs;
};
const char *setting_file_lookup(void *file, const char *name);
/*
 * Reads `path` into *file. 0 or -errno. Malformed lines become problems. Unless `owner_uid` is the exporter's own user,
 * the file must belong to him (-EPERM).
 */
int setting_file_read(struct settings *settings, const char *path, uint32_t owner_uid,
                      struct setting_file *file);

/* Sets what is understood from settings->values, which are checked by then (understand.c). */
void settings_understand(struct settings *settings, const char *insecure_scheme);
/* Limits, OTELSHIM_KEEP, OTELSHIM_INCLUDE and OTELSHIM_EXCLUDE (spans.c). */
void settings_understand_spans(struct settings *settings);
/* settings->alerts, for a process of `uid` (alerts.c). */
void settings_understand_alerts(struct settings *settings, uint32_t uid);
/* settings->live; `from_files` is the program's OTELSHIM_FROM_FILES, NULL: none (live.c). */
void settings_understand_live(struct settings *settings, const char *from_files);
bool setting_is_listed(const char *names, enum setting setting);
/* The value, else the row's default ("": none). */
const char *setting_value(const struct settings *settings, enum setting setting);
/* Said by the process, its environment or its .env file; not by a configuration file. */
bool setting_is_of_process(const struct settings *settings, enum setting setting);
/* Checks what the value alone can tell; an unusable one is noted and unset (understand.c). */
void settings_check_row(struct settings *settings, enum setting setting);

/* Appends a problem; the same line twice is one. */
void settings_note(struct settings *settings, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The usual problem: NAME="value": <allowed>; using default X. */
void settings_note_value(struct settings *settings, enum setting setting, const char *allowed);
/* Of one element of a list: NAME: "word": allowed are <allowed>; that <what> ignored. */
void settings_note_element(struct settings *settings, enum setting setting, const char *word, size_t bytes,
                           const char *what);

/* False, *ret unchanged: not of that form. */
bool setting_parse_bool(const char *text, bool *ret_value);
bool setting_parse_number(const char *text, uint64_t max, uint64_t *ret_value);
bool setting_parse_bytes(const char *text, uint64_t *ret_value);
bool setting_parse_ratio(const char *text, double *ret_ratio);
/* Is `word` one of the comma-separated words? Case does not matter. */
bool setting_is_one_of(const char *word, size_t bytes, const char *words);
bool setting_words_equal(const char *a, size_t bytes, const char *b);

/*
 * Complete URL for a signal ("v1/traces") by the endpoint algorithm (OTel spec, OTLP exporter, "Endpoint URLs for OTLP/HTTP").
 * NULL: not a URL. `scheme` stands in where there is only host:port.
 */
const char *endpoint_url(struct arena *arena, const char *endpoint, const char *generic_path,
                         const char *scheme);
/* host:4317 without a scheme: gRPC is meant. */
bool endpoint_means_grpc(const char *endpoint);

/* Adds or replaces by name. Members that are not usable are skipped; *ret_why is then why the first one was. */
void pairs_parse_headers(struct arena *arena, struct delivery *delivery, const char *text,
                         const char **ret_why);
/* All or nothing: false with *ret_why. */
bool pairs_parse_attributes(struct settings *settings, const char *text, const char **ret_why);
void pairs_add_attribute(struct settings *settings, const char *key, const char *value);
bool pairs_has_attribute(const struct settings *settings, const char *key);

#endif

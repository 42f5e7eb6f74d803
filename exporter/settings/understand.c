/* understand: checks each value and turns the valid ones into what the exporter works with. */
#include "settings/settings_priv.h"

#include <string.h>

#define GRPC_LATER "http/protobuf (grpc and http/json are not there yet)"

static void unset(struct settings *settings, enum setting setting)
{
    settings->values[setting] = NULL;
    settings->names[setting] = NULL;
    settings->origins[setting] = ORIGIN_DEFAULT;
}

static void refuse(struct settings *settings, enum setting setting, const char *allowed)
{
    settings_note_value(settings, setting, allowed);
    unset(settings, setting);
}

static bool is_in_range(enum setting setting, uint64_t number)
{
    switch (setting) {
    case SETTING_OTELSHIM_BUFFER_SIZE:
        return number >= 65536 && number <= 67108864;
    case SETTING_OTEL_BSP_MAX_QUEUE_SIZE:
    case SETTING_OTEL_BSP_MAX_EXPORT_BATCH_SIZE:
    case SETTING_OTELSHIM_MAIN:
    case SETTING_OTELSHIM_CRASH_MAX_REPORTS:
    case SETTING_SYSTEMD_EXEC_PID:
        return number >= 1;
    default:
        return true;
    }
}

static bool is_valid(enum setting setting, const char *value)
{
    const struct setting_row *row = setting_row(setting);
    uint64_t number;
    double ratio;
    bool flag;
    switch (row->type) {
    case TYPE_BOOL:
        return setting_parse_bool(value, &flag);
    case TYPE_COUNT:
    case TYPE_DURATION_MS:
    case TYPE_TIMEOUT_MS:
        return setting_parse_number(value, INT32_MAX, &number) && is_in_range(setting, number);
    case TYPE_BYTES:
        return setting_parse_bytes(value, &number) && is_in_range(setting, number);
    case TYPE_RATIO:
        return setting_parse_ratio(value, &ratio);
    case TYPE_ENUM:
        return setting_is_one_of(value, strlen(value), row->allowed);
    case TYPE_PATH:
        return value[0] == '/' || strncmp(row->allowed, "absolute", 8) != 0 ||
               (setting == SETTING_OTELSHIM_EXPORTER && strcmp(value, "none") == 0);
    case TYPE_TEXT:
        return setting != SETTING_OTELSHIM || strcmp(value, "0") == 0 || strcmp(value, "1") == 0;
    default:
        return true; /* lists, headers, URLs: element by element, below */
    }
}

/* Unknown words are noted once and do not count. */
static void check_words(struct settings *settings, enum setting setting)
{
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    bool has_known = false, has_unknown = false;
    while (setting_next_element(&cursor, &word, &bytes)) {
        bool is_known = setting_is_one_of(word, bytes, setting_row(setting)->allowed);
        has_known |= is_known;
        has_unknown |= !is_known && bytes > 0;
    }
    if (has_known && has_unknown)
        settings_note(settings, "%s=\"%s\": %s; other words ignored", settings->names[setting],
                      settings->values[setting], setting_row(setting)->allowed);
    else if (!has_known)
        refuse(settings, setting, setting_row(setting)->allowed);
}

/* Who wants metrics or logs elsewhere does not want them sent: with none of our exporters named, there is none. */
static bool refuse_later_exporters(struct settings *settings, enum setting setting)
{
    bool is_logs = setting == SETTING_OTEL_LOGS_EXPORTER;
    const char *noun = is_logs ? "logs" : "metrics";
    const char *cursor = settings->values[setting], *word;
    size_t bytes;
    bool has_later = false, has_ours = false;
    while (setting_next_element(&cursor, &word, &bytes)) {
        has_later |= (!is_logs && setting_words_equal(word, bytes, "prometheus")) ||
                     setting_words_equal(word, bytes, "console");
        has_ours |= setting_is_one_of(word, bytes, setting_row(setting)->allowed);
    }
    if (!has_later)
        return false;
    settings_note(settings, "%s=\"%s\": otlp, none (%sconsole %s not there yet)%s%s",
                  settings->names[setting], settings->values[setting], is_logs ? "" : "prometheus and ",
                  is_logs ? "is" : "are", has_ours ? "" : "; no ", has_ours ? "" : noun);
    if (!has_ours)
        settings->values[setting] = "none";
    return true;
}

void settings_check_row(struct settings *settings, enum setting setting)
{
    if (!settings->values[setting])
        return;
    bool is_exporter = setting == SETTING_OTEL_METRICS_EXPORTER || setting == SETTING_OTEL_LOGS_EXPORTER;
    if (is_exporter && refuse_later_exporters(settings, setting))
        return;
    if (is_exporter || setting == SETTING_OTEL_TRACES_EXPORTER || setting == SETTING_OTEL_PROPAGATORS ||
        setting == SETTING_OTEL_SEMCONV_STABILITY_OPT_IN)
        check_words(settings, setting);
    else if (!is_valid(setting, settings->values[setting])) {
        bool is_protocol = setting == SETTING_OTEL_EXPORTER_OTLP_PROTOCOL ||
                           setting == SETTING_OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ||
                           setting == SETTING_OTEL_EXPORTER_OTLP_METRICS_PROTOCOL ||
                           setting == SETTING_OTEL_EXPORTER_OTLP_LOGS_PROTOCOL;
        refuse(settings, setting, is_protocol ? GRPC_LATER : setting_row(setting)->allowed);
    }
}

/* The first of the two that is set, else the default of the second. */
static const char *chosen(const struct settings *settings, enum setting specific, enum setting generic)
{
    if (settings->values[specific])
        return settings->values[specific];
    return settings->values[generic] ? settings->values[generic] : setting_row(generic)->standard;
}

static uint32_t number_of(const struct settings *settings, enum setting specific, enum setting generic,
                          uint32_t otherwise)
{
    uint64_t number;
    return setting_parse_number(chosen(settings, specific, generic), INT32_MAX, &number) ? (uint32_t)number
                                                                                         : otherwise;
}

static const char *path_of(const struct settings *settings, enum setting specific, enum setting generic)
{
    const char *path = chosen(settings, specific, generic);
    return *path ? path : NULL;
}

#define ONLY(NAME) SETTING_##NAME, SETTING_##NAME

/* Each row of one signal, before the one that holds for all. */
enum { ENDPOINT, HEADERS, TIMEOUT, COMPRESSION, CERTIFICATE, CLIENT_KEY, CLIENT_CERTIFICATE, N_PER_SIGNAL };

struct signal_rows {
    const char *path;
    enum setting rows[N_PER_SIGNAL];
    enum setting export_timeout;
};

#define ROWS(PREFIX)                                                                             \
    {                                                                                            \
        [ENDPOINT] = PREFIX##ENDPOINT, [HEADERS] = PREFIX##HEADERS, [TIMEOUT] = PREFIX##TIMEOUT, \
        [COMPRESSION] = PREFIX##COMPRESSION, [CERTIFICATE] = PREFIX##CERTIFICATE,                \
        [CLIENT_KEY] = PREFIX##CLIENT_KEY, [CLIENT_CERTIFICATE] = PREFIX##CLIENT_CERTIFICATE,    \
    }
static const enum setting generic_rows[] = ROWS(SETTING_OTEL_EXPORTER_OTLP_);
static const struct signal_rows traces_rows = {"v1/traces", ROWS(SETTING_OTEL_EXPORTER_OTLP_TRACES_),
                                               SETTING_OTEL_BSP_EXPORT_TIMEOUT};
static const struct signal_rows metrics_rows = {"v1/metrics", ROWS(SETTING_OTEL_EXPORTER_OTLP_METRICS_),
                                                SETTING_OTEL_METRIC_EXPORT_TIMEOUT};
static const struct signal_rows logs_rows = {"v1/logs", ROWS(SETTING_OTEL_EXPORTER_OTLP_LOGS_),
                                             SETTING_OTEL_BLRP_EXPORT_TIMEOUT};

static void understand_endpoint(struct settings *settings, const struct signal_rows *signal,
                                const char *scheme, struct delivery *delivery)
{
    const enum setting order[] = {signal->rows[ENDPOINT], generic_rows[ENDPOINT]};
    for (uint32_t i = 0; i < 2; i++) {
        enum setting setting = order[i];
        const char *value = settings->values[setting];
        if (!value || delivery->url)
            continue;
        delivery->url = endpoint_url(&settings->arena, value, i == 1 ? signal->path : NULL, scheme);
        if (!delivery->url)
            refuse(settings, setting, setting_row(setting)->allowed);
        else if (endpoint_means_grpc(value))
            settings_note(settings,
                          "%s=\"%s\": port 4317 is gRPC's, which is not there yet; sending http/protobuf to "
                          "it (its port is "
                          "4318)",
                          settings->names[setting], value);
    }
    if (!delivery->url)
        delivery->url =
            endpoint_url(&settings->arena, setting_row(generic_rows[ENDPOINT])->standard, signal->path, "");
}

/* Generic ones first, so that those for the signal overlay them by name. */
static void understand_headers(struct settings *settings, const struct signal_rows *signal,
                               struct delivery *delivery)
{
    const enum setting order[] = {generic_rows[HEADERS], signal->rows[HEADERS]};
    for (uint32_t i = 0; i < 2; i++) {
        const char *why = NULL;
        if (settings->values[order[i]])
            pairs_parse_headers(&settings->arena, delivery, settings->values[order[i]], &why);
        if (why)
            settings_note(settings,
                          "%s: %s; name=value,name=value (percent-encoded) is allowed; that member ignored",
                          settings->names[order[i]], why);
    }
}

static void understand_delivery(struct settings *settings, const struct signal_rows *signal,
                                const char *scheme, struct delivery *delivery)
{
    understand_endpoint(settings, signal, scheme, delivery);
    understand_headers(settings, signal, delivery);
    delivery->timeout_ms = number_of(settings, signal->rows[TIMEOUT], generic_rows[TIMEOUT], 0);
    delivery->export_timeout_ms = number_of(settings, signal->export_timeout, signal->export_timeout, 0);
    const char *compression = chosen(settings, signal->rows[COMPRESSION], generic_rows[COMPRESSION]);
    delivery->gzip = setting_words_equal(compression, strlen(compression), "gzip");
    delivery->certificate = path_of(settings, signal->rows[CERTIFICATE], generic_rows[CERTIFICATE]);
    delivery->client_key = path_of(settings, signal->rows[CLIENT_KEY], generic_rows[CLIENT_KEY]);
    delivery->client_certificate =
        path_of(settings, signal->rows[CLIENT_CERTIFICATE], generic_rows[CLIENT_CERTIFICATE]);
}

static uint32_t exporters_in(const char *words)
{
    const char *cursor = words, *word;
    size_t bytes;
    uint32_t exporters = 0;
    while (setting_next_element(&cursor, &word, &bytes)) {
        exporters |= setting_words_equal(word, bytes, "otlp") ? EXPORT_OTLP : 0;
        exporters |= setting_words_equal(word, bytes, "console") ? EXPORT_CONSOLE : 0;
    }
    return exporters;
}

static void understand_exporters(struct settings *settings)
{
    settings->exporters = exporters_in(chosen(settings, ONLY(OTEL_TRACES_EXPORTER)));
    settings->metrics_exporters =
        exporters_in(chosen(settings, ONLY(OTEL_METRICS_EXPORTER))) & ~EXPORT_CONSOLE;
    settings->logs_exporters = exporters_in(chosen(settings, ONLY(OTEL_LOGS_EXPORTER))) & ~EXPORT_CONSOLE;
    bool is_disabled = false;
    if (settings->values[SETTING_OTEL_SDK_DISABLED])
        setting_parse_bool(settings->values[SETTING_OTEL_SDK_DISABLED], &is_disabled);
    if (is_disabled)
        settings->exporters = settings->metrics_exporters = settings->logs_exporters = 0;
}

static bool is_word(const struct settings *settings, enum setting setting, const char *word)
{
    const char *value = chosen(settings, setting, setting);
    return setting_words_equal(value, strlen(value), word);
}

/* SeverityNumbers of the log data model: each name has four. */
static void understand_log_level(struct settings *settings)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    settings->least_severity = 1;
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_word(settings, SETTING_OTELSHIM_LOG_LEVEL, names[i]))
            settings->least_severity = 1 + 4 * i;
}

static void understand_metrics(struct settings *settings)
{
    const enum setting preference = SETTING_OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE;
    const enum setting filter = SETTING_OTEL_METRICS_EXEMPLAR_FILTER;
    settings->metric_interval_ms = number_of(settings, ONLY(OTEL_METRIC_EXPORT_INTERVAL), 0);
    settings->temporality = is_word(settings, preference, "delta")       ? PREFER_DELTA
                            : is_word(settings, preference, "lowmemory") ? PREFER_LOWMEMORY
                                                                         : PREFER_CUMULATIVE;
    settings->exemplars = is_word(settings, filter, "always_on")    ? EXEMPLARS_ALWAYS_ON
                          : is_word(settings, filter, "always_off") ? EXEMPLARS_ALWAYS_OFF
                                                                    : EXEMPLARS_TRACE_BASED;
    setting_parse_bool(chosen(settings, ONLY(OTELSHIM_SELF_METRICS)), &settings->self_metrics);
    settings->exponential_histograms =
        is_word(settings, SETTING_OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
                "base2_exponential_bucket_histogram");
}

/* OTel spec: the batch must not be larger than the queue. A queue made small on purpose makes the batch small. */
static void fit_batch(struct settings *settings, enum setting batch, enum setting queue,
                      struct batching *batches)
{
    if (batches->max_batch <= batches->max_queue)
        return;
    if (settings->values[batch])
        settings_note(settings, "%s=\"%s\": 1 to %s (%u); using %u", settings_name(batch),
                      settings->values[batch], settings_name(queue), batches->max_queue, batches->max_queue);
    batches->max_batch = batches->max_queue;
}

static void understand_batches(struct settings *settings)
{
    settings->span_batches =
        (struct batching){.schedule_delay_ms = number_of(settings, ONLY(OTEL_BSP_SCHEDULE_DELAY), 0),
                          .max_queue = number_of(settings, ONLY(OTEL_BSP_MAX_QUEUE_SIZE), 0),
                          .max_batch = number_of(settings, ONLY(OTEL_BSP_MAX_EXPORT_BATCH_SIZE), 0)};
    settings->log_batches =
        (struct batching){.schedule_delay_ms = number_of(settings, ONLY(OTEL_BLRP_SCHEDULE_DELAY), 0),
                          .max_queue = number_of(settings, ONLY(OTEL_BLRP_MAX_QUEUE_SIZE), 0),
                          .max_batch = number_of(settings, ONLY(OTEL_BLRP_MAX_EXPORT_BATCH_SIZE), 0)};
    fit_batch(settings, SETTING_OTEL_BSP_MAX_EXPORT_BATCH_SIZE, SETTING_OTEL_BSP_MAX_QUEUE_SIZE,
              &settings->span_batches);
    fit_batch(settings, SETTING_OTEL_BLRP_MAX_EXPORT_BATCH_SIZE, SETTING_OTEL_BLRP_MAX_QUEUE_SIZE,
              &settings->log_batches);
}

static void understand_resource(struct settings *settings)
{
    const enum setting setting = SETTING_OTEL_RESOURCE_ATTRIBUTES;
    const char *why;
    settings->service_name = settings->values[SETTING_OTEL_SERVICE_NAME];
    if (!settings->values[setting] || pairs_parse_attributes(settings, settings->values[setting], &why))
        return;
    settings_note(settings, "%s: %s; key=value,key=value (percent-encoded) is allowed; all of it ignored",
                  settings_name(setting), why);
    unset(settings, setting);
}

void settings_understand(struct settings *settings, const char *insecure_scheme)
{
    understand_delivery(settings, &traces_rows, insecure_scheme, &settings->traces);
    understand_delivery(settings, &metrics_rows, insecure_scheme, &settings->metrics);
    understand_delivery(settings, &logs_rows, insecure_scheme, &settings->logs);
    understand_exporters(settings);
    understand_log_level(settings);
    understand_metrics(settings);
    understand_batches(settings);
    settings_understand_spans(settings);
    understand_resource(settings);
    settings->known_http_methods = settings->values[SETTING_OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS];
    setting_parse_bytes(chosen(settings, ONLY(OTELSHIM_SPOOL_SIZE)), &settings->spool_bytes);
    setting_parse_bytes(chosen(settings, ONLY(OTELSHIM_CRASH_MAX_SIZE)), &settings->crash_max_bytes);
    settings->crash_max_reports = number_of(settings, ONLY(OTELSHIM_CRASH_MAX_REPORTS), 0);
    settings->watchdog_ns = number_of(settings, ONLY(OTELSHIM_WATCHDOG), 0) * 1000000ull;
    setting_parse_bool(chosen(settings, ONLY(OTELSHIM_RAW)), &settings->raw);
    settings->log_level = chosen(settings, ONLY(OTELSHIM_LOG));
}

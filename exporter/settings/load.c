/* load: asks the origins in their order for every row, then has the values checked and understood. */
#include "settings/settings_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SOURCES 4u

const char settings_unreadable[] = "";

enum alias_kind { ALIAS_IS_VALUE, ALIAS_IS_ENABLED, ALIAS_IS_ATTRIBUTE, ALIAS_IS_INSECURE, ALIAS_IS_SCALED };
static const struct alias {
    const char *name;
    enum alias_kind kind;
    enum setting setting;
    const char *attribute;
    uint32_t factor;
} aliases[] = {
#define ALIAS_VALUE(NAME, SETTING) {#NAME, ALIAS_IS_VALUE, SETTING_##SETTING, NULL, 1},
#define ALIAS_ENABLED(NAME) {#NAME, ALIAS_IS_ENABLED, SETTING_OTEL_SDK_DISABLED, NULL, 1},
#define ALIAS_ATTRIBUTE(NAME, KEY) {#NAME, ALIAS_IS_ATTRIBUTE, N_SETTINGS, KEY, 1},
#define ALIAS_INSECURE(NAME) {#NAME, ALIAS_IS_INSECURE, N_SETTINGS, NULL, 1},
#define ALIAS_SCALED(NAME, SETTING, n) {#NAME, ALIAS_IS_SCALED, SETTING_##SETTING, NULL, n},
#include <aliases.h>
};
#define N_ALIASES (sizeof(aliases) / sizeof(aliases[0]))

struct sources {
    struct setting_source items[MAX_SOURCES];
    struct setting_file files[MAX_SOURCES];
    uint32_t n;
    uint32_t uid;
    bool is_own; /* the exporter's or a command's own settings: it hands SHIM rows of files on */
};

/* Empty is unset (OTel spec, "Empty value"). */
static const char *ask(const struct setting_source *source, const char *name)
{
    const char *value = source->lookup(source->context, name);
    return value && (*value || value == settings_unreadable) ? value : NULL;
}

static bool means_off(const char *value)
{
    return setting_is_one_of(value, strlen(value), "false, 0, no, off");
}

/* The value of a row in one source, under its own name or an alias. */
static const char *ask_row(const struct setting_source *source, enum setting setting, const char **ret_name)
{
    *ret_name = settings_name(setting);
    const char *value = ask(source, *ret_name);
    for (size_t i = 0; i < N_ALIASES && !value; i++) {
        if (aliases[i].setting != setting)
            continue;
        *ret_name = aliases[i].name;
        value = ask(source, aliases[i].name);
        if (value && aliases[i].kind == ALIAS_IS_ENABLED)
            value = means_off(value) ? "true" : NULL;
    }
    return value;
}

static void note_without_effect(struct settings *settings, const struct setting_source *source,
                                const char *name)
{
    settings_note(settings,
                  "%s in %s has no effect here: it acts in the program, so set it in its environment or use "
                  "`otelshim run`",
                  name, source->path);
}

/* In the environment, but taken from a file by `otelshim run`: the file has the say. */
static bool follows_files(const struct sources *sources, const struct setting_source *source,
                          enum setting setting)
{
    return source->origin == ORIGIN_ENVIRONMENT && !sources->is_own && settings_is_live(setting) &&
           setting_is_listed(ask(source, "OTELSHIM_FROM_FILES"), setting);
}

static bool has_no_effect(const struct sources *sources, const struct setting_source *source,
                          enum setting setting)
{
    return source->path && setting_row(setting)->reader == READER_SHIM && !sources->is_own &&
           setting != SETTING_OTELSHIM_LOG && !settings_is_live(setting);
}

/* An alias may have another unit. What is no number is left as it is, and refused like any other. */
static const char *scaled(struct settings *settings, const char *name, const char *value)
{
    char text[24];
    uint64_t number;
    for (size_t i = 0; i < N_ALIASES; i++)
        if (aliases[i].name == name && aliases[i].factor > 1 &&
            setting_parse_number(value, INT32_MAX / aliases[i].factor, &number)) {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)number * aliases[i].factor);
            return arena_copy(&settings->arena, text, strlen(text));
        }
    return arena_copy(&settings->arena, value, strlen(value));
}

static void load_row(struct settings *settings, const struct sources *sources, enum setting setting)
{
    for (uint32_t i = 0; i < sources->n; i++) {
        const struct setting_source *source = &sources->items[i];
        const char *name, *value = ask_row(source, setting, &name);
        if (!value || follows_files(sources, source, setting))
            continue;
        if (value == settings_unreadable) {
            settings->is_secret_missing[setting] = true;
            continue;
        }
        if (has_no_effect(sources, source, setting)) {
            note_without_effect(settings, source, name);
            continue;
        }
        settings->values[setting] = scaled(settings, name, value);
        settings->names[setting] = name;
        settings->origins[setting] = source->origin;
        settings->is_secret_missing[setting] = false;
        return;
    }
}

static void load_attributes(struct settings *settings, const struct sources *sources)
{
    for (uint32_t s = 0; s < sources->n; s++)
        for (size_t i = 0; i < N_ALIASES; i++) {
            const char *value =
                aliases[i].kind == ALIAS_IS_ATTRIBUTE ? ask(&sources->items[s], aliases[i].name) : NULL;
            if (value && !pairs_has_attribute(settings, aliases[i].attribute))
                pairs_add_attribute(settings, aliases[i].attribute,
                                    arena_copy(&settings->arena, value, strlen(value)));
        }
}

static const char *scheme_without(const struct sources *sources)
{
    for (uint32_t s = 0; s < sources->n; s++)
        for (size_t i = 0; i < N_ALIASES; i++) {
            const char *value =
                aliases[i].kind == ALIAS_IS_INSECURE ? ask(&sources->items[s], aliases[i].name) : NULL;
            if (value)
                return means_off(value) ? "https://" : "http://";
        }
    return "http://";
}

/*
 * A service must not carry root's secrets to a server that the traced process of somebody else named: which secret goes to the
 * server that which setting names. A secret that names its server itself (webhook, Redis, proxy) goes nowhere else. A token that
 * comes out of a file: alerts.c.
 */
static const struct {
    enum setting secret, server;
} goes_to[] = {
    {SETTING_OTEL_EXPORTER_OTLP_HEADERS, SETTING_OTEL_EXPORTER_OTLP_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_HEADERS, SETTING_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_HEADERS, SETTING_OTEL_EXPORTER_OTLP_METRICS_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_HEADERS, SETTING_OTEL_EXPORTER_OTLP_LOGS_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_TRACES_HEADERS, SETTING_OTEL_EXPORTER_OTLP_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_TRACES_HEADERS, SETTING_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_METRICS_HEADERS, SETTING_OTEL_EXPORTER_OTLP_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_METRICS_HEADERS, SETTING_OTEL_EXPORTER_OTLP_METRICS_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_LOGS_HEADERS, SETTING_OTEL_EXPORTER_OTLP_ENDPOINT},
    {SETTING_OTEL_EXPORTER_OTLP_LOGS_HEADERS, SETTING_OTEL_EXPORTER_OTLP_LOGS_ENDPOINT},
    {SETTING_OTELSHIM_TELEGRAM_TOKEN, SETTING_OTELSHIM_TELEGRAM_API_URL},
    {SETTING_OTELSHIM_TELEGRAM_TOKEN, SETTING_OTELSHIM_TELEGRAM_PROXY},
    {SETTING_OTELSHIM_TELEGRAM_TOKEN, SETTING_OTELSHIM_TELEGRAM_CERTIFICATE},
};

static void guard_secrets(struct settings *settings, const struct sources *sources)
{
    for (size_t i = 0; i < sizeof(goes_to) / sizeof(goes_to[0]) && sources->uid != geteuid(); i++) {
        enum setting secret = goes_to[i].secret, server = goes_to[i].server;
        if (settings->origins[secret] != ORIGIN_SYSTEM_FILE || !setting_is_of_process(settings, server))
            continue;
        settings_note(settings, "%s of %s is not sent to a server from the program's own environment (%s)",
                      settings_name(secret), SETTINGS_SYSTEM_FILE, settings->names[server]);
        settings->values[secret] = NULL;
        settings->origins[secret] = ORIGIN_DEFAULT;
    }
}

static struct settings *settings_build(const struct sources *sources, struct settings *settings)
{
    settings->uid = sources->uid;
    for (uint32_t i = 0; i < N_SETTINGS; i++) {
        settings->origins[i] = ORIGIN_DEFAULT;
        load_row(settings, sources, (enum setting)i);
        settings_check_row(settings, (enum setting)i);
    }
    guard_secrets(settings, sources);
    if (sources->n && ask(&sources->items[0], "OTEL_CONFIG_FILE"))
        settings_note(settings,
                      "OTEL_CONFIG_FILE: configuration files in YAML are not read; the other settings apply");
    settings_understand(settings, scheme_without(sources));
    settings_understand_alerts(settings, sources->uid);
    if (!sources->is_own)
        settings_understand_live(settings, ask(&sources->items[0], "OTELSHIM_FROM_FILES"));
    load_attributes(settings, sources);
    return settings;
}

static void check_names(struct settings *settings, const struct setting_source *source,
                        const struct setting_file *file)
{
    const char *known[N_SETTINGS + N_ALIASES + 1];
    uint32_t n = 0;
    for (uint32_t i = 0; i < N_SETTINGS; i++)
        known[n++] = settings_name((enum setting)i);
    for (size_t i = 0; i < N_ALIASES; i++)
        known[n++] = aliases[i].name;
    known[n] = NULL;
    for (uint32_t i = 0; i < file->n_pairs; i++) {
        const char *name = file->pairs[i][0];
        bool is_env_file =
            source->origin == ORIGIN_ENV_FILE; /* that one holds the program's own variables too */
        bool is_known = is_env_file && strncmp(name, "OTELSHIM", 8) != 0;
        for (uint32_t j = 0; j < n && !is_known; j++)
            is_known = strcmp(known[j], name) == 0;
        const char *near = is_known ? NULL : settings_nearest(name, known);
        if (near)
            settings_note(settings, "%s: unknown setting %s: did you mean %s?", source->path, name, near);
        else if (!is_known)
            settings_note(settings, "%s: unknown setting %s", source->path, name);
    }
}

/* A file that is not there is not a mistake, unless somebody named it. */
static void add_file(struct settings *settings, struct sources *sources, enum setting_origin origin,
                     const char *path)
{
    struct setting_file *file = &sources->files[sources->n];
    uint32_t owner = origin == ORIGIN_ENV_FILE ? sources->uid : geteuid();
    if (settings->n_paths < SETTINGS_MAX_PATHS)
        settings->paths[settings->n_paths++] = path;
    int error = setting_file_read(settings, path, owner, file);
    if (error) {
        const char *reason =
            error == -EPERM ? "it must belong to the program's user" : strerrordesc_np(-error);
        if (origin == ORIGIN_ENV_FILE || (error != -ENOENT && error != -ENOTDIR))
            settings_note(settings, "%s%s: cannot be read: %s; ignored",
                          origin == ORIGIN_ENV_FILE ? "OTELSHIM_ENV_FILE=" : "", path, reason);
        return;
    }
    struct setting_source *source = &sources->items[sources->n++];
    *source = (struct setting_source){
        .origin = origin, .path = path, .lookup = setting_file_lookup, .context = file};
    check_names(settings, source, file);
}

static const char *own_variable(void *context, const char *name)
{
    (void)context;
    return secure_getenv(name);
}

static const char *user_file(struct settings *settings)
{
    const char *directory = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
    if (directory && *directory == '/')
        return arena_printf(&settings->arena, "%s/otelshim/otelshim.conf", directory);
    return home && *home == '/' ? arena_printf(&settings->arena, "%s/.config/otelshim/otelshim.conf", home)
                                : NULL;
}

static struct settings *settings_new(void)
{
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings)
        abort();
    return settings;
}

/* The files decide together where the .env file is, and it comes before them. */
static void add_files(struct settings *settings, struct sources *sources)
{
    struct sources later = {.uid = sources->uid};
    const char *path = sources->uid == geteuid() ? user_file(settings) : NULL;
    if (path)
        add_file(settings, &later, ORIGIN_USER_FILE, path);
    add_file(settings, &later, ORIGIN_SYSTEM_FILE, SETTINGS_SYSTEM_FILE);

    const char *env_file = ask(&sources->items[0], "OTELSHIM_ENV_FILE");
    for (uint32_t i = 0; i < later.n && !env_file; i++)
        env_file = ask(&later.items[i], "OTELSHIM_ENV_FILE");
    if (env_file)
        add_file(settings, sources, ORIGIN_ENV_FILE,
                 arena_copy(&settings->arena, env_file, strlen(env_file)));
    for (uint32_t i = 0; i < later.n; i++) {
        sources->files[sources->n] = later.files[i];
        sources->items[sources->n] = later.items[i];
        sources->items[sources->n].context = &sources->files[sources->n];
        sources->n++;
    }
}

static struct settings *settings_load(settings_lookup_fn lookup, void *context, uint32_t uid, bool is_own)
{
    struct settings *settings = settings_new();
    struct sources sources = {.n = 1, .uid = uid, .is_own = is_own};
    sources.items[0] =
        (struct setting_source){.origin = ORIGIN_ENVIRONMENT, .lookup = lookup, .context = context};
    add_files(settings, &sources);
    return settings_build(&sources, settings);
}

struct settings *settings_create_for(settings_lookup_fn lookup, void *context, uint32_t uid)
{
    return settings_load(lookup, context, uid, false);
}

struct settings *settings_create(settings_lookup_fn lookup, void *context)
{
    return settings_load(lookup, context, geteuid(), false);
}

struct settings *settings_create_own(void)
{
    return settings_load(own_variable, NULL, geteuid(), true);
}

void settings_destroy(struct settings *settings)
{
    if (!settings)
        return;
    arena_fini(&settings->arena);
    free(settings);
}

static const char *one_pair_lookup(void *context, const char *name)
{
    const char *const *pair = context;
    return strcmp(pair[0], name) == 0 ? pair[1] : NULL;
}

int settings_check(const char *name, const char *value, struct problem *ret_problem)
{
    struct settings *settings = settings_new();
    const char *pair[] = {name, value};
    struct sources sources = {.n = 1, .uid = geteuid(), .is_own = true};
    sources.items[0] = (struct setting_source){.lookup = one_pair_lookup, .context = pair};
    struct setting_file as_file = {.pairs = &pair, .n_pairs = 1};
    struct setting_source option = {.path = "command line"};
    check_names(settings, &option, &as_file);
    settings_build(&sources, settings);
    bool has_problem = settings->n_problems > 0;
    if (has_problem)
        *ret_problem = settings->problems[0];
    settings_destroy(settings);
    return has_problem ? -EINVAL : 0;
}

/* config: every setting as a program started from here would have it, and what is wrong with the ones that are set. */
#include "cli/command.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char command_config_help[] =
    "usage: otelshim config [show|check|paths] [--origin] [--set] [-o json]\n"
    "\n"
    "show   every setting as a program started from this environment would have it:\n"
    "       NAME=value; of what is not set, the default behind a '#'. Secrets are masked\n"
    "check  only what was not understood: one line each, with what is allowed\n"
    "paths  the files that settings are read from; what comes first wins, the environment\n"
    "       before all\n"
    "\n"
    "      --origin             where each value came from\n"
    "      --set                only what is set\n"
    "  -o, --output text|json\n"
    "\n"
    "json is one document: {\"schema\":1,\"settings\":[{name, value, set, secret, origin,\n"
    "given_as, default, allowed, meaning, has_effect}],\"paths\":[{path, there}],\n"
    "\"problems\":[TEXT]}. Members may be added.\n"
    "\n"
    "Exit status: 0; 1 check found something; 2 wrong usage.\n";

struct config_options {
    bool has_origin, only_set, is_json;
    const char *verb;
};

static void print_line(const struct setting_explanation *each, const struct config_options *options)
{
    int n =
        each->is_set ? printf("%s=%s", each->name, each->value) : printf("# %s=%s", each->name, each->value);
    if (options->has_origin && each->is_set) {
        bool is_alias = each->given_as && strcmp(each->given_as, each->name) != 0;
        printf("%*s# %s%s%s", n < 52 ? 52 - n : 2, "", each->origin, is_alias ? ", as " : "",
               is_alias ? each->given_as : "");
    }
    if (each->has_no_effect)
        fputs("  # acts only in a program started by `otelshim run`, or set in its environment", stdout);
    putchar('\n');
}

static void print_json_member(const char *name, const char *value, bool is_first)
{
    printf("%s\"%s\":", is_first ? "" : ",", name);
    if (value)
        report_put_string(stdout, value);
    else
        fputs("null", stdout);
}

static void print_json_setting(const struct setting_explanation *each)
{
    putchar('{');
    print_json_member("name", each->name, true);
    print_json_member("value", each->value, false);
    printf(",\"set\":%s,\"secret\":%s", each->is_set ? "true" : "false", each->is_secret ? "true" : "false");
    print_json_member("origin", each->origin, false);
    print_json_member("given_as", each->given_as, false);
    print_json_member("default", each->standard, false);
    print_json_member("allowed", each->allowed, false);
    print_json_member("meaning", each->meaning, false);
    printf(",\"has_effect\":%s}", each->has_no_effect ? "false" : "true");
}

static void print_settings(const struct settings *settings, const struct config_options *options)
{
    struct arena arena = {0};
    const char *separator = "";
    for (uint32_t i = 0; i < N_SETTINGS; i++) {
        struct setting_explanation each;
        settings_explain(settings, (enum setting)i, &arena, &each);
        if (options->only_set && !each.is_set)
            continue;
        if (options->is_json) {
            fputs(separator, stdout);
            print_json_setting(&each);
            separator = ",";
        } else {
            print_line(&each, options);
        }
    }
    arena_fini(&arena);
}

static void print_paths(const struct settings *settings, bool is_json)
{
    for (uint32_t i = 0; i < settings->n_paths; i++) {
        bool is_there = access(settings->paths[i], R_OK) == 0;
        if (is_json) {
            fputs(i ? ",{" : "{", stdout);
            print_json_member("path", settings->paths[i], true);
            printf(",\"there\":%s}", is_there ? "true" : "false");
        } else {
            printf("%s%s\n", settings->paths[i], is_there ? "" : " (not there)");
        }
    }
}

static void print_json(const struct settings *settings, const struct config_options *options)
{
    fputs("{\"schema\":1,\"settings\":[", stdout);
    print_settings(settings, options);
    fputs("],\"paths\":[", stdout);
    print_paths(settings, true);
    fputs("],\"problems\":[", stdout);
    for (uint32_t i = 0; i < settings->n_problems; i++) {
        fputs(i ? "," : "", stdout);
        report_put_string(stdout, settings->problems[i].text);
    }
    fputs("]}\n", stdout);
}

/* `show` has them on stderr: its output stays a file that could be read back. */
static void print_problems(const struct settings *settings, FILE *out)
{
    for (uint32_t i = 0; i < settings->n_problems; i++)
        fprintf(out, "%s\n", settings->problems[i].text);
}

static int print_all(const struct settings *settings, const struct config_options *options)
{
    bool is_check = strcmp(options->verb, "check") == 0;
    if (options->is_json) {
        print_json(settings, options);
    } else if (is_check) {
        print_problems(settings, stdout);
        if (!settings->n_problems)
            puts("ok: every setting was understood");
    } else if (strcmp(options->verb, "paths") == 0) {
        print_paths(settings, false);
    } else {
        print_settings(settings, options);
        print_problems(settings, stderr);
    }
    return is_check && settings->n_problems ? STATUS_FAILED : 0;
}

static bool is_verb(const char *word)
{
    return strcmp(word, "show") == 0 || strcmp(word, "check") == 0 || strcmp(word, "paths") == 0;
}

int command_config(int argc, char **argv)
{
    struct config_options options = {.verb = "show"};
    const char *format = NULL;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format},
                                      {"--origin", NULL, &options.has_origin, NULL},
                                      {"--set", NULL, &options.only_set, NULL}};
    const char *word;
    int status = command_parse_words(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), &word, 1);
    if (status == OPTIONS_FINE && word && !is_verb(word)) {
        fprintf(stderr, "otelshim config: unknown operand '%s': show, check or paths\n", word);
        return STATUS_USAGE;
    }
    if (status == OPTIONS_FINE)
        status = command_parse_format("config", format, &options.is_json);
    options.verb = word ? word : options.verb;
    if (status != OPTIONS_FINE)
        return status;
    struct settings *settings = settings_create_own();
    status = print_all(settings, &options);
    settings_destroy(settings);
    return status;
}

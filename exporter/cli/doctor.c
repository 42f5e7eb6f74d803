/* doctor: see doctor.h. */
#include "cli/doctor.h"
#include "base/terminal.h"
#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char command_doctor_help[] =
    "usage: otelshim doctor [--pid PID] [--offline] [-o json] [PROGRAM [ARGUMENT...]]\n"
    "\n"
    "Says whether programs are traced here, and if not, why and what mends it: the library (tried in a "
    "harmless "
    "program),\n"
    "the exporter, the drop box, settings, and the destination, which gets an empty request. With PROGRAM: "
    "whether "
    "the\n"
    "library can reach it and which of its calls are traced; it is read, not run. With --pid: the same of a "
    "running\n"
    "process, and what became of its spans.\n"
    "\n"
    "  --pid PID              look at a running process\n"
    "  --offline              do not ask the destination\n"
    "  -o, --output text|json\n"
    "\n"
    "json is one document: {\"schema\":1, \"state\":\"ok\"|\"warn\"|\"fail\", \"findings\":[{state, topic, "
    "text, "
    "mend}]}.\n"
    "Exit status: 0 nothing fails; 1 something does; 2 wrong usage.\n";

static const char *const states[] = {[FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "FAIL"};

void doctor_say(struct doctor *doctor, enum finding_state state, const char *topic, const char *mend,
                const char *format, ...)
{
    char text[600];
    va_list arguments;
    if (doctor->n_findings == DOCTOR_MAX_FINDINGS)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct finding *finding = &doctor->findings[doctor->n_findings++];
    *finding = (struct finding){.state = state, .topic = topic};
    finding->text = arena_copy(&doctor->arena, text, strlen(text));
    finding->mend = mend ? arena_copy(&doctor->arena, mend, strlen(mend)) : NULL;
}

const struct doctor_entry *doctor_find_entry(const struct doctor *doctor, const char *name)
{
    for (uint32_t i = 0; i < doctor->n_entries; i++)
        if (strcmp(doctor->entries[i].name, name) == 0)
            return &doctor->entries[i];
    return NULL;
}

/* ---- printing ---- */

static enum finding_state worst_of(const struct doctor *doctor)
{
    enum finding_state worst = FINDING_OK;
    for (uint32_t i = 0; i < doctor->n_findings; i++)
        worst = doctor->findings[i].state > worst ? doctor->findings[i].state : worst;
    return worst;
}

static void print_json(const struct doctor *doctor)
{
    static const char *const names[] = {
        [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};
    printf("{\"schema\":1,\"state\":\"%s\",\"findings\":[", names[worst_of(doctor)]);
    for (uint32_t i = 0; i < doctor->n_findings; i++) {
        const struct finding *finding = &doctor->findings[i];
        printf("%s{\"state\":\"%s\",\"topic\":\"%s\",\"text\":", i ? "," : "", names[finding->state],
               finding->topic);
        report_put_string(stdout, finding->text);
        fputs(",\"mend\":", stdout);
        if (finding->mend)
            report_put_string(stdout, finding->mend);
        else
            fputs("null", stdout);
        fputc('}', stdout);
    }
    fputs("]}\n", stdout);
}

static void print_text(const struct doctor *doctor)
{
    static const char *const colours[] = {
        [FINDING_OK] = "\033[32m", [FINDING_WARN] = "\033[33m", [FINDING_FAIL] = "\033[31m"};
    bool has_colour = terminal_has_colour(STDOUT_FILENO), is_utf8 = terminal_is_utf8();
    for (uint32_t i = 0; i < doctor->n_findings; i++) {
        const struct finding *finding = &doctor->findings[i];
        char text[1200];
        terminal_copy_text(text, sizeof(text), finding->text, is_utf8);
        printf("%s%-4s%s  %-11s  %s\n", has_colour ? colours[finding->state] : "", states[finding->state],
               has_colour ? "\033[0m" : "", finding->topic, text);
        if (!finding->mend)
            continue;
        terminal_copy_text(text, sizeof(text), finding->mend, is_utf8);
        printf("%19s-> %s\n", "", text);
    }
}

int doctor_print(const struct doctor *doctor, bool is_json)
{
    if (is_json)
        print_json(doctor);
    else
        print_text(doctor);
    return worst_of(doctor) == FINDING_FAIL ? STATUS_FAILED : 0;
}

/* ---- the command ---- */

static int parse_pid(const char *text, uint32_t *ret_pid)
{
    char *end;
    errno = 0;
    unsigned long pid = strtoul(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || pid == 0 || pid > INT32_MAX) {
        fprintf(stderr, "otelshim doctor: --pid %s: allowed is the number of a process\n", text);
        return STATUS_USAGE;
    }
    *ret_pid = (uint32_t)pid;
    return OPTIONS_FINE;
}

static void look(struct doctor *doctor, uint32_t pid, const char *program, bool is_offline)
{
    struct settings *settings = NULL;
    char path[PATH_MAX] = "";
    doctor_look_at_install(doctor);
    doctor_try_library(doctor);
    if (pid)
        doctor_look_at_process(doctor, pid, &settings);
    if (program)
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
        doctor_look_at_program(doctor, program, getenv("LD_LIBRARY_PATH"), path);
    if (!settings && !pid)
        settings = settings_create_own();
    if (settings) {
        doctor_look_at_settings(doctor, settings, path);
        if (!is_offline)
            doctor_look_at_endpoint(doctor, settings);
        if (!is_offline)
            doctor_look_at_alerts(doctor, settings);
    }
    settings_destroy(settings);
}

int command_doctor(int argc, char **argv)
{
    static struct doctor doctor;
    const char *format = NULL, *pid_text = NULL;
    bool is_json, is_offline = false;
    uint32_t pid = 0;
    int first = 1;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format},
                                      {"--pid", "-p", NULL, &pid_text},
                                      {"--offline", NULL, &is_offline, NULL}};
    int status = command_parse_options(argc, argv, rows, 3, STATUS_USAGE, &first);
    if (status == OPTIONS_FINE)
        status = command_parse_format(argv[0], format, &is_json);
    if (status == OPTIONS_FINE && pid_text)
        status = parse_pid(pid_text, &pid);
    if (status == OPTIONS_FINE && pid && first < argc)
        status = command_refuse_operands(argc, argv, first, STATUS_USAGE);
    if (status != OPTIONS_FINE)
        return status;
    look(&doctor, pid, first < argc ? argv[first] : NULL, is_offline);
    status = doctor_print(&doctor, is_json);
    arena_fini(&doctor.arena);
    return status;
}

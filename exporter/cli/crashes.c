/* crashes: the reports of programs that died: list, show, export, prune. The habits are coredumpctl's. */
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/crash_list.h"
#include "cli/report.h"
#include "signals/crash/own.h"
#include "signals/crash/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
#define WIDEST_LINE 4096u

const char command_crashes_help[] =
    "usage: otelshim crashes [list|show|export|prune] [OPTION...] [PID|COMM|EXE|ID]\n"
    "\n"
    "Reports of programs that died of a UNIX signal, were killed or vanished while they were traced.\n"
    "\n"
    "  list      one line each, the most recent last (what is done without a word)\n"
    "  show      the whole report; without a match: the last one\n"
    "  export    one JSON document per line\n"
    "  prune     removes reports: needs a match, --until, --all, or -n (which are kept)\n"
    "\n"
    "A match is a process id, the program's name or path, the beginning (6 digits or more) of a report's ID "
    "or\n"
    "of the bug's fingerprint: two reports with one fingerprint are the same bug.\n"
    "\n"
    "  -1, --last         only the most recent\n"
    "  -n, --number N     only the N most recent\n"
    "  -S, --since TIME   not older: \"2026-01-31 09:00\", \"09:00\", \"-2h\", yesterday, @SECONDS\n"
    "  -U, --until TIME   not younger\n"
    "  -q, --quiet        no headings, no notes\n"
    "      --all          prune: everything\n"
    "  -o, --output text|json\n"
    "\n"
    "They lie in $XDG_STATE_HOME/otelshim/crashes (~/.local/state), of a service in "
    "/var/lib/otelshim/crashes.\n"
    "json of list: {\"schema\":1,\"reports\":[{id, time, pid, signal, exe, title, fingerprint, path}]}; of "
    "show: the report.\n"
    "\n"
    "Exit status: 0; 1 no report matches; 2 wrong usage.\n";

enum verb { LIST, SHOW, EXPORT, PRUNE, N_VERBS };
static const char *const verbs[N_VERBS + 1] = {"list", "show", "export", "prune", NULL};

struct wishes {
    enum verb verb;
    struct crash_filter filter;
    bool is_json, is_quiet, is_all;
    const char *format, *number, *since, *until;
};

/* ---- options ---- */

static int understand(struct wishes *wishes)
{
    struct problem problem = {""};
    char *end;
    if (wishes->since && crash_list_parse_time(wishes->since, &wishes->filter.since_unix_ns, &problem) != 0)
        fprintf(stderr, "otelshim crashes: --since %s\n", problem.text);
    else if (wishes->until &&
             crash_list_parse_time(wishes->until, &wishes->filter.until_unix_ns, &problem) != 0)
        fprintf(stderr, "otelshim crashes: --until %s\n", problem.text);
    if (problem.text[0])
        return STATUS_USAGE;
    if (wishes->number) {
        unsigned long n = strtoul(wishes->number, &end, 10);
        if (*end || end == wishes->number || n == 0 || n > INT32_MAX) {
            fprintf(stderr, "otelshim crashes: -n %s: a number from 1 on\n", wishes->number);
            return STATUS_USAGE;
        }
        wishes->filter.max_count = (uint32_t)n;
    }
    return command_parse_format("crashes", wishes->format, &wishes->is_json);
}

static bool take_verb(struct wishes *wishes, const char *word)
{
    for (uint32_t i = 0; i < N_VERBS; i++)
        if (strcmp(word, verbs[i]) == 0) {
            wishes->verb = (enum verb)i;
            return true;
        }
    return false;
}

static int parse(int argc, char **argv, struct wishes *wishes)
{
    const struct option_row rows[] = {
        {"--last", "-1", &wishes->filter.is_last, NULL}, {"--number", "-n", NULL, &wishes->number},
        {"--since", "-S", NULL, &wishes->since},         {"--until", "-U", NULL, &wishes->until},
        {"--quiet", "-q", &wishes->is_quiet, NULL},      {"--all", NULL, &wishes->is_all, NULL},
        {"--output", "-o", NULL, &wishes->format}};
    const char *words[2];
    int status = command_parse_words(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), words, 2);
    if (status != OPTIONS_FINE)
        return status;
    bool has_verb = words[0] && take_verb(wishes, words[0]);
    if (words[1] && !has_verb) {
        fprintf(stderr, "otelshim crashes: unknown operand '%s': list, show, export or prune\n", words[0]);
        return STATUS_USAGE;
    }
    wishes->filter.match = words[has_verb];
    return understand(wishes);
}

/* ---- list ---- */

static void print_time(uint64_t unix_ns, char *ret_text, size_t max_bytes)
{
    struct tm parts;
    time_t seconds = (time_t)(unix_ns / NS_PER_S);
    localtime_r(&seconds, &parts);
    strftime(ret_text, max_bytes, "%Y-%m-%d %H:%M:%S", &parts);
}

static const char *signal_of(const struct crash_report *report)
{
    if (report->signal)
        return report->signal;
    return report->kind == CRASH_OOM        ? "OOM"
           : report->kind == CRASH_KILLED   ? "KILLED"
           : report->kind == CRASH_VANISHED ? "GONE"
           : report->kind == CRASH_STACKS   ? "STACKS"
                                            : "-";
}

/* A file that somebody else wrote says what it likes. */
static void print_line(const struct crash_report *report, bool is_utf8, char ret_line[WIDEST_LINE])
{
    const char *texts[] = {signal_of(report), report->fingerprint ? report->fingerprint : "-", report->id};
    char time[40], shown[3][33];
    print_time(report->time_unix_ns, time, sizeof(time));
    for (unsigned i = 0; i < 3; i++)
        terminal_copy_text(shown[i], sizeof(shown[i]), texts[i], is_utf8);
    int n = snprintf(ret_line, WIDEST_LINE, "%-19s %7u %-8.8s %-8.8s %-8.8s ", time, report->pid, shown[0],
                     shown[1], shown[2]);
    terminal_copy_text(ret_line + n, WIDEST_LINE - (size_t)n, report->title ? report->title : "", is_utf8);
}

static void list_text(const struct crash_list *list, bool is_quiet)
{
    bool is_utf8 = terminal_is_utf8(), is_terminal = isatty(STDOUT_FILENO);
    bool has_colour = terminal_has_colour(STDOUT_FILENO);
    uint32_t columns = terminal_columns(STDOUT_FILENO);
    if (!is_quiet)
        printf("%s%-19s %7s %-8s %-8s %-8s %s%s\n", has_colour ? "\033[4m" : "", "TIME", "PID", "SIGNAL",
               "BUG", "ID", "WHAT", has_colour ? "\033[0m" : "");
    for (uint32_t i = 0; i < list->n; i++) {
        char line[WIDEST_LINE];
        print_line(&list->entries[i]->report, is_utf8, line);
        size_t bytes = is_terminal ? terminal_text_fit(line, columns) : strlen(line);
        printf("%.*s\n", (int)bytes, line);
    }
}

static void put(const char *key, const char *text)
{
    printf("\"%s\":", key);
    if (text)
        report_put_string(stdout, text);
    else
        fputs("null", stdout);
}

static void list_json(const struct crash_list *list)
{
    fputs("{\"schema\":1,\"reports\":[", stdout);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct crash_entry *entry = list->entries[i];
        const struct crash_report *report = &entry->report;
        struct tm parts;
        time_t seconds = (time_t)(report->time_unix_ns / NS_PER_S);
        char time[40], path[PATH_MAX + NAME_MAX + 16];
        gmtime_r(&seconds, &parts);
        size_t n = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(time + n, sizeof(time) - n, ".%03uZ", (unsigned)(report->time_unix_ns % NS_PER_S / 1000000));
        snprintf(path, sizeof(path), "%s/%s.json", entry->directory, entry->stem);
        printf("%s{", i ? "," : "");
        put("id", report->id);
        printf(",\"pid\":%u,", report->pid);
        put("time", time);
        putchar(',');
        put("signal", report->signal);
        putchar(',');
        put("exe", report->exe);
        putchar(',');
        put("title", report->title);
        putchar(',');
        put("fingerprint", report->fingerprint);
        putchar(',');
        put("path", path);
        putchar('}');
    }
    fputs("]}\n", stdout);
}

/* ---- the others ---- */

static void print_document(const struct crash_report *report, bool is_indented)
{
    char *text = crash_report_to_json(report, is_indented);
    if (text)
        puts(text);
    free(text);
}

static void show(const struct crash_list *list, bool is_json)
{
    bool has_colour = terminal_has_colour(STDOUT_FILENO), is_utf8 = terminal_is_utf8();
    for (uint32_t i = 0; i < list->n; i++) {
        if (is_json) {
            print_document(&list->entries[i]->report, list->n == 1);
            continue;
        }
        if (i)
            puts("\n────────\n");
        crash_report_print(stdout, &list->entries[i]->report, has_colour, is_utf8);
    }
}

static uint32_t remove_all(const struct crash_list *list, uint32_t n)
{
    static const char *const endings[] = {".txt", ".json"};
    uint32_t n_removed = 0;
    for (uint32_t i = 0; i < n; i++)
        for (size_t e = 0; e < sizeof(endings) / sizeof(endings[0]); e++) {
            char path[PATH_MAX + NAME_MAX + 16];
            snprintf(path, sizeof(path), "%s/%s%s", list->entries[i]->directory, list->entries[i]->stem,
                     endings[e]);
            n_removed += unlink(path) == 0 && e == 1;
        }
    return n_removed;
}

/* -n says how many of those that match are kept. */
static int prune(struct wishes *wishes)
{
    const struct crash_filter *filter = &wishes->filter;
    struct crash_list list;
    if (!filter->match && !filter->until_unix_ns && !filter->max_count && !filter->is_last &&
        !wishes->is_all) {
        fputs("otelshim crashes: prune what? a match, --until TIME, -n N (keep so many) or --all\n", stderr);
        return STATUS_USAGE;
    }
    uint32_t keep = filter->is_last ? 0 : filter->max_count;
    wishes->filter.max_count = 0;
    crash_list_load(&list, &wishes->filter);
    uint32_t n = list.n > keep ? list.n - keep : 0;
    uint32_t n_removed = remove_all(&list, n);
    if (!wishes->is_quiet)
        fprintf(stderr, "%u report%s removed%s\n", n_removed, n_removed == 1 ? "" : "s",
                n_removed < n ? ", others could not be" : "");
    crash_list_fini(&list);
    return n == 0 || n_removed < n ? STATUS_FAILED : 0;
}

int command_crashes(int argc, char **argv)
{
    struct wishes wishes = {.verb = LIST};
    struct crash_list list;
    int status = parse(argc, argv, &wishes);
    if (status != OPTIONS_FINE)
        return status;
    if (wishes.verb == PRUNE)
        return prune(&wishes);
    if (wishes.verb == SHOW && !wishes.filter.match && !wishes.filter.max_count)
        wishes.filter.is_last = true;
    crash_list_load(&list, &wishes.filter);
    if (!wishes.is_quiet && list.n_unreadable)
        fprintf(stderr, "otelshim crashes: %u files in %s are no reports\n", list.n_unreadable, list.path);
    if (!list.n && !wishes.is_quiet)
        fprintf(stderr, "otelshim crashes: no report%s in %s\n", wishes.filter.match ? " matches" : "",
                list.path);
    if (wishes.verb == LIST && wishes.is_json)
        list_json(&list);
    else if (wishes.verb == LIST && list.n)
        list_text(&list, wishes.is_quiet);
    else if (wishes.verb == SHOW)
        show(&list, wishes.is_json);
    for (uint32_t i = 0; wishes.verb == EXPORT && i < list.n; i++)
        print_document(&list.entries[i]->report, false);
    status = list.n ? 0 : STATUS_FAILED;
    crash_list_fini(&list);
    return status;
}

/* report: see report.h. The order of the JSON's members is that of the help text. */
#include "cli/report.h"
#include "base/clock.h"
#include "base/terminal.h"
#include "base/utf8.h"
#include "telemetry/drops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CELL 200u
#define TEXT_LOG_LINES 5u

/* ---- filling ---- */

static void *grown(struct report *report, void *items, uint32_t n, uint32_t *max, size_t bytes)
{
    if (n < *max)
        return items;
    *max = *max ? 2 * *max : 8;
    void *more = arena_zalloc(&report->arena, *max * bytes);
    if (n > 0)
        memcpy(more, items, n * bytes);
    return more;
}

struct report_process *report_add_process(struct report *report)
{
    report->processes = grown(report, report->processes, report->n_processes, &report->max_processes,
                              sizeof(*report->processes));
    return &report->processes[report->n_processes++];
}

struct report_destination *report_add_destination(struct report *report)
{
    report->destinations = grown(report, report->destinations, report->n_destinations,
                                 &report->max_destinations, sizeof(*report->destinations));
    return &report->destinations[report->n_destinations++];
}

void report_fini(struct report *report)
{
    arena_fini(&report->arena);
    *report = (struct report){0};
}

/* ---- JSON ---- */

void report_put_string(FILE *out, const char *text)
{
    size_t bytes = strlen(text), repaired = utf8_repaired_bytes(text, bytes);
    char *valid = malloc(repaired + 1);
    if (!valid)
        abort();
    utf8_repair(valid, text, bytes);
    fputc('"', out);
    for (size_t i = 0; i < repaired; i++) {
        unsigned char c = (unsigned char)valid[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
    free(valid);
}

/* ,"name":"text" */
static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    if (text)
        report_put_string(out, text);
    else
        fputs("null", out);
}

static void put_time(FILE *out, const char *name, uint64_t unix_ns)
{
    char text[40] = "";
    struct tm utc;
    time_t seconds = (time_t)(unix_ns / 1000000000);
    gmtime_r(&seconds, &utc);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(unix_ns / 1000000 % 1000));
    put_member(out, name, unix_ns ? text : NULL);
}

static void put_drops(FILE *out, const uint64_t dropped[REPORT_MAX_DROPS])
{
    fputs(",\"dropped\":{", out);
    const char *comma = "";
    for (uint32_t i = 0; i < REPORT_MAX_DROPS; i++)
        if (dropped[i] > 0 && drops_name(i)) {
            fprintf(out, "%s\"%s\":%" PRIu64, comma, drops_name(i), dropped[i]);
            comma = ",";
        }
    fputc('}', out);
}

static void put_ended(FILE *out, const struct report_ended *ended)
{
    fprintf(out,
            ",\"ended\":{\"processes\":%" PRIu64 ",\"recorded\":%" PRIu64 ",\"exported\":%" PRIu64
            ",\"corrupt\":%" PRIu64,
            ended->n_processes, ended->recorded, ended->exported, ended->corrupt);
    put_drops(out, ended->dropped);
    fputc('}', out);
}

static void put_process(FILE *out, const struct report_process *process)
{
    fprintf(out, "{\"pid\":%u,\"uid\":%u", process->pid, process->uid);
    put_member(out, "name", process->name);
    put_member(out, "service", process->service);
    fprintf(out, ",\"alive\":%s,\"recorded\":%" PRIu64 ",\"exported\":%" PRIu64 ",\"in_flight\":%u",
            process->is_alive ? "true" : "false", process->recorded, process->exported, process->n_in_flight);
    put_drops(out, process->dropped);
    fprintf(out, ",\"corrupt\":%" PRIu64, process->corrupt);
    put_member(out, "note", process->note);
    put_member(out, "live", process->live);
    fprintf(out, ",\"excluded\":%" PRIu64 ",\"held\":%u,\"kept\":%" PRIu64 ",\"keep_dropped\":%" PRIu64,
            process->excluded, process->n_held, process->kept, process->keep_dropped);
    fputc('}', out);
}

static void put_destination(FILE *out, const struct report_destination *destination)
{
    fputs("{\"url\":", out);
    report_put_string(out, destination->url);
    fprintf(out,
            ",\"exported\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"repeated\":%" PRIu64
            ",\"queued\":%" PRIu64 ",\"spooled_batches\":%" PRIu64 ",\"spooled_bytes\":%" PRIu64
            ",\"down\":%s",
            destination->exported, destination->rejected, destination->dropped, destination->repeated,
            destination->queued, destination->spooled_batches, destination->spooled_bytes,
            destination->is_down ? "true" : "false");
    put_member(out, "last_error", *destination->last_error ? destination->last_error : NULL);
    put_time(out, "last_error_at", *destination->last_error ? destination->last_error_unix_ns : 0);
    fputc('}', out);
}

static void put_alerts(FILE *out, const struct report_alerts *alerts)
{
    fprintf(out,
            ",\"alerts\":{\"raised\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"suppressed\":%" PRIu64
            ",\"dropped\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"refused\":%" PRIu64,
            alerts->raised, alerts->sent, alerts->suppressed, alerts->dropped, alerts->waiting,
            alerts->refused);
    put_member(out, "last_error", alerts->last_error && *alerts->last_error ? alerts->last_error : NULL);
    fputc('}', out);
}

static void put_log(FILE *out, const char *log)
{
    const char *comma = "";
    fputs(",\"log\":[", out);
    while (*log) {
        size_t bytes = strcspn(log, "\n");
        char *line = strndup(log, bytes);
        if (!line)
            abort();
        fputs(comma, out);
        report_put_string(out, line);
        free(line);
        comma = ",";
        log += bytes + (log[bytes] == '\n');
    }
    fputc(']', out);
}

void report_print_json(FILE *out, const struct report *report)
{
    fprintf(out, "{\"pid\":%u,\"uid\":%u", report->pid, report->uid);
    put_member(out, "version", report->version);
    put_member(out, "directory", report->directory);
    put_time(out, "started_at", report->started_unix_ns);
    fputs(",\"processes\":[", out);
    for (uint32_t i = 0; i < report->n_processes; i++) {
        fputs(i ? "," : "", out);
        put_process(out, &report->processes[i]);
    }
    fputc(']', out);
    put_ended(out, &report->ended);
    fputs(",\"destinations\":[", out);
    for (uint32_t i = 0; i < report->n_destinations; i++) {
        fputs(i ? "," : "", out);
        put_destination(out, &report->destinations[i]);
    }
    fputc(']', out);
    put_alerts(out, &report->alerts);
    put_member(out, "log_path", report->log_path);
    put_log(out, report->log ? report->log : "");
    fputc('}', out);
}

/* ---- text ---- */

struct text_style {
    const char *bold, *dim, *red, *plain;
};

/* Left-justified in `columns`, or right-justified where negative; cut when longer. */
static void put_cell(FILE *out, const char *text, int columns)
{
    char safe[MAX_CELL];
    terminal_copy_text(safe, sizeof(safe), text, terminal_is_utf8());
    uint32_t room = (uint32_t)abs(columns), taken = terminal_text_columns(safe);
    if (taken > room) {
        safe[terminal_text_fit(safe, room)] = 0;
        taken = terminal_text_columns(safe);
    }
    int fill = taken < room ? (int)(room - taken) : 0;
    if (columns < 0)
        fprintf(out, "%*s%s", fill, "", safe);
    else
        fprintf(out, "%s%*s", safe, fill, "");
}

static const char *ago(char text[32], uint64_t unix_ns)
{
    uint64_t then_s = unix_ns / 1000000000, now_s = clock_ns(CLOCK_REALTIME) / 1000000000,
             s = now_s > then_s ? now_s - then_s : 0;
    if (s < 120)
        snprintf(text, 32, "%" PRIu64 " s", s);
    else if (s < 7200)
        snprintf(text, 32, "%" PRIu64 " min", s / 60);
    else
        snprintf(text, 32, "%" PRIu64 " h", s / 3600);
    return text;
}

static void print_lost(FILE *out, const uint64_t dropped[REPORT_MAX_DROPS], uint64_t corrupt,
                       const struct text_style *style)
{
    char text[256];
    drops_print(dropped, text, sizeof(text));
    fprintf(out, "%s%s%s", *text ? style->red : "", text, *text ? style->plain : "");
    if (corrupt > 0)
        fprintf(out, "%s%scorrupt %" PRIu64 "%s", *text ? ", " : "", style->red, corrupt, style->plain);
    fputs(*text || corrupt > 0 ? "" : "-", out);
}

/* Where there were more than have a row. */
static void print_ended(FILE *out, const struct report *report, const struct text_style *style)
{
    const struct report_ended *ended = &report->ended;
    uint32_t n_shown = 0;
    for (uint32_t i = 0; i < report->n_processes; i++)
        n_shown += !report->processes[i].is_alive;
    if (ended->n_processes <= n_shown)
        return;
    fprintf(out, "  %7s  %-16s  %-20" PRIu64 "  %9" PRIu64 "  %9" PRIu64 "  %s%9s%s  ", "", "all that ended",
            ended->n_processes, ended->recorded, ended->exported, style->dim, "", style->plain);
    print_lost(out, ended->dropped, ended->corrupt, style);
    fputc('\n', out);
}

static void print_process(FILE *out, const struct report_process *process, const struct text_style *style)
{
    fprintf(out, "  %7u  ", process->pid);
    put_cell(out, process->name, 16);
    fputs("  ", out);
    put_cell(out, process->service, 20);
    fprintf(out, "  %9" PRIu64 "  %9" PRIu64 "  ", process->recorded, process->exported);
    if (process->is_alive)
        fprintf(out, "%9u  ", process->n_in_flight);
    else
        fprintf(out, "%s%9s%s  ", style->dim, "ended", style->plain);
    print_lost(out, process->dropped, process->corrupt, style);
    fputc('\n', out);
    if (process->live)
        fprintf(out, "           %slive settings: %s%s\n", style->dim, process->live, style->plain);
    if (process->excluded || process->kept || process->n_held || process->keep_dropped)
        fprintf(out,
                "           %sexcluded %" PRIu64 ", kept %" PRIu64 ", held %u, let go undecided %" PRIu64
                "%s\n",
                style->dim, process->excluded, process->kept, process->n_held, process->keep_dropped,
                style->plain);
    if (process->note)
        fprintf(out, "           %s%s%s\n", style->red, process->note, style->plain);
}

static void print_destination(FILE *out, const struct report_destination *destination,
                              const struct text_style *style)
{
    char when[32];
    fputs("  ", out);
    put_cell(out, destination->url, 46);
    fprintf(out, "  %9" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "  %8" PRIu64 "  %7" PRIu64 "\n",
            destination->exported, destination->queued, destination->spooled_batches, destination->rejected,
            destination->dropped);
    if (*destination->last_error)
        fprintf(out, "    %s%s, %s ago: %s%s\n", destination->is_down ? style->red : style->dim,
                destination->is_down ? "down" : "last error", ago(when, destination->last_error_unix_ns),
                destination->last_error, style->plain);
}

/* Nothing where nothing was to be told. */
static void print_alerts(FILE *out, const struct report_alerts *alerts, const struct text_style *style)
{
    if (!alerts->raised && !alerts->waiting)
        return;
    fprintf(out, "\n%sALERTS%s  %" PRIu64 " raised, %" PRIu64 " sent, %" PRIu64 " more of the same",
            style->bold, style->plain, alerts->raised, alerts->sent, alerts->suppressed);
    if (alerts->waiting)
        fprintf(out, ", %" PRIu64 " waiting", alerts->waiting);
    if (alerts->refused || alerts->dropped)
        fprintf(out, "%s, %" PRIu64 " refused, %" PRIu64 " dropped%s", style->red, alerts->refused,
                alerts->dropped, style->plain);
    fputs("  (otelshim alerts)\n", out);
    if (alerts->last_error && *alerts->last_error)
        fprintf(out, "    %slast error: %s%s\n", style->dim, alerts->last_error, style->plain);
}

static void print_log(FILE *out, const struct report *report, const struct text_style *style)
{
    const char *end = report->log + strlen(report->log), *from = end;
    for (uint32_t n_lines = 0; from > report->log; from--)
        if (from != end && from[-1] == '\n' && ++n_lines == TEXT_LOG_LINES)
            break;
    fprintf(out, "\n%sLOG%s  %s\n", style->bold, style->plain,
            report->log_path ? report->log_path : "on stderr");
    while (*from) {
        int bytes = (int)strcspn(from, "\n");
        fprintf(out, "  %s%.*s%s\n", style->dim, bytes, from, style->plain);
        from += bytes + (from[bytes] == '\n');
    }
}

void report_print_text(FILE *out, const struct report *report, bool has_colour)
{
    static const struct text_style coloured = {"\033[1m", "\033[2m", "\033[31m", "\033[0m"},
                                   plain = {"", "", "", ""};
    const struct text_style *style = has_colour ? &coloured : &plain;
    char up[32];
    fprintf(out, "exporter %u, up %s, serves %s\n", report->pid, ago(up, report->started_unix_ns),
            report->directory);

    fprintf(out, "\n%s  %7s  %-16s  %-20s  %9s  %9s  %9s  %s%s\n", style->bold, "PID", "PROGRAM", "SERVICE",
            "RECORDED", "EXPORTED", "IN FLIGHT", "DROPPED", style->plain);
    for (uint32_t i = 0; i < report->n_processes; i++)
        print_process(out, &report->processes[i], style);
    print_ended(out, report, style);
    if (report->n_processes == 0)
        fputs("  no program is traced\n", out);

    fprintf(out, "\n%s  %-46s  %9s  %7s  %7s  %8s  %7s%s\n", style->bold, "DESTINATION", "EXPORTED",
            "WAITING", "SPOOLED", "REJECTED", "DROPPED", style->plain);
    for (uint32_t i = 0; i < report->n_destinations; i++)
        print_destination(out, &report->destinations[i], style);
    if (report->n_destinations == 0)
        fputs("  none yet\n", out);
    print_alerts(out, &report->alerts, style);
    if (report->log && *report->log)
        print_log(out, report, style);
}

/* alerts: what was told and what waits, what is held back as the same, and silence for a while: asks every exporter there is. */
#include "outputs/alerts/alerts.h"
#include "cli/boxes.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/spool_size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS 3000u
#define MAX_MUTE_S (366ull * 86400) /* the exporter takes no more */

const char command_alerts_help[] =
    "usage: otelshim alerts [list|dedup] [-o text|json]\n"
    "       otelshim alerts mute DURATION | unmute\n"
    "\n"
    "list    what was told, to whom, and what still waits to be\n"
    "dedup   errors that are not told again: key, seconds left, how many were held back\n"
    "mute    send nothing for DURATION (90s, 30m, 2h, 1d): alerts are listed; crashes and\n"
    "        orders in doubt are sent, without a sound\n"
    "unmute  send again; the next alert of a problem says how many were not told\n"
    "\n"
    "  -o, --output text|json\n"
    "\n"
    "json is one document: {\"schema\":1,\"exporters\":[...]}.\n"
    "Exit status: 0; 2 wrong usage; 4 no exporter to ask (mute, unmute).\n";

/* "2h" in seconds; 0: not of that form, or too long. */
static uint64_t parse_duration(const char *text)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || text[0] < '0' || text[0] > '9' || number > MAX_MUTE_S)
        return 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0)
            return number * units[i].seconds <= MAX_MUTE_S ? number * units[i].seconds : 0;
    return 0;
}

/* Every exporter of this user; how many answered. */
static uint32_t ask_all(const char *request, bool is_json)
{
    static struct box_place places[BOXES_MAX];
    uint32_t n_places = boxes_list(places, BOXES_MAX), n = 0;
    for (uint32_t i = 0; i < n_places; i++) {
        char *text;
        if (!places[i].is_served || control_ask(places[i].path, request, ASK_TIMEOUT_MS, &text) != 0)
            continue;
        if (is_json && n)
            putchar(',');
        fputs(text, stdout);
        free(text);
        n++;
    }
    return n;
}

/* Where nobody serves, what the last exporter left on disk: nothing is sent from here. */
static void show_stored(const char *verb, bool is_json)
{
    char path[PATH_MAX], directory[PATH_MAX + 8];
    struct alerts *alerts;
    if (state_path(path) != 0)
        return;
    snprintf(directory, sizeof(directory), "%s/alerts", path);
    if (access(directory, R_OK | X_OK) != 0) {
        if (!is_json)
            puts(strcmp(verb, "list") == 0 ? "none yet" : "nothing is held back");
        return;
    }
    struct loop *loop = loop_create();
    if (alerts_create(&alerts, loop, path) == 0) {
        if (strcmp(verb, "list") == 0)
            alerts_print(alerts, stdout, is_json);
        else
            alerts_print_dedup(alerts, stdout, is_json);
        alerts_destroy(alerts);
    }
    loop_destroy(loop);
}

static int show(const char *verb, bool is_json)
{
    char request[CONTROL_MAX_REQUEST_BYTES];
    snprintf(request, sizeof(request), "alerts %s%s", verb, is_json ? " json" : "");
    if (is_json)
        fputs("{\"schema\":1,\"exporters\":[", stdout);
    if (ask_all(request, is_json) == 0)
        show_stored(verb, is_json);
    if (is_json)
        fputs("]}\n", stdout);
    return 0;
}

/* `duration` NULL: no more. */
static int mute(const char *duration)
{
    char request[CONTROL_MAX_REQUEST_BYTES] = "alerts unmute";
    if (duration)
        snprintf(request, sizeof(request), "alerts mute %" PRIu64, parse_duration(duration));
    if (ask_all(request, false) > 0)
        return 0;
    fputs("otelshim alerts: no exporter is running\n", stderr);
    return STATUS_UNREACHABLE;
}

static int refuse(const char *verb, const char *word, const char *allowed)
{
    fprintf(stderr, "otelshim alerts %s: %s%s%s\n", verb, word, *word ? ": " : "", allowed);
    return STATUS_USAGE;
}

int command_alerts(int argc, char **argv)
{
    const char *format = NULL, *words[2];
    bool is_json;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format}};
    int status = command_parse_words(argc, argv, rows, 1, words, 2);
    if (status == OPTIONS_FINE)
        status = command_parse_format("alerts", format, &is_json);
    if (status != OPTIONS_FINE)
        return status;
    const char *verb = words[0] ? words[0] : "list", *word = words[1] ? words[1] : "";
    bool is_mute = strcmp(verb, "mute") == 0, is_unmute = strcmp(verb, "unmute") == 0;
    if (!is_mute && !is_unmute && strcmp(verb, "list") != 0 && strcmp(verb, "dedup") != 0) {
        fprintf(stderr, "otelshim alerts: unknown operand '%s': list, dedup, mute or unmute\n", verb);
        return STATUS_USAGE;
    }
    if (is_mute && !parse_duration(word))
        return refuse(verb, word, "allowed is a duration like 90s, 30m, 2h, 1d, of a year at most");
    if (!is_mute && *word)
        return refuse(verb, word, "unexpected: see `otelshim help alerts`");
    if ((is_mute || is_unmute) && format)
        return refuse(verb, "-o", "only of list and dedup");
    return is_mute || is_unmute ? mute(words[1]) : show(verb, is_json);
}

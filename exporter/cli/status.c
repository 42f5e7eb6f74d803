/*
 * status: what is traced, where it goes, what went wrong: asks every exporter it may ask, and looks itself where there
 * is none.
 */
#include "base/terminal.h"
#include "cli/boxes.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/report.h"
#include "cli/spool_size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS 3000u

const char command_status_help[] =
    "usage: otelshim status [-o json]\n"
    "\n"
    "Shows the running exporters of this user (as root: of every user): the programs they serve and have "
    "served last,\n"
    "their destinations with the last error, the last lines of the log. Where no exporter runs it says what "
    "waits for the\n"
    "next one. It also tests whether a program started from this environment could be traced.\n"
    "\n"
    "  RECORDED  spans that came out of the program      EXPORTED  of these: delivered, or safe in the "
    "spool\n"
    "  IN FLIGHT calls open right now                    DROPPED   by the library, and why\n"
    "\n"
    "  -o, --output text|json\n"
    "\n"
    "json is one document: {\"schema\":1, \"exporters\":[{pid, uid, version, directory, started_at, "
    "processes:[{pid, uid,\n"
    "name, service, alive, recorded, exported, in_flight, dropped:{REASON:COUNT}, corrupt, note, live, "
    "excluded, held, kept,\n"
    "keep_dropped}], ended:{processes, recorded, exported, corrupt, dropped:{REASON:COUNT}},\n"
    "destinations:[{url, exported, rejected, dropped, repeated, queued, spooled_batches, spooled_bytes,\n"
    "down, last_error, last_error_at}], alerts:{raised, sent, suppressed, dropped, waiting, refused,\n"
    "last_error},\n"
    "log_path, log:[LINE]}], \"drop_boxes\":[{path, served, files}], \"spool\":{path, batches, bytes}, "
    "\"problem\":TEXT or\n"
    "null}. Times are RFC 3339. Members may be added.\n"
    "\n"
    "Exit status: 0, with or without an exporter; 1 the drop box cannot be written.\n";

struct answers {
    char *texts[BOXES_MAX];
    uint32_t n;
    const char *silent; /* served, but its exporter does not answer; NULL: none */
};

/* One exporter serves several boxes and listens in one. */
static void ask(struct answers *answers, const struct box_place *places, uint32_t n_places,
                const char *request)
{
    for (uint32_t i = 0; i < n_places; i++) {
        if (!places[i].is_served)
            continue;
        if (control_ask(places[i].path, request, ASK_TIMEOUT_MS, &answers->texts[answers->n]) == 0)
            answers->n++;
        else if (!answers->silent)
            answers->silent = places[i].path;
    }
}

static void print_json(const struct answers *answers, const struct box_place *places, uint32_t n_places,
                       const struct spool_size *spool, const struct problem *problem)
{
    fputs("{\"schema\":1,\"exporters\":[", stdout);
    for (uint32_t i = 0; i < answers->n; i++)
        printf("%s%s", i ? "," : "", answers->texts[i]);
    fputs("],\"drop_boxes\":[", stdout);
    for (uint32_t i = 0; i < n_places; i++) {
        printf("%s{\"path\":", i ? "," : "");
        report_put_string(stdout, places[i].path);
        printf(",\"served\":%s,\"files\":%u}", places[i].is_served ? "true" : "false", places[i].n_files);
    }
    fputs("],\"spool\":{\"path\":", stdout);
    report_put_string(stdout, spool->path);
    printf(",\"batches\":%" PRIu64 ",\"bytes\":%" PRIu64 "},\"problem\":", spool->n_batches, spool->n_bytes);
    if (problem->text[0])
        report_put_string(stdout, problem->text);
    else
        fputs("null", stdout);
    fputs("}\n", stdout);
}

static void print_waiting(const struct box_place *places, uint32_t n_places, const struct spool_size *spool)
{
    for (uint32_t i = 0; i < n_places; i++)
        if (!places[i].is_served && places[i].n_files > 0)
            printf("%s: %u program%s waiting for one\n", places[i].path, places[i].n_files,
                   places[i].n_files == 1 ? "'s file is" : "s' files are");
    if (spool->n_batches > 0)
        printf("%s: %" PRIu64 " batch%s (%" PRIu64 " KiB) not delivered yet\n", spool->path, spool->n_batches,
               spool->n_batches == 1 ? "" : "es", (spool->n_bytes + 1023) / 1024);
}

static void print_text(const struct answers *answers, const struct box_place *places, uint32_t n_places,
                       const struct spool_size *spool)
{
    for (uint32_t i = 0; i < answers->n; i++)
        printf("%s%s", i ? "\n" : "", answers->texts[i]);
    if (answers->n > 0)
        return;
    if (answers->silent)
        printf("an exporter serves %s, but does not answer\n", answers->silent);
    else
        puts("no exporter is running: the next traced program starts one");
    print_waiting(places, n_places, spool);
}

int command_status(int argc, char **argv)
{
    bool is_json;
    int status = command_parse_only_format(argc, argv, STATUS_USAGE, &is_json);
    if (status != OPTIONS_FINE)
        return status;

    char path[PATH_MAX];
    struct problem problem;
    int error = boxes_test(path, &problem);
    if (problem.text[0])
        fprintf(stderr, "otelshim status: %s\n", problem.text);
    static struct box_place places[BOXES_MAX];
    uint32_t n_places = boxes_list(places, BOXES_MAX);
    struct answers answers = {.n = 0};
    struct spool_size spool = {.n_batches = 0};
    ask(&answers, places, n_places,
        is_json                              ? "status json"
        : terminal_has_colour(STDOUT_FILENO) ? "status colour"
                                             : "status");
    spool_look(&spool);
    if (is_json)
        print_json(&answers, places, n_places, &spool, &problem);
    else
        print_text(&answers, places, n_places, &spool);
    for (uint32_t i = 0; i < answers.n; i++)
        free(answers.texts[i]);
    return error ? STATUS_FAILED : 0;
}

/*
 * symbolize: names for addresses. For people: of a report whose frames had none, or of MODULE+0xOFFSET. And what the exporter starts
 * for every crash (--case): a process that may die of what it reads, under limits that the exporter set.
 */
#include "base/terminal.h"
#include "cli/command.h"
#include "cli/crash_list.h"
#include "cli/report.h"
#include "signals/crash/call_stack.h"
#include "signals/crash/report.h"
#include "signals/crash/title.h"
#include "sources/crash/disposable.h"

#include "symbols.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char command_symbolize_help[] =
    "usage: otelshim symbolize [--save] [-o json] REPORT\n"
    "       otelshim symbolize [-o json] MODULE+0xOFFSET...\n"
    "\n"
    "Names what a crash report could not name when it was made, now that symbols are there: debug packages, "
    "an\n"
    "unstripped build of the same build id, a debuginfod server (DEBUGINFOD_URLS). REPORT is a report's file "
    "or what\n"
    "`otelshim crashes` takes; the last one of those that match.\n"
    "\n"
    "  --save        puts the names into the stored report\n"
    "  --root DIR    where the files are, instead of /\n"
    "  -o, --output text|json   json: the report; of addresses {\"schema\":1,\"addresses\":[{address, "
    "frames:[...]}]}\n"
    "\n"
    "Exit status: 0; 1 there is no such report, or nothing could be named; 2 wrong usage.\n";

struct wishes {
    const char *case_file, *into, *root, *format;
    bool is_json, is_saved, is_call;
};

static const char *debuginfod_urls(void)
{
    return getenv("DEBUGINFOD_URLS"); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* ---- the exporter's child ---- */

/* Twice: what is there first survives whatever the second half does to this process. */
static int write_reports(const struct crash_case *crash, int directory, const char *stem)
{
    static const enum crash_depth depths[] = {CRASH_FIRST, CRASH_THREADS};
    int status = -ENOENT;
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        struct crash_report report = {0};
        bool is_more = i == 0 || crash->n_threads > 1 || (crash->n_threads && !crash->threads[0].is_crashed);
        if (!is_more)
            break;
        crash_report_make(&report, crash, depths[i]);
        status = crash_report_save(&report, directory, stem);
        crash_report_fini(&report);
    }
    return status;
}

static int symbolize_case(const struct wishes *wishes)
{
    struct crash_case crash = {0};
    const char *slash = strrchr(wishes->case_file, '/');
    const char *name = slash ? slash + 1 : wishes->case_file, *dot = strrchr(name, '.');
    char *stem = strndup(name, dot && dot != name ? (size_t)(dot - name) : strlen(name));
    int fd = open(wishes->case_file, O_RDONLY | O_CLOEXEC);
    int status = fd < 0 || !stem ? -errno : crash_case_read(&crash, fd);
    if (!crash.debuginfod)
        crash.debuginfod = debuginfod_urls();
    int directory = open(wishes->into ? wishes->into : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (status == 0)
        status = directory < 0 ? -errno : write_reports(&crash, directory, stem);
    if (status != 0)
        fprintf(stderr, "otelshim symbolize: %s: %s\n", wishes->case_file, strerrordesc_np(-status));
    crash_case_fini(&crash);
    if (fd >= 0)
        close(fd);
    if (directory >= 0)
        close(directory);
    free(stem);
    return status == 0 ? 0 : STATUS_FAILED;
}

/* Of a call that failed: the answer takes the place of the case, in memory that only the exporter sees. */
static int symbolize_call(void)
{
    struct crash_case crash = {0};
    struct crash_report report = {0};
    if (crash_case_read(&crash, DISPOSABLE_DATA_FD) != 0 || ftruncate(DISPOSABLE_DATA_FD, 0) != 0 ||
        lseek(DISPOSABLE_DATA_FD, 0, SEEK_SET) != 0)
        return STATUS_FAILED;
    FILE *out = fdopen(DISPOSABLE_DATA_FD, "w");
    crash_report_make(&report, &crash, CRASH_FIRST);
    if (out && report.n_threads && crash.threads[0].n_memory)
        call_stack_print_marks(out, &report.threads[0].stack, &crash.threads[0].memory[0]);
    if (out && report.n_threads)
        call_stack_print(out, &report.arena, &report.threads[0].stack);
    int status = out && fclose(out) == 0 ? 0 : STATUS_FAILED;
    crash_report_fini(&report);
    crash_case_fini(&crash);
    return status;
}

/* ---- addresses ---- */

static bool split_address(const char *text, char ret_module[PATH_MAX], uint64_t *ret_offset)
{
    const char *plus = strrchr(text, '+');
    char *end;
    if (!plus || plus == text || strncmp(plus, "+0x", 3) != 0 || (size_t)(plus - text) >= PATH_MAX)
        return false;
    snprintf(ret_module, PATH_MAX, "%.*s", (int)(plus - text), text);
    *ret_offset = strtoull(plus + 3, &end, 16);
    return !*end && end > plus + 3;
}

static const char *name_of(const struct symbols_frame *frame)
{
    return frame->function ? frame->function : frame->symbol;
}

static void print_address(const char *text, const struct symbols_stack *stack, bool is_utf8)
{
    char shown[PATH_MAX];
    const char *before = text;
    for (uint32_t i = 0; stack && i < stack->n_frames; i++) {
        const struct symbols_frame *frame = &stack->frames[i];
        if (!name_of(frame))
            continue;
        terminal_copy_text(shown, sizeof(shown), name_of(frame), is_utf8);
        printf("%s %s", before, shown);
        terminal_copy_text(shown, sizeof(shown), frame->file ? frame->file : "", is_utf8);
        if (*shown)
            printf(" at %s:%d", shown, frame->line);
        puts(frame->is_approximate ? " [nearest symbol]" : "");
        before = "  in";
    }
    if (before == text)
        printf("%s ??\n", text);
}

static void print_address_json(const char *text, const struct symbols_stack *stack)
{
    const char *separator = "";
    fputs("{\"address\":", stdout);
    report_put_string(stdout, text);
    fputs(",\"frames\":[", stdout);
    for (uint32_t i = 0; stack && i < stack->n_frames; i++) {
        const struct symbols_frame *frame = &stack->frames[i];
        if (!name_of(frame))
            continue;
        printf("%s{\"function\":", separator);
        report_put_string(stdout, name_of(frame));
        fputs(",\"file\":", stdout);
        if (frame->file)
            report_put_string(stdout, frame->file);
        else
            fputs("null", stdout);
        printf(",\"line\":%d,\"nearest\":%s}", frame->file ? frame->line : 0,
               frame->is_approximate ? "true" : "false");
        separator = ",";
    }
    fputs("]}", stdout);
}

static bool name_address(struct symbols *symbols, const char *text, const struct wishes *wishes)
{
    char module[PATH_MAX], path[2 * PATH_MAX];
    uint64_t offset;
    bool has_name = false;
    if (!split_address(text, module, &offset))
        return false;
    const struct symbols_stack *stack = symbols_name_offset(symbols, module, NULL, offset);
    for (uint32_t i = 0; stack && i < stack->n_frames; i++)
        has_name |= name_of(&stack->frames[i]) != NULL;
    if (wishes->is_json)
        print_address_json(text, stack);
    else
        print_address(text, stack, terminal_is_utf8());
    snprintf(path, sizeof(path), "%s%s", wishes->root ? wishes->root : "", module);
    if (!has_name && access(path, R_OK) != 0)
        fprintf(stderr, "otelshim symbolize: %s: %s\n", path, strerrordesc_np(errno));
    return has_name;
}

static int name_addresses(int argc, char **argv, const struct wishes *wishes)
{
#ifdef __aarch64__
    const uint16_t machine = EM_AARCH64;
#else
    const uint16_t machine = EM_X86_64;
#endif
    struct symbols_input input = {.machine = machine, .root = wishes->root ? wishes->root : ""};
    struct symbols *symbols;
    uint32_t n_named = 0;
    input.debuginfod = debuginfod_urls();
    if (symbols_open(&symbols, &input) != 0)
        return STATUS_FAILED;
    fputs(wishes->is_json ? "{\"schema\":1,\"addresses\":[" : "", stdout);
    for (int i = 0; i < argc; i++) {
        fputs(wishes->is_json && i ? "," : "", stdout);
        n_named += name_address(symbols, argv[i], wishes);
    }
    fputs(wishes->is_json ? "]}\n" : "", stdout);
    symbols_close(symbols);
    return n_named == (uint32_t)argc ? 0 : STATUS_FAILED;
}

/* ---- a report ---- */

/* A file's path, or what `crashes` takes. */
static bool find_report(const char *text, struct crash_list *list, struct crash_entry *entry)
{
    const char *slash = strrchr(text, '/');
    size_t bytes = strlen(text);
    bool is_file = bytes > 5 && strcmp(text + bytes - 5, ".json") == 0 && access(text, R_OK) == 0;
    if (!is_file) {
        struct crash_filter filter = {.match = strcmp(text, "-1") == 0 ? NULL : text, .is_last = true};
        crash_list_load(list, &filter);
        return list->n > 0;
    }
    snprintf(entry->directory, sizeof(entry->directory), "%.*s", slash ? (int)(slash - text) + 1 : 1,
             slash ? text : ".");
    const char *name = slash ? slash + 1 : text;
    snprintf(entry->stem, sizeof(entry->stem), "%.*s", (int)strlen(name) - 5, name);
    int directory = open(entry->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = directory < 0 ? -errno : crash_report_load(&entry->report, directory, entry->stem);
    if (directory >= 0)
        close(directory);
    return status == 0;
}

static bool save(const struct crash_entry *entry)
{
    int directory = open(entry->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = directory < 0 ? -errno : crash_report_save(&entry->report, directory, entry->stem);
    if (status != 0)
        fprintf(stderr, "otelshim symbolize: %s/%s.json: %s\n", entry->directory, entry->stem,
                strerrordesc_np(-status));
    if (directory >= 0)
        close(directory);
    return status == 0;
}

static int symbolize_report(const char *text, const struct wishes *wishes)
{
    static struct crash_entry from_file;
    struct crash_list list = {.n = 0};
    if (!find_report(text, &list, &from_file)) {
        fprintf(stderr, "otelshim symbolize: no report '%s'%s\n", text,
                strchr(text, '+') ? "; an address is MODULE+0xOFFSET" : "");
        return STATUS_FAILED;
    }
    struct crash_entry *entry = list.n ? list.entries[0] : &from_file;
    uint32_t n = crash_report_name_frames(&entry->report, wishes->root, debuginfod_urls());
    int status = n ? 0 : STATUS_FAILED;
    if (n && wishes->is_saved && !save(entry))
        status = STATUS_FAILED;
    if (wishes->is_json) {
        char *document = crash_report_to_json(&entry->report, true);
        puts(document ? document : "");
        free(document);
    } else {
        crash_report_print(stdout, &entry->report, terminal_has_colour(STDOUT_FILENO), terminal_is_utf8());
    }
    fprintf(stderr, "%u frame%s named\n", n, n == 1 ? "" : "s");
    crash_report_fini(&from_file.report);
    crash_list_fini(&list);
    return status;
}

int command_symbolize(int argc, char **argv)
{
    struct wishes wishes = {.root = NULL};
    const struct option_row rows[] = {
        {"--case", NULL, NULL, &wishes.case_file}, {"--call", NULL, &wishes.is_call, NULL},
        {"--into", NULL, NULL, &wishes.into},      {"--root", NULL, NULL, &wishes.root},
        {"--save", NULL, &wishes.is_saved, NULL},  {"--output", "-o", NULL, &wishes.format}};
    bool is_last = argc > 1 && strcmp(argv[argc - 1], "-1") == 0;
    int first = 1, status = command_parse_options(argc - is_last, argv, rows, sizeof(rows) / sizeof(rows[0]),
                                                  STATUS_USAGE, &first);
    char module[PATH_MAX];
    uint64_t offset;
    if (status == OPTIONS_FINE)
        status = command_parse_format(argv[0], wishes.format, &wishes.is_json);
    if (status != OPTIONS_FINE)
        return status;
    if (wishes.case_file)
        return symbolize_case(&wishes);
    if (wishes.is_call)
        return symbolize_call();
    if (first >= argc) {
        fputs("otelshim symbolize: a report, or MODULE+0xOFFSET: see `otelshim help symbolize`\n", stderr);
        return STATUS_USAGE;
    }
    bool are_addresses = true;
    for (int i = first; i < argc; i++)
        are_addresses &= split_address(argv[i], module, &offset);
    if (are_addresses)
        return name_addresses(argc - first, argv + first, &wishes);
    if (argc - first > 1)
        return command_refuse_operands(argc, argv, first + 1, STATUS_USAGE);
    return symbolize_report(argv[first], &wishes);
}

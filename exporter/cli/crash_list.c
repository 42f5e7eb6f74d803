/* crash_list: see crash_list.h. */
#include "cli/crash_list.h"

#include "cli/boxes.h"
#include "signals/crash/own.h"
#include "signals/crash/report.h"
#include "sources/crash/store.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENDING ".json"
#define NS_PER_S 1000000000ull

/* ---- which ---- */

/* COMM is what the kernel calls it: 15 bytes of the name. */
static bool is_meant(const struct crash_report *report, const char *match)
{
    char *end;
    size_t bytes = strlen(match);
    unsigned long pid = strtoul(match, &end, 10);
    if (*match && !*end && pid == report->pid)
        return true;
    if (strchr(match, '/'))
        return report->exe && strcmp(report->exe, match) == 0;
    const char *name = own_base_name(report->exe);
    bool is_hexadecimal = bytes >= 6 && strspn(match, "0123456789abcdef-") == bytes;
    return strcmp(name, match) == 0 || (bytes == 15 && strncmp(name, match, bytes) == 0) ||
           (is_hexadecimal && ((report->id && strncmp(report->id, match, bytes) == 0) ||
                               (report->fingerprint && strncmp(report->fingerprint, match, bytes) == 0)));
}

static bool passes(const struct crash_filter *filter, const struct crash_report *report)
{
    return (!filter->match || is_meant(report, filter->match)) &&
           (!filter->since_unix_ns || report->time_unix_ns >= filter->since_unix_ns) &&
           (!filter->until_unix_ns || report->time_unix_ns <= filter->until_unix_ns);
}

/* ---- all of them ---- */

static void add(struct crash_list *list, struct crash_entry *entry)
{
    if (list->n == list->max) {
        list->max = list->max ? 2 * list->max : 64;
        list->entries = realloc(list->entries, list->max * sizeof(struct crash_entry *));
        if (!list->entries)
            abort();
    }
    list->entries[list->n++] = entry;
}

static void destroy(struct crash_entry *entry)
{
    crash_report_fini(&entry->report);
    free(entry);
}

static void load_one(struct crash_list *list, const struct crash_filter *filter, const char *directory,
                     int fd, const char *name)
{
    size_t bytes = strlen(name), ending = strlen(ENDING);
    if (bytes <= ending || name[0] == '.' || strcmp(name + bytes - ending, ENDING) != 0)
        return;
    struct crash_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    snprintf(entry->directory, sizeof(entry->directory), "%s", directory);
    snprintf(entry->stem, sizeof(entry->stem), "%.*s", (int)(bytes - ending), name);
    int status = crash_report_load(&entry->report, fd, entry->stem);
    list->n_unreadable += status != 0 && status != -ENOENT;
    if (status == 0 && passes(filter, &entry->report))
        add(list, entry);
    else
        destroy(entry);
}

static void load_directory(struct crash_list *list, const struct crash_filter *filter, const char *directory)
{
    DIR *files = opendir(directory);
    if (!files)
        return;
    for (struct dirent *file; (file = readdir(files));) /* NOLINT(concurrency-mt-unsafe): our own stream */
        load_one(list, filter, directory, dirfd(files), file->d_name);
    closedir(files);
}

static int compare(const void *left, const void *right)
{
    const struct crash_entry *a = *(struct crash_entry *const *)left,
                             *b = *(struct crash_entry *const *)right;
    uint64_t at = a->report.time_unix_ns, bt = b->report.time_unix_ns;
    return at != bt ? (at > bt) - (at < bt) : strcmp(a->stem, b->stem);
}

/* Where an exporter puts them that cannot write there. Of our own boxes alone: `prune` removes what is listed. */
static void load_boxes(struct crash_list *list, const struct crash_filter *filter)
{
    struct box_place boxes[BOXES_MAX];
    uint32_t n = boxes_list(boxes, BOXES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct stat status;
        if (snprintf(path, sizeof(path), "%s/" STORE_IN_BOX, boxes[i].path) < (int)sizeof(path) &&
            lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid())
            load_directory(list, filter, path);
    }
}

void crash_list_load(struct crash_list *ret_list, const struct crash_filter *filter)
{
    struct crash_list *list = ret_list;
    *list = (struct crash_list){.n = 0};
    if (crash_store_path(list->path) == 0)
        load_directory(list, filter, list->path);
    if (strcmp(list->path, STORE_SERVICE_PATH) != 0)
        load_directory(list, filter, STORE_SERVICE_PATH);
    load_boxes(list, filter);
    if (list->n)
        qsort(list->entries, list->n, sizeof(struct crash_entry *), compare);
    uint32_t keep = filter->is_last ? 1 : filter->max_count;
    if (!keep || list->n <= keep)
        return;
    uint32_t n_gone = list->n - keep;
    for (uint32_t i = 0; i < n_gone; i++)
        destroy(list->entries[i]);
    memmove(list->entries, list->entries + n_gone, keep * sizeof(struct crash_entry *));
    list->n = keep;
}

void crash_list_fini(struct crash_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        destroy(list->entries[i]);
    free(list->entries);
    *list = (struct crash_list){.n = 0};
}

/* ---- times ---- */

/* "-2h", "-30min", "-1d" */
static bool parse_ago(const char *text, time_t now, time_t *ret_time)
{
    static const struct {
        const char *name;
        time_t seconds;
    } units[] = {{"s", 1}, {"sec", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    char *end;
    unsigned long n = strtoul(text + 1, &end, 10);
    for (size_t i = 0; *text == '-' && end > text + 1 && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0) {
            *ret_time = now - (time_t)n * units[i].seconds;
            return true;
        }
    return false;
}

static time_t midnight(time_t now, int days)
{
    struct tm parts;
    localtime_r(&now, &parts);
    parts.tm_mday += days;
    parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
    parts.tm_isdst = -1;
    return mktime(&parts);
}

static bool parse_calendar(const char *text, time_t now, time_t *ret_time)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d",          "%H:%M:%S",          "%H:%M"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts;
        localtime_r(&now, &parts);
        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        parts.tm_isdst = -1;
        const char *rest = strptime(text, forms[i], &parts);
        if (!rest)
            continue;
        if (*rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (*rest && strcmp(rest, "Z") != 0)
            continue;
        *ret_time = *rest ? timegm(&parts) : mktime(&parts);
        return true;
    }
    return false;
}

int crash_list_parse_time(const char *text, uint64_t *ret_unix_ns, struct problem *ret_problem)
{
    time_t now = time(NULL), found;
    char *end;
    if (strcmp(text, "now") == 0)
        found = now;
    else if (strcmp(text, "today") == 0)
        found = midnight(now, 0);
    else if (strcmp(text, "yesterday") == 0)
        found = midnight(now, -1);
    else if (*text == '@' && (found = (time_t)strtoll(text + 1, &end, 10)) > 0 && !*end)
        ;
    else if (!parse_ago(text, now, &found) && !parse_calendar(text, now, &found)) {
        snprintf(ret_problem->text, sizeof(ret_problem->text),
                 "'%.60s' is no time: \"2026-01-31 09:00\", \"09:00\", \"-2h\", yesterday, @SECONDS", text);
        return -EINVAL;
    }
    *ret_unix_ns = found > 0 ? (uint64_t)found * NS_PER_S : 1;
    return 0;
}

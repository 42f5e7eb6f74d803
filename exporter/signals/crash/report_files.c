/* report_files: a report on disk: STEM.json and STEM.txt. */
#include "signals/crash/report.h"

#include "base/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 200u

static int print_name(char ret_name[NAME_MAX_BYTES], const char *stem, const char *ending)
{
    return snprintf(ret_name, NAME_MAX_BYTES, "%s%s", stem, ending) < (int)NAME_MAX_BYTES ? 0 : -ENAMETOOLONG;
}

static int write_file(int directory, const char *stem, const char *ending, const char *text, size_t n_bytes)
{
    char name[NAME_MAX_BYTES];
    struct file_part part = {text, n_bytes};
    int error = print_name(name, stem, ending);
    return error ? error : file_write_atomic(directory, name, &part, 1);
}

static int write_text(const struct crash_report *report, int directory, const char *stem)
{
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *out = open_memstream(&text, &n_bytes);
    if (!out)
        return -ENOMEM;
    crash_report_print(out, report, false, true);
    int status = fclose(out) == 0 ? write_file(directory, stem, ".txt", text, n_bytes) : -ENOMEM;
    free(text);
    return status;
}

/* A disk that has no room for both: what is there is whole, or is not there. */
static void remove_text(int directory, const char *stem)
{
    char name[NAME_MAX_BYTES];
    if (print_name(name, stem, ".txt") == 0)
        (void)unlinkat(directory, name, 0);
}

int crash_report_save(const struct crash_report *report, int directory, const char *stem)
{
    char *json = crash_report_to_json(report, true);
    if (!json)
        return -ENOMEM;
    int status = write_text(report, directory, stem); /* the JSON last: who sees it finds both */
    if (status == 0)
        status = write_file(directory, stem, ".json", json, strlen(json));
    if (status != 0)
        remove_text(directory, stem);
    free(json);
    return status;
}

int crash_report_load(struct crash_report *ret_report, int directory, const char *stem)
{
    char name[NAME_MAX_BYTES];
    uint8_t *bytes;
    size_t n_bytes;
    int status = print_name(name, stem, ".json");
    if (status != 0)
        return status;
    status = file_read(directory, name, CRASH_REPORT_MAX_BYTES, &bytes, &n_bytes);
    if (status != 0)
        return status;
    status = crash_report_from_json(ret_report, (const char *)bytes, n_bytes);
    free(bytes);
    return status;
}

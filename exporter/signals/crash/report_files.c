/* report_files: a report on disk: STEM.json and STEM.txt. */
#include "signals/crash/report.h"

#include "base/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200u

static int write_file(int directory, const char *stem, const char *ending, const char *text, size_t n_bytes)
{
    char name[NAME_MAX_BYTES];
    struct file_part part = {text, n_bytes};
    if (snprintf(name, sizeof(name), "%s%s", stem, ending) >= (int)sizeof(name))
        return -ENAMETOOLONG;
    return file_write_atomic(directory, name, &part, 1);
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

int crash_report_save(const struct crash_report *report, int directory, const char *stem)
{
    char *json = crash_report_to_json(report, true);
    if (!json)
        return -ENOMEM;
    int status = write_text(report, directory, stem); /* the JSON last: who sees it finds both */
    if (status == 0)
        status = write_file(directory, stem, ".json", json, strlen(json));
    free(json);
    return status;
}

int crash_report_load(struct crash_report *ret_report, int directory, const char *stem)
{
    char name[NAME_MAX_BYTES];
    uint8_t *bytes;
    size_t n_bytes;
    if (snprintf(name, sizeof(name), "%s.json", stem) >= (int)sizeof(name))
        return -ENAMETOOLONG;
    int status = file_read(directory, name, CRASH_REPORT_MAX_BYTES, &bytes, &n_bytes);
    if (status != 0)
        return status;
    status = crash_report_from_json(ret_report, (const char *)bytes, n_bytes);
    free(bytes);
    return status;
}

/*
 * fuzz_crash_case: whatever stands in a case file, a report is made of it, in both forms, and its JSON is read back.
 */
#include "signals/crash/report.h"
#include "telemetry/crash_case.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void report(const struct crash_case *crash)
{
    struct crash_report made = {0}, again = {0};
    crash_report_make(&made, crash, CRASH_RAW);
    char *json = crash_report_to_json(&made, true);
    check(json != NULL);
    check(crash_report_from_json(&again, json, strlen(json)) == 0);
    FILE *out = fopen("/dev/null", "w");
    crash_report_print(out, &again, true, true);
    fclose(out);
    free(json);
    crash_report_fini(&again);
    crash_report_fini(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("case", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    struct crash_case crash = {0};
    if (crash_case_read(&crash, fd) == 0) {
        report(&crash);
        crash_case_fini(&crash);
    }
    close(fd);
    return 0;
}

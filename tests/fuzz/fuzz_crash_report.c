/*
 * fuzz_crash_report: whatever stands in a report's file, it is refused, or told again in all its forms.
 */
#include "signals/crash/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crash_report report = {0};
    if (crash_report_from_json(&report, (const char *)data, size) != 0)
        return 0;
    struct arena arena = {0};
    FILE *out = fopen("/dev/null", "w");
    crash_report_print(out, &report, false, false);
    fclose(out);
    (void)crash_report_stacktrace(&arena, &report);
    char *json = crash_report_to_json(&report, false);
    if (!json)
        abort();
    free(json);
    arena_fini(&arena);
    crash_report_fini(&report);
    return 0;
}

/*
 * crash_list: the reports on this machine that this user may read, and which of them somebody means.
 *
 * Context: commands. Ownership: crash_list_fini().
 */
#ifndef OTELSHIM_CRASH_LIST_H
#define OTELSHIM_CRASH_LIST_H

#include "settings/settings.h"
#include "telemetry/crash_report.h"
#include <limits.h>

struct crash_entry {
    char directory[PATH_MAX], stem[NAME_MAX + 1];
    struct crash_report report;
};

struct crash_list {
    struct crash_entry **entries; /* oldest first */
    uint32_t n, max;
    uint32_t n_unreadable;
    char path[PATH_MAX]; /* where they are looked for, for messages */
};

struct crash_filter {
    const char *match; /* PID, COMM, EXE, ID or the beginning of one, fingerprint's beginning; NULL: all */
    bool is_last;
    uint32_t max_count;                    /* the last ones; 0: all */
    uint64_t since_unix_ns, until_unix_ns; /* 0: none */
};

/* Reads all; what the filter does not mean is left out. */
void crash_list_load(struct crash_list *ret_list, const struct crash_filter *filter);
void crash_list_fini(struct crash_list *list);
/* "2026-01-31 09:00", "09:00", "-2h", "yesterday", "@1700000000". 0, -EINVAL with one line. */
int crash_list_parse_time(const char *text, uint64_t *ret_unix_ns, struct problem *ret_problem);

#endif

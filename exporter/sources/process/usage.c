/* usage: see usage.h. */
#include "sources/process/usage.h"

#include "base/clock.h"
#include "sources/process/proc.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FIELDS 24u /* of stat, from state (3) on */

/* Numbers of stat(5), as they are counted there. */
enum {
    STAT_MINFLT = 10,
    STAT_MAJFLT = 12,
    STAT_UTIME = 14,
    STAT_STIME,
    STAT_THREADS = 20,
    STAT_STARTTIME = 22
};

/* The name may hold blanks and parentheses: fields are counted from the last one. */
static bool read_stat(int proc_fd, uint64_t ret_fields[MAX_FIELDS])
{
    char text[1024];
    if (proc_read(proc_fd, "stat", text, sizeof(text)) < 0)
        return false;
    char *at = strrchr(text, ')');
    if (!at || at[1] != ' ' || !at[2])
        return false;
    at += 3; /* behind the state */
    for (uint32_t field = 4; field < MAX_FIELDS; field++) {
        char *end;
        ret_fields[field] = strtoull(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    return true;
}

static void set_times(const uint64_t fields[MAX_FIELDS], struct usage *usage)
{
    double ticks_per_s = (double)sysconf(_SC_CLK_TCK);
    double started_s = (double)fields[STAT_STARTTIME] / ticks_per_s; /* since boot */
    double boot_s = (double)clock_ns(CLOCK_BOOTTIME) / 1e9;
    usage->user_s = (double)fields[STAT_UTIME] / ticks_per_s;
    usage->system_s = (double)fields[STAT_STIME] / ticks_per_s;
    usage->uptime_s = boot_s > started_s ? boot_s - started_s : 0;
    usage->start_unix_ns = clock_ns(CLOCK_REALTIME) - (uint64_t)(usage->uptime_s * 1e9);
    usage->threads = (int64_t)fields[STAT_THREADS];
    usage->minor_faults = (int64_t)fields[STAT_MINFLT];
    usage->major_faults = (int64_t)fields[STAT_MAJFLT];
    usage->known |= USAGE_CPU | USAGE_UPTIME | USAGE_THREADS | USAGE_FAULTS;
}

static void read_memory(int proc_fd, struct usage *usage)
{
    char text[256], *end;
    if (proc_read(proc_fd, "statm", text, sizeof(text)) < 0)
        return;
    int64_t page = sysconf(_SC_PAGESIZE);
    usage->virtual_bytes = strtoll(text, &end, 10) * page;
    usage->resident_bytes = strtoll(end, NULL, 10) * page;
    usage->known |= USAGE_MEMORY;
}

/* The number behind "\n<name>"; false where there is none. */
static bool find_number(const char *text, const char *name, int64_t *ret_number)
{
    size_t bytes = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, bytes) != 0)
            continue;
        *ret_number = strtoll(line + bytes, NULL, 10);
        return true;
    }
    return false;
}

static void read_switches(int proc_fd, struct usage *usage)
{
    char text[4096];
    if (proc_read(proc_fd, "status", text, sizeof(text)) >= 0 &&
        find_number(text, "voluntary_ctxt_switches:", &usage->voluntary_switches) &&
        find_number(text, "nonvoluntary_ctxt_switches:", &usage->involuntary_switches))
        usage->known |= USAGE_SWITCHES;
}

/* What went through to storage, not what was asked for. */
static void read_io(int proc_fd, struct usage *usage)
{
    char text[512];
    if (proc_read(proc_fd, "io", text, sizeof(text)) >= 0 &&
        find_number(text, "read_bytes:", &usage->read_bytes) &&
        find_number(text, "write_bytes:", &usage->written_bytes))
        usage->known |= USAGE_IO;
}

static void count_descriptors(int proc_fd, struct usage *usage)
{
    int fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) /* NOLINT(concurrency-mt-unsafe): our own */
        usage->descriptors += entry->d_name[0] != '.';
    closedir(entries);
    usage->known |= USAGE_DESCRIPTORS;
}

bool usage_read(uint32_t pid, uint64_t start_ticks, struct usage *ret_usage)
{
    int proc_fd = start_ticks ? proc_open(pid) : -1;
    if (proc_fd < 0)
        return false;
    struct usage usage = {.known = 0};
    uint64_t fields[MAX_FIELDS];
    bool is_it = read_stat(proc_fd, fields) && fields[STAT_STARTTIME] == start_ticks;
    if (is_it) {
        set_times(fields, &usage);
        read_memory(proc_fd, &usage);
        read_switches(proc_fd, &usage);
        read_io(proc_fd, &usage);
        count_descriptors(proc_fd, &usage);
        *ret_usage = usage;
    }
    close(proc_fd);
    return is_it;
}

/* doctor_process: a running process: is the library in it, does it record, what became of that? */
#include "cli/boxes.h"
#include "cli/control.h"
#include "cli/doctor.h"
#include "cli/self.h"
#include "sources/dropbox/header.h"
#include "sources/process/proc.h"
#include "telemetry/drops.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOPIC "process"
#define ENVIRONMENT_MAX_BYTES (2u << 20)
#define ASK_TIMEOUT_MS 1000u
#define START_WITH "otelshim run -- PROGRAM: a process cannot be given the library while it runs"

struct process_look {
    uint32_t pid;
    char exe[PATH_MAX];
    char file[PATH_MAX]; /* its mapped file; "" none */
    bool has_library, is_readable;
    char *environment;
    size_t environment_bytes;
};

/* ---- reading ---- */

static char *read_whole(uint32_t pid, const char *name, size_t *ret_bytes)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
    FILE *file = fopen(path, "re");
    char *bytes = file ? calloc(1, ENVIRONMENT_MAX_BYTES + 1) : NULL;
    *ret_bytes = bytes ? fread(bytes, 1, ENVIRONMENT_MAX_BYTES, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* "... rw-s ... /dev/shm/otelshim-0/4711-123-0" is the mapped file. */
static bool is_mapped_file(const char *line, const char *path)
{
    const char *name = strrchr(path, '/');
    return name && strstr(line, " rw-s ") && name[1 + strspn(name + 1, "0123456789-")] == 0 && name[1] &&
           strchr(name, '-');
}

static void read_maps(struct process_look *look)
{
    char path[64], line[PATH_MAX + 200];
    snprintf(path, sizeof(path), "/proc/%u/maps", look->pid);
    FILE *file = fopen(path, "re");
    look->is_readable = false;
    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = 0;
        const char *mapped = strchr(line, '/');
        look->is_readable = true;
        if (!mapped)
            continue;
        const char *slash = strrchr(mapped, '/');
        look->has_library |= strncmp(slash + 1, SELF_LIBRARY, strlen(SELF_LIBRARY)) == 0;
        if (is_mapped_file(line, mapped))
            snprintf(look->file, sizeof(look->file), "%s", mapped);
    }
    if (file)
        fclose(file);
}

static const char *variable(void *context, const char *name)
{
    const struct process_look *look = context;
    size_t n = strlen(name);
    for (size_t at = 0; at < look->environment_bytes; at += strlen(look->environment + at) + 1)
        if (strncmp(look->environment + at, name, n) == 0 && look->environment[at + n] == '=')
            return look->environment + at + n + 1;
    return NULL;
}

static bool is_secure(uint32_t pid)
{
    size_t bytes;
    char *vector = read_whole(pid, "auxv", &bytes);
    bool is_secure = false;
    for (size_t at = 0; vector && at + sizeof(ElfW(auxv_t)) <= bytes; at += sizeof(ElfW(auxv_t))) {
        ElfW(auxv_t) entry;
        memcpy(&entry, vector + at, sizeof(entry));
        is_secure |= entry.a_type == AT_SECURE && entry.a_un.a_val;
    }
    free(vector);
    return is_secure;
}

/* ---- without the library ---- */

static void tell_missing(struct doctor *doctor, struct process_look *look)
{
    const char *preload = variable(look, "LD_PRELOAD");
    char path[PATH_MAX];
    doctor_say(doctor, FINDING_FAIL, TOPIC, START_WITH, "%u (%s) runs without the library", look->pid,
               look->exe);
    if (is_secure(look->pid))
        doctor_say(doctor, FINDING_FAIL, TOPIC, "start it without setuid, setgid and file capabilities",
                   "it was started setuid, setgid or with file capabilities: LD_PRELOAD was ignored");
    else if (!preload || !strstr(preload, SELF_LIBRARY))
        doctor_say(doctor, FINDING_WARN, TOPIC, "LD_PRELOAD=" SELF_LIBRARY " in its environment",
                   "its environment has no LD_PRELOAD with the library");
    doctor_look_at_program(doctor, look->exe, variable(look, "LD_LIBRARY_PATH"), path);
}

/* ---- with it ---- */

static void tell_drops(struct doctor *doctor, const uint64_t *dropped)
{
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
        if (dropped[i] > 0 && drops_name(i))
            doctor_say(doctor, FINDING_WARN, "drops",
                       i == 0 ? "OTELSHIM_BUFFER_SIZE=32M, or see why the exporter is behind: otelshim status"
                              : "README.md, \"Limits\"",
                       "%s %" PRIu64 ": %s", drops_name(i), dropped[i], drops_meaning(i));
}

static void tell_file(struct doctor *doctor, const struct process_look *look)
{
    static uint8_t area[WIRE_HEADER_BYTES];
    struct header header = {0};
    struct stat status = {0};
    struct wire_exporter words;
    struct wire_counters counters;
    const char *reason = "";
    int fd = open(look->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int error = fd < 0 ? -errno : 0;
    if (!error && pread(fd, area, sizeof(area), 0) != (ssize_t)sizeof(area))
        error = -EBADMSG;
    if (!error && fstat(fd, &status) < 0) /* last: it may just be made */
        error = -errno;
    if (fd >= 0)
        close(fd);
    if (!error)
        error = header_decode(area, sizeof(area), (uint64_t)status.st_size, &header, &reason);
    if (error) {
        doctor_say(doctor, FINDING_FAIL, TOPIC,
                   "install library and otelshim of one version, restart the program",
                   "its file %s cannot be read: %s", look->file, *reason ? reason : strerrordesc_np(-error));
        return;
    }
    memcpy(&words, area + WIRE_EXPORTER_OFFSET, sizeof(words));
    memcpy(&counters, area + WIRE_COUNTERS_OFFSET, sizeof(counters));
    doctor_say(doctor, FINDING_OK, TOPIC, NULL, "%u (%s) records into %s", look->pid, look->exe, look->file);
    if (words.settings & WIRE_LIVE_OFF)
        doctor_say(doctor, FINDING_FAIL, TOPIC, "take OTELSHIM=0 out of otelshim.conf",
                   "recording was switched off while it runs");
    bool is_served = words.pid && proc_may_have_thread(words.pid, words.pid);
    if (is_served)
        doctor_say(doctor, FINDING_OK, TOPIC, NULL, "exporter %u serves it", words.pid);
    else
        doctor_say(doctor, FINDING_WARN, TOPIC, "otelshim export --leave-after 30",
                   "no exporter serves it now: its next records start one");
    tell_drops(doctor, counters.dropped);
    free(header.memory);
}

/* What its exporter has counted: the row of `status -o json`, which is ours. */
static void tell_counts(struct doctor *doctor, uint32_t pid)
{
    static struct box_place places[BOXES_MAX];
    uint32_t n = boxes_list(places, BOXES_MAX);
    char begin[40];
    snprintf(begin, sizeof(begin), "{\"pid\":%u,\"uid\":", pid);
    for (uint32_t i = 0; i < n; i++) {
        char *answer = NULL;
        unsigned long long recorded = 0, exported = 0;
        if (!places[i].is_served || control_ask(places[i].path, "status json", ASK_TIMEOUT_MS, &answer) != 0)
            continue;
        const char *row = strstr(answer, "\"processes\":");
        row = row ? strstr(row, begin) : NULL;
        const char *counts = row ? strstr(row, "\"recorded\":") : NULL;
        /* NOLINTNEXTLINE(cert-err34-c): our own text */
        if (counts && sscanf(counts, "\"recorded\":%llu,\"exported\":%llu", &recorded, &exported) == 2)
            doctor_say(doctor, FINDING_OK, TOPIC, NULL, "%llu spans came out of it, %llu of them exported",
                       recorded, exported);
        free(answer);
        if (counts)
            return;
    }
}

static void tell_present(struct doctor *doctor, struct process_look *look)
{
    if (look->file[0]) {
        tell_file(doctor, look);
        tell_counts(doctor, look->pid);
        return;
    }
    doctor_say(doctor, FINDING_WARN, TOPIC, "see the settings below; otherwise wait for its first call",
               "%u (%s) has the library, and has made no traced call yet", look->pid, look->exe);
}

void doctor_look_at_process(struct doctor *doctor, uint32_t pid, struct settings **ret_settings)
{
    static struct process_look look;
    char path[64];
    struct stat status;
    look.pid = pid;
    snprintf(path, sizeof(path), "/proc/%u", pid);
    if (stat(path, &status) != 0) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "ps -e shows those that there are",
                   "%u: there is no such process", pid);
        return;
    }
    snprintf(path, sizeof(path), "/proc/%u/exe", pid);
    ssize_t n = readlink(path, look.exe, sizeof(look.exe) - 1);
    read_maps(&look);
    if (n <= 0 || !look.is_readable) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "sudo otelshim doctor --pid", "%u may not be looked at%s",
                   pid, n <= 0 && errno == ENOENT ? ": it is a thread of the kernel" : "");
        return;
    }
    look.environment = read_whole(pid, "environ", &look.environment_bytes);
    if (look.has_library)
        tell_present(doctor, &look);
    else
        tell_missing(doctor, &look);
    *ret_settings = settings_create_for(variable, &look, status.st_uid);
    free(look.environment);
    look.environment = NULL;
}

/*
 * doctor_trial: the library in a program that does nothing: cat, waiting at a pipe, as a watched process, which makes its mapped
 * file at the start. The file tells whether the library works here, and which functions it interposes: the library that is
 * installed, not the one this binary was built with.
 */
#include "cli/doctor.h"
#include "sources/dropbox/header.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 3000u
#define LOOK_EVERY_MS 10u
#define TOPIC "trial"

struct trial {
    char directory[PATH_MAX];
    pid_t pid;
    int pipe[2];
    uint8_t area[WIRE_HEADER_BYTES];
};

/* In the child. */
static void become_cat(const struct trial *trial, const char *library)
{
    static const char *const off[] = {"OTELSHIM",          "OTELSHIM_ALLOW",    "OTELSHIM_DENY",
                                      "OTEL_SDK_DISABLED", "TELEMETRY_ENABLED", "OTEL_ENABLED",
                                      "SIGNOZ_ENABLED"};
    char pid[16];
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
        unsetenv(off[i]);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("OTELSHIM_MAIN", pid, 1);
    setenv("OTELSHIM_EXPORTER", "none", 1);
    setenv("OTELSHIM_DIR", trial->directory, 1);
    setenv("OTELSHIM_FLUSH_TIMEOUT", "0", 1);
    setenv("LD_PRELOAD", library, 1);
    /* NOLINTEND(concurrency-mt-unsafe) */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(trial->pipe[0], STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execlp("cat", "cat", (char *)NULL);
    _exit(127);
}

static bool begin(struct trial *trial, const struct doctor *doctor)
{
    int n = snprintf(trial->directory, sizeof(trial->directory), "%s/doctor-%d", doctor->box, (int)getpid());
    if (n >= (int)sizeof(trial->directory) || mkdir(trial->directory, 0700) != 0)
        return false;
    if (pipe2(trial->pipe, O_CLOEXEC) != 0)
        return false;
    trial->pid = fork();
    if (trial->pid == 0)
        become_cat(trial, doctor->library);
    close(trial->pipe[0]);
    return trial->pid > 0;
}

/* The magic is written last: with it, everything is there. 0; -EAGAIN not yet. */
static int read_file(struct trial *trial, uint64_t *ret_file_bytes)
{
    DIR *entries = opendir(trial->directory);
    struct dirent *entry;
    int error = -EAGAIN;
    while (entries && error && (entry = readdir(entries))) {
        struct stat status;
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC);
        uint64_t magic = 0;
        if (fd >= 0 && pread(fd, trial->area, sizeof(trial->area), 0) == (ssize_t)sizeof(trial->area) &&
            fstat(fd, &status) == 0) /* in this order: it is just being made */
            memcpy(&magic, trial->area, sizeof(magic));
        if (magic == WIRE_MAGIC) {
            *ret_file_bytes = (uint64_t)status.st_size;
            error = 0;
        }
        if (fd >= 0)
            close(fd);
    }
    if (entries)
        closedir(entries);
    return error;
}

static int wait_for_file(struct trial *trial, uint64_t *ret_file_bytes)
{
    const struct timespec pause = {.tv_nsec = (long)LOOK_EVERY_MS * 1000000};
    int error = -EAGAIN;
    for (uint32_t ms = 0; ms < WAIT_MS && error == -EAGAIN; ms += LOOK_EVERY_MS) {
        error = read_file(trial, ret_file_bytes);
        if (error && waitpid(trial->pid, NULL, WNOHANG) == trial->pid) {
            trial->pid = 0;
            return -ECHILD;
        }
        if (error)
            nanosleep(&pause, NULL);
    }
    return error;
}

static void end(struct trial *trial)
{
    close(trial->pipe[1]);
    if (trial->pid > 0) {
        kill(trial->pid, SIGKILL);
        waitpid(trial->pid, NULL, 0);
    }
    DIR *entries = opendir(trial->directory);
    struct dirent *entry;
    while (entries && (entry = readdir(entries)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        closedir(entries);
    rmdir(trial->directory);
}

/* "row\tname\0" one after the other; the row is a character from '0' on. */
static void take_entries(struct doctor *doctor, const struct trial *trial, const struct header *header)
{
    struct wire_header words;
    memcpy(&words, trial->area, sizeof(words));
    uint32_t at = words.entry_points_offset, left = words.entry_points_bytes;
    if (at > sizeof(trial->area) || left > sizeof(trial->area) - at)
        return;
    while (left > 2 && doctor->n_entries < DOCTOR_MAX_ENTRIES) {
        const char *entry = (const char *)trial->area + at;
        size_t n = strnlen(entry, left);
        uint32_t row = (uint32_t)(uint8_t)entry[0] - '0';
        if (n == left || n < 3)
            return;
        const char *name =
            row < header->process.n_instrumentations ? header->process.instrumentations[row].name : "";
        doctor->entries[doctor->n_entries++] =
            (struct doctor_entry){.name = arena_copy(&doctor->arena, entry + 2, n - 2),
                                  .instrumentation = arena_copy(&doctor->arena, name, strnlen(name, 24))};
        at += (uint32_t)n + 1;
        left -= (uint32_t)n + 1;
    }
}

static void tell(struct doctor *doctor, const struct header *header)
{
    char names[300] = "";
    for (uint32_t i = 0; i < header->process.n_instrumentations; i++) {
        const char *name = header->process.instrumentations[i].name;
        size_t at = strlen(names);
        if (strncmp(name, "stdio", sizeof("stdio")) !=
            0) /* no call of a library; only where it is asked for */
            snprintf(names + at, sizeof(names) - at, "%s%.24s", at ? ", " : "", name);
    }
    doctor->is_trial_done = true;
    doctor_say(doctor, FINDING_OK, TOPIC, NULL,
               "the library works in a program here; it traces %s (%u functions)", names, doctor->n_entries);
}

void doctor_try_library(struct doctor *doctor)
{
    static struct trial trial;
    struct header header = {0};
    uint64_t file_bytes = 0;
    const char *reason = "";
    if (!doctor->library[0] || access(doctor->box, W_OK) != 0)
        return;
    if (!begin(&trial, doctor)) {
        doctor_say(doctor, FINDING_WARN, TOPIC, "try again where a file can be made and a process started",
                   "the library could not be tried in %s: %s", doctor->box, strerrordesc_np(errno));
        rmdir(trial.directory);
        return;
    }
    int error = wait_for_file(&trial, &file_bytes);
    end(&trial);
    if (error) {
        doctor_say(doctor, FINDING_FAIL, TOPIC,
                   "LD_PRELOAD=libotelshim.so cat </dev/null shows what ld.so says", "%s",
                   error == -ECHILD ? "a program with the library ended before it had begun"
                                    : "the library stays inert in a program here");
        return;
    }
    error = header_decode(trial.area, sizeof(trial.area), file_bytes, &header, &reason);
    if (error) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "install library and otelshim of one version",
                   "the library is of another version than this otelshim: %s",
                   *reason ? reason : strerrordesc_np(-error));
        return;
    }
    take_entries(doctor, &trial, &header);
    tell(doctor, &header);
    free(header.memory);
}

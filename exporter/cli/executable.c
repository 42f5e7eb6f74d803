/* executable: see executable.h. */
#include "cli/executable.h"

#include "base/json.h"
#include "elf_notes.h"
#include "sources/process/proc.h"
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KNOWN 32u

/* What was read, by file; the oldest goes first. Loop thread only. */
static struct known {
    dev_t device;
    ino_t inode;
    off_t bytes;
    struct timespec modified, changed;
    char package_version[sizeof(((struct process *)0)->package_version)];
    char build_id[sizeof(((struct process *)0)->build_id)];
} known[MAX_KNOWN];
static uint32_t n_known;

static bool is_same_time(struct timespec left, struct timespec right)
{
    return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

static const struct known *find(const struct stat *status)
{
    for (uint32_t i = 0; i < MAX_KNOWN && i < n_known; i++)
        if (known[i].inode == status->st_ino && known[i].device == status->st_dev &&
            known[i].bytes == status->st_size && is_same_time(known[i].modified, status->st_mtim) &&
            is_same_time(known[i].changed, status->st_ctim))
            return &known[i];
    return NULL;
}

/* Text of somebody's: shown only where it looks like a version. */
static void take_version(const char *text, struct known *file)
{
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-~:_^";
    size_t n = text ? strlen(text) : 0;
    if (n > 0 && n < sizeof(file->package_version) && strspn(text, allowed) == n)
        memcpy(file->package_version, text, n + 1);
}

static void parse_package(const char *text, struct known *file)
{
    json_t *package = *text ? json_read(text, strlen(text), ELF_PACKAGE_MAX_BYTES) : NULL;
    if (package)
        take_version(json_get_text(package, "version"), file);
    json_decref(package);
}

static const struct known *read_file(int fd, const struct stat *status)
{
    struct elf_notes notes;
    struct known *file = &known[n_known++ % MAX_KNOWN];
    *file = (struct known){.device = status->st_dev,
                           .inode = status->st_ino,
                           .bytes = status->st_size,
                           .modified = status->st_mtim,
                           .changed = status->st_ctim};
    if (elf_notes_read(fd, &notes) == 0) {
        parse_package(notes.package, file);
        memcpy(file->build_id, notes.build_id, sizeof(file->build_id));
    }
    return file;
}

void executable_read(int fd, struct process *process)
{
    static_assert(sizeof(process->build_id) == sizeof(((struct elf_notes *)0)->build_id), "copied whole");
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    const struct known *file = find(&status);
    if (!file)
        file = read_file(fd, &status);
    memcpy(process->package_version, file->package_version, sizeof(process->package_version));
    memcpy(process->build_id, file->build_id, sizeof(process->build_id));
}

/* Pid and start time stand in a file that its owner wrote: as root we look only into processes that are his. */
static int open_running(const struct process *process)
{
    uint64_t ticks;
    uint32_t uid;
    int fd = -1, proc = process->is_foreign || !process->start_ticks ? -1 : proc_open(process->pid);
    if (proc >= 0 && proc_start_ticks(proc, &ticks) == 0 && ticks == process->start_ticks &&
        proc_effective_uid(proc, &uid) == 0 && uid == process->uid)
        fd = openat(proc, "exe", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (proc >= 0)
        close(proc);
    return fd;
}

/* It has ended. A name is believed of one's own processes only, and where nothing was changed since. */
static int open_named(const struct process *process)
{
    struct stat status;
    if (process->is_foreign || process->uid != geteuid() || process->exe[0] != '/' ||
        stat(process->exe, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    uint64_t changed_ns = (uint64_t)status.st_ctim.tv_sec * 1000000000u + (uint64_t)status.st_ctim.tv_nsec;
    return changed_ns < process->created_unix_ns
               ? open(process->exe, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
               : -1;
}

void executable_describe(struct process *process)
{
    int fd = open_running(process);
    if (fd < 0)
        fd = open_named(process);
    if (fd < 0)
        return;
    executable_read(fd, process);
    close(fd);
}

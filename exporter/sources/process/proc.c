/* proc: see proc.h. */
#include "sources/process/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An environment is at most a quarter of the stack limit, usually 2 MiB; more is not looked at. */
#define ENVIRONMENT_MAX_BYTES (4u << 20)

int proc_open(uint32_t pid)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%u", pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int proc_read(int proc_fd, const char *name, char *text, size_t max)
{
    int fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t n = 0;
    while (n < max - 1) {
        ssize_t got = read(fd, text + n, max - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int error = -errno;
            close(fd);
            return error;
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    text[n] = 0;
    return (int)n;
}

int proc_start_ticks(int proc_fd, uint64_t *ret_ticks)
{
    char text[1024];
    int n = proc_read(proc_fd, "stat", text, sizeof(text));
    if (n < 0)
        return n;
    /* the name may hold blanks and parentheses: fields are counted from the last one */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        if (at)
            at++;
    }
    char *end;
    if (!at)
        return -EBADMSG;
    uint64_t ticks = strtoull(at, &end, 10);
    if (end == at)
        return -EBADMSG;
    *ret_ticks = ticks;
    return 0;
}

/* The second number of statm, in pages. */
int proc_resident_bytes(int proc_fd, uint64_t *ret_bytes)
{
    char text[128], *end;
    int n = proc_read(proc_fd, "statm", text, sizeof(text));
    if (n < 0)
        return n;
    (void)strtoull(text, &end, 10);
    *ret_bytes = strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int proc_effective_uid(int proc_fd, uint32_t *ret_uid)
{
    char text[4096];
    int n = proc_read(proc_fd, "status", text, sizeof(text));
    if (n < 0)
        return n;
    const char *line = strstr(text, "\nUid:");
    if (!line)
        return -EBADMSG;
    char *end;
    (void)strtoul(line + 5, &end, 10); /* real */
    const char *at = end;
    unsigned long uid = strtoul(at, &end, 10);
    if (end == at)
        return -EBADMSG;
    *ret_uid = (uint32_t)uid;
    return 0;
}

uint64_t proc_own_pid_namespace(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

static bool is_wanted(const char *entry, const char *const *names)
{
    for (; *names; names++) {
        size_t bytes = strlen(*names);
        if (strncmp(entry, *names, bytes) == 0 && entry[bytes] == '=')
            return true;
    }
    return false;
}

/* Moves the wanted entries to the front; the rest is wiped. Returns the bytes kept. */
static size_t keep_wanted(char *text, size_t n, const char *const *names)
{
    size_t kept = 0;
    for (size_t at = 0; at < n;) {
        size_t bytes = strlen(text + at) + 1;
        if (at + bytes > n + 1)
            bytes = n + 1 - at;
        if (is_wanted(text + at, names)) {
            memmove(text + kept, text + at, bytes);
            kept += bytes;
        }
        at += bytes;
    }
    explicit_bzero(text + kept, n + 1 - kept);
    return kept;
}

int proc_read_environment(int proc_fd, const char *const *names, char **ret_text, size_t *ret_bytes)
{
    size_t max = 64u << 10;
    char *text = NULL;
    int n;
    for (;;) {
        free(text);
        text = malloc(max);
        if (!text)
            return -ENOMEM;
        n = proc_read(proc_fd, "environ", text, max);
        if (n < 0) {
            free(text);
            return n;
        }
        if ((size_t)n < max - 1 || max >= ENVIRONMENT_MAX_BYTES)
            break;
        explicit_bzero(text, max);
        max *= 4;
    }
    size_t kept = keep_wanted(text, (size_t)n, names);
    char *copy = malloc(kept + 1);
    if (copy) {
        memcpy(copy, text, kept);
        copy[kept] = 0;
        *ret_text = copy;
        *ret_bytes = kept;
    }
    explicit_bzero(text, max);
    free(text);
    return copy ? 0 : -ENOMEM;
}

bool proc_may_have_thread(uint32_t pid, uint32_t tid)
{
    return syscall(SYS_tgkill, pid, tid, 0) == 0 || errno != ESRCH;
}

/* death: see death.h. */
#include "sources/process/death.h"

#include "sources/process/proc.h"
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP_PATH_BYTES 1024u

/* linux/pidfd.h of Linux 6.15; older headers have none of it. */
struct pidfd_info_exit {
    uint64_t mask;
    uint64_t cgroup_id;
    uint32_t pid, tgid, ppid, ids[8];
    int32_t exit_code;
};
#define GET_PIDFD_INFO _IOWR(0xFF, 11, struct pidfd_info_exit)
#define PIDFD_HAS_EXIT (1ull << 3)

struct death death_from_wait_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return (struct death){
            .how = DEATH_SIGNALED, .status = WTERMSIG(wait_status), .dumped_core = WCOREDUMP(wait_status)};
    if (WIFEXITED(wait_status))
        return (struct death){.how = DEATH_EXITED, .status = WEXITSTATUS(wait_status)};
    return (struct death){.how = DEATH_UNKNOWN, .status = -1};
}

static bool ask_pidfd(int pidfd, int *ret_wait_status)
{
    static_assert(sizeof(struct pidfd_info_exit) == 64, "first version of struct pidfd_info");
    struct pidfd_info_exit info = {.mask = PIDFD_HAS_EXIT};
    if (pidfd < 0 || ioctl(pidfd, GET_PIDFD_INFO, &info) != 0 || !(info.mask & PIDFD_HAS_EXIT))
        return false;
    *ret_wait_status = info.exit_code;
    return true;
}

/* The last field of stat(5): exit_code, shown to whoever might trace it. */
static bool ask_zombie(uint32_t pid, uint64_t start_ticks, int *ret_wait_status)
{
    char text[1024];
    uint64_t ticks;
    int proc = proc_open(pid);
    bool is_it = proc >= 0 && proc_start_ticks(proc, &ticks) == 0 && ticks == start_ticks &&
                 proc_read(proc, "stat", text, sizeof(text)) > 0;
    if (proc >= 0)
        close(proc);
    const char *at = is_it ? strrchr(text, ')') : NULL;
    if (!at || strncmp(at, ") Z", 3) != 0)
        return false;
    const char *last = strrchr(at, ' ');
    char *end;
    long status = last ? strtol(last + 1, &end, 10) : 0;
    /* 0 is what it says to others, too: "exited 0" from here is worth nothing */
    if (status <= 0 || status > 0xffff)
        return false;
    *ret_wait_status = (int)status;
    return true;
}

bool death_read(int pidfd, uint32_t pid, uint64_t start_ticks, struct death *ret_death)
{
    int wait_status;
    if (!ask_pidfd(pidfd, &wait_status) && !ask_zombie(pid, start_ticks, &wait_status))
        return false;
    *ret_death = death_from_wait_status(wait_status);
    return ret_death->how != DEATH_UNKNOWN;
}

/* ---- control groups ---- */

struct death_group {
    struct death_group *next;
    uint32_t n_users;
    uint64_t kills,
        kills_before; /* at the last two refreshments; a kill that a death was credited with is in both */
    char path[GROUP_PATH_BYTES];
};
static struct death_group *groups; /* loop only */

/* The number behind "oom_kill ". */
static bool read_kills(const char *path, uint64_t *ret_kills)
{
    char text[1024];
    int n = proc_read(AT_FDCWD, path, text, sizeof(text));
    for (const char *line = n > 0 ? text : NULL; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "oom_kill ", 9) != 0)
            continue;
        *ret_kills = strtoull(line + 9, NULL, 10);
        return true;
    }
    return false;
}

/* Lines of /proc/<pid>/cgroup: "0::/path" is version 2, "9:memory:/path" version 1. */
static bool find_group_file(const char *cgroups, char ret_path[GROUP_PATH_BYTES])
{
    uint64_t kills;
    for (const char *line = cgroups; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *controllers = strchr(line, ':');
        const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            return false;
        int bytes = (int)strcspn(path + 1, "\n");
        bool is_v2 = strncmp(line, "0::", 3) == 0;
        bool is_v1 = strncmp(controllers, ":memory:", 8) == 0;
        static const struct {
            const char *above, *name;
        } forms[] = {{"/sys/fs/cgroup", "memory.events.local"},
                     {"/sys/fs/cgroup", "memory.events"},
                     {"/sys/fs/cgroup/unified", "memory.events"},
                     {"/sys/fs/cgroup/memory", "memory.oom_control"}};
        for (size_t i = is_v2 ? 0 : 3; i < (is_v2 ? 3u : is_v1 ? 4u : 0u); i++) {
            int written = snprintf(ret_path, GROUP_PATH_BYTES, "%s%.*s/%s", forms[i].above, bytes, path + 1,
                                   forms[i].name);
            if (written < (int)GROUP_PATH_BYTES && read_kills(ret_path, &kills))
                return true;
        }
    }
    return false;
}

struct death_group *death_group_get(uint32_t pid)
{
    char cgroups[2048], path[GROUP_PATH_BYTES];
    int proc = proc_open(pid);
    bool is_read = proc >= 0 && proc_read(proc, "cgroup", cgroups, sizeof(cgroups)) > 0;
    if (proc >= 0)
        close(proc);
    if (!is_read || !find_group_file(cgroups, path))
        return NULL;
    struct death_group *found = groups;
    while (found && strcmp(found->path, path) != 0)
        found = found->next;
    if (!found) {
        found = calloc(1, sizeof(*found));
        if (!found)
            return NULL;
        snprintf(found->path, sizeof(found->path), "%s", path);
        (void)read_kills(path, &found->kills);
        found->kills_before = found->kills;
        found->next = groups;
        groups = found;
    }
    found->n_users++;
    return found;
}

void death_group_release(struct death_group *group)
{
    if (!group || --group->n_users > 0)
        return;
    struct death_group **at = &groups;
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    free(group);
}

bool death_was_oom(struct death_group *group)
{
    uint64_t kills;
    if (!group || !read_kills(group->path, &kills) || kills <= group->kills_before)
        return false;
    group->kills_before++;
    if (group->kills < group->kills_before)
        group->kills = group->kills_before;
    return true;
}

void death_groups_refresh(void)
{
    for (struct death_group *group = groups; group; group = group->next) {
        group->kills_before = group->kills;
        (void)read_kills(group->path, &group->kills);
    }
}

/*
 * liveness: does the process of a file still live? Only what is certain counts: a file is removed on its word.
 *
 * A pidfd tells, once it is known to be of the process that made the file (same pid namespace, same start time).
 * Otherwise the kernel's lease does: F_SETLEASE(F_RDLCK) fails while anybody has the file open for writing or mapped
 * writable. It also tells that an exec, which keeps pid and start time, has replaced the image.
 */
#include "sources/dropbox/dropbox_priv.h"

#include "sources/process/proc.h"
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHECK_EVERY_NS (250 * MS_NS)

static int open_pidfd(uint32_t pid)
{
#ifdef SYS_pidfd_open
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
#else
    (void)pid;
    return -ENOSYS;
#endif
}

/* 0 unknown. Of a pid whose pidfd was opened before: then it is of the same process. */
static uint64_t read_start_ticks(uint32_t pid)
{
    int proc = proc_open(pid);
    uint64_t ticks;
    if (proc < 0 || proc_start_ticks(proc, &ticks) != 0)
        ticks = 0;
    if (proc >= 0)
        close(proc);
    return ticks;
}

/* ---- before its file is seen ---- */

static struct expected *find_expected(struct dropbox *dropbox, uint32_t pid, uint64_t start_ticks)
{
    for (uint32_t i = 0; i < MAX_EXPECTED; i++)
        if (dropbox->expected[i].pid == pid && dropbox->expected[i].start_ticks == start_ticks)
            return &dropbox->expected[i];
    return NULL;
}

static bool has_ended(int pidfd)
{
    struct pollfd wish = {.fd = pidfd, .events = POLLIN};
    return poll(&wish, 1, 0) == 1;
}

/* -1: it is another's pid by now, or nobody's. *start_ticks 0: whoever has it, and whose it is comes back. */
static int open_expected(uint32_t pid, uint64_t *start_ticks)
{
    int pidfd = open_pidfd(pid);
    if (pidfd < 0)
        return -1;
    uint64_t ticks = read_start_ticks(pid);
    /* Gone between these two: then it was there a moment ago, when it made the file. */
    bool is_it = ticks ? !*start_ticks || ticks == *start_ticks : *start_ticks && has_ended(pidfd);
    if (!is_it) {
        close(pidfd);
        return -1;
    }
    if (ticks)
        *start_ticks = ticks;
    return pidfd;
}

void dropbox_expect(struct dropbox *dropbox, uint32_t pid, uint64_t start_ticks, int pidfd)
{
    if (pidfd < 0 && (pidfd = open_expected(pid, &start_ticks)) < 0)
        return;
    if (!pid || !start_ticks || find_expected(dropbox, pid, start_ticks)) {
        close(pidfd);
        return;
    }
    struct expected *expected = &dropbox->expected[dropbox->next_expected++ % MAX_EXPECTED];
    if (expected->pid)
        close(expected->pidfd);
    *expected = (struct expected){.pid = pid, .pidfd = pidfd, .start_ticks = start_ticks};
}

void liveness_expect(struct dropbox *dropbox, uint32_t pid, uint64_t start_ticks)
{
    if (start_ticks && !find_expected(dropbox, pid, start_ticks))
        dropbox_expect(dropbox, pid, start_ticks, -1);
}

void liveness_forget_expected(struct dropbox *dropbox)
{
    for (uint32_t i = 0; i < MAX_EXPECTED; i++)
        if (dropbox->expected[i].pid)
            close(dropbox->expected[i].pidfd);
}

/* -1: not expected. */
static int take_expected(const struct client *client)
{
    struct expected *expected =
        client->process.start_ticks
            ? find_expected(client->dropbox, client->process.pid, client->process.start_ticks)
            : NULL;
    if (!expected)
        return -1;
    expected->pid = 0;
    return expected->pidfd;
}

/* ---- from then on ---- */

static bool is_maker(const struct client *client)
{
    return client->process.start_ticks &&
           read_start_ticks(client->process.pid) == client->process.start_ticks;
}

void liveness_start(struct client *client)
{
    client->how = LIVENESS_LEASE;
    client->pidfd = -1;
    client->next_check_ns = client->dropbox->now_ns;
    if (client->process.is_foreign)
        return;
    int fd = take_expected(client);
    bool was_expected = fd >= 0;
    if (!was_expected)
        fd = open_pidfd(client->process.pid);
    if (fd == -ESRCH) /* in our own pid namespace nobody has the number */
        liveness_set_dead(client, "killed");
    if (fd < 0)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = client->id};
    if ((!was_expected && !is_maker(client)) ||
        epoll_ctl(client->dropbox->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        close(fd);
        return;
    }
    client->pidfd = fd;
    client->how = LIVENESS_PIDFD;
    client->was_seen_alive = true;
}

void liveness_stop(struct client *client)
{
    if (client->pidfd >= 0)
        close(client->pidfd);
    client->pidfd = -1;
}

static void read_state(struct client *client)
{
    uint32_t state;
    if (client_read(client, &state, sizeof(state), offsetof(struct wire_header, state)))
        client->state = state;
}

void liveness_tell_death(struct client *client)
{
    struct dropbox_events *events = &client->dropbox->events;
    bool has_moved = client->state & WIRE_STATE_MOVED; /* the process is told of by its newer file */
    if (events->on_death)
        events->on_death(events->context, &client->process, has_moved ? "exec" : client->death,
                         client->pidfd);
    crash_look(client); /* of a dead process an earlier exporter may have made a report */
}

void liveness_set_dead(struct client *client, const char *death)
{
    if (client->is_dead)
        return;
    read_state(client);
    client->is_dead = true;
    client->is_drained = false;
    client->death_mono_ns = client->dropbox->now_ns;
    if (client->state & WIRE_STATE_EXITED)
        death = "exit";
    else if (client->state & WIRE_STATE_EXECED)
        death = "exec";
    client->death = death;
    if (client->is_known)
        liveness_tell_death(client);
    liveness_stop(client);
}

void liveness_collect(struct dropbox *dropbox)
{
    struct epoll_event events[64];
    int n;
    do {
        n = epoll_wait(dropbox->epoll_fd, events, 64, 0);
        for (int i = 0; i < n; i++) {
            struct client *client = client_find(dropbox, events[i].data.u64);
            if (client)
                liveness_set_dead(client, "killed");
        }
    } while (n == 64);
}

void liveness_check(struct client *client)
{
    if (client->is_dead || client->dropbox->now_ns < client->next_check_ns)
        return;
    client->next_check_ns = client->dropbox->now_ns + CHECK_EVERY_NS;
    read_state(client);
    if (client->how == LIVENESS_PIDFD && !(client->state & WIRE_STATE_EXECED))
        return;
    if (client_is_mapped(client))
        client->was_seen_alive = true;
    else
        liveness_set_dead(client, "killed");
}

/*
 * client: one mapped file: opened with suspicion, its header copied, its process described; closed; removed.
 *
 * Never mapped where it would be dereferenced: a host that truncates its file must not be our SIGBUS.
 */
#include "sources/dropbox/dropbox_priv.h"

#include "sources/process/proc.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of the secrets: rows of wire/settings.h, and what else they may be called. */
#define PLAIN 0
#define SECRET 1
enum secrecy {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) SECRECY_##NAME = secrecy,
#include <settings.h>
#undef SETTING
};
static const struct {
    const char *name;
    int is_secret;
} setting_rows[] = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) {#NAME, secrecy},
#include <settings.h>
#undef SETTING
#define ALIAS_VALUE(NAME, SETTING) {#NAME, SECRECY_##SETTING},
#define ALIAS_SCALED(NAME, SETTING, n)
#define ALIAS_ENABLED(NAME)
#define ALIAS_ATTRIBUTE(NAME, key)
#define ALIAS_INSECURE(NAME)
#include <aliases.h>
};
#undef PLAIN
#undef SECRET
#define N_SETTING_ROWS (sizeof(setting_rows) / sizeof(setting_rows[0]))

bool client_read(struct client *client, void *ret_bytes, size_t n_bytes, uint64_t offset)
{
    ssize_t n;
    do
        n = pread(client->fd, ret_bytes, n_bytes, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)n_bytes)
        return true;
    client->is_broken = true;
    if (!(client->noted & CLIENT_NOTED_SHORT)) {
        client->noted |= CLIENT_NOTED_SHORT;
        client->counts.corrupt++;
        note(client->dropbox, "%s/%s: cut short by its process; not read any more", client->box->path,
             client->file->name);
    }
    return false;
}

static bool reopen_for_writing(struct client *client)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", client->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && client->file)
        fd = openat(client->box->fd, client->file->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd >= 0 && (fstat(fd, &status) < 0 || status.st_ino != client->file->inode)) {
        close(fd);
        return false;
    }
    if (fd < 0)
        return false;
    close(client->fd);
    client->fd = fd;
    return true;
}

/* A file that can be written but not now keeps its unacknowledged records: they are handed on again, once, later. */
void client_write(struct client *client, const void *bytes, size_t n_bytes, uint64_t offset)
{
    ssize_t n;
    do
        n = pwrite(client->fd, bytes, n_bytes, (off_t)offset);
    while (n < 0 && (errno == EINTR || (errno == EBADF && reopen_for_writing(client))));
}

void client_write_words(struct client *client)
{
    client_write(client, &client->words, sizeof(client->words), WIRE_EXPORTER_OFFSET);
}

/*
 * Our own descriptor for writing would count as a writer: it is exchanged for a read-only one during the question,
 * by way of /proc, because the file may have no name any more.
 */
bool client_is_mapped(struct client *client)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", client->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return true;
    close(client->fd);
    client->fd = fd;
    fcntl(fd, F_SETSIG, SIGURG); /* a lease that is broken just now must not kill us with SIGIO */
    bool is_mapped = fcntl(fd, F_SETLEASE, F_RDLCK) < 0;
    if (!is_mapped)
        fcntl(fd, F_SETLEASE, F_UNLCK);
    reopen_for_writing(client);
    return is_mapped;
}

/* ---- opening ---- */

static int open_file(const struct box *box, const char *name, int *ret_fd, struct stat *ret_status,
                     const char **ret_reason)
{
    struct stat status;
    if (fstatat(box->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *ret_reason =
        "not a regular file"; /* asked before opening too: opening a device or FIFO may do something */
    if (!S_ISREG(status.st_mode))
        return -EPERM;
    *ret_reason = "";
    int fd = openat(box->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        *ret_reason = "not a regular file";
    else if (status.st_uid != box->uid)
        *ret_reason = "not of the owner of the drop box";
    else if (status.st_nlink != 1)
        *ret_reason = "it has another name, or none";
    else if (status.st_dev != box->device)
        *ret_reason = "on another file system than the drop box";
    if (**ret_reason) {
        close(fd);
        return -EPERM;
    }
    *ret_fd = fd;
    *ret_status = status;
    return 0;
}

/* The magic is looked at first and by itself: what a host did before it stored that is then there, the size of its file, too. */
static int read_header(struct client *client, const char **ret_reason)
{
    struct dropbox *dropbox = client->dropbox;
    uint64_t magic = 0;
    if (pread(client->fd, &magic, sizeof(magic), 0) != sizeof(magic) || !magic)
        return -EAGAIN;
    atomic_thread_fence(memory_order_acquire);
    ssize_t n = pread(client->fd, dropbox->area, sizeof(dropbox->area), 0);
    struct stat status;
    if (n < 0 || fstat(client->fd, &status) < 0)
        return -errno;
    client->bytes = (uint64_t)status.st_size;
    struct header header;
    int error = header_decode(dropbox->area, (size_t)n, client->bytes, &header, ret_reason);
    if (error)
        return error;
    client->process = header.process;
    client->layout = header.layout;
    client->memory = header.memory;
    memcpy(&client->words, dropbox->area + WIRE_EXPORTER_OFFSET, sizeof(client->words));
    memcpy(client->counts.told, dropbox->area + WIRE_TOLD_OFFSET, sizeof(client->counts.told));
    uint32_t pid;
    uint64_t start_ticks;
    box_parse_name(client->file->name, &pid, &start_ticks, &client->number);
    *ret_reason = "its name is of another process than its header";
    return pid == client->layout.pid && start_ticks == client->process.start_ticks ? 0 : -EBADMSG;
}

static bool has_secret(const struct process *process, const char *name)
{
    size_t n = strlen(name) + 1;
    for (size_t at = 0; at + n <= process->settings_bytes; at += strlen(process->settings_text + at) + 1)
        if (memcmp(process->settings_text + at, name, n) == 0)
            return true;
    return false;
}

/*
 * Secrets are in the file by presence only. Their values come from the environment the process was started with: if
 * it is that process (start time), and its uid is the file's owner: a header may claim any pid.
 */
static void read_secrets(struct client *client)
{
    const char *names[N_SETTING_ROWS + 1];
    size_t n = 0;
    for (size_t i = 0; i < N_SETTING_ROWS; i++)
        if (setting_rows[i].is_secret && has_secret(&client->process, setting_rows[i].name))
            names[n++] = setting_rows[i].name;
    names[n] = NULL;
    if (!n || client->process.is_foreign || !client->process.start_ticks)
        return;
    int proc = proc_open(client->process.pid);
    uint64_t ticks;
    uint32_t uid;
    if (proc >= 0 && proc_start_ticks(proc, &ticks) == 0 && ticks == client->process.start_ticks &&
        proc_effective_uid(proc, &uid) == 0 && uid == client->process.uid &&
        proc_read_environment(proc, names, &client->secrets, &client->process.secrets_bytes) == 0)
        client->process.secrets_text = client->secrets;
    if (proc >= 0)
        close(proc);
}

static bool is_same_process(const struct client *client, const struct client *other)
{
    return client->box == other->box && client->process.pid == other->process.pid &&
           client->process.start_ticks == other->process.start_ticks && client->process.start_ticks &&
           client->process.pid_namespace == other->process.pid_namespace;
}

/*
 * exec keeps pid and start time: of two files of one process the image of the earlier one is gone, whatever still maps it
 * (a fork child keeps its parent's). Earlier is told by the time in the header: a number is used again once its file was
 * removed, and then the higher one is the dead one.
 */
static void bury_earlier_images(struct client *client)
{
    struct dropbox *dropbox = client->dropbox;
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *other = dropbox->clients[i];
        if (!other || other == client || !is_same_process(client, other))
            continue;
        liveness_check(other);
        bool is_earlier = other->layout.created_mono_ns < client->layout.created_mono_ns;
        liveness_set_dead(is_earlier ? other : client, "exec");
    }
}

static bool add_to_table(struct dropbox *dropbox, struct client *client)
{
    uint32_t i = 0;
    while (i < dropbox->n_clients && dropbox->clients[i])
        i++;
    if (i == 1u << 16)
        return false;
    if (i == dropbox->max_clients) {
        uint32_t max = dropbox->max_clients ? 2 * dropbox->max_clients : 16;
        struct client **clients = realloc(dropbox->clients, max * sizeof(*clients));
        if (!clients)
            return false;
        dropbox->clients = clients;
        dropbox->max_clients = max;
    }
    if (i == dropbox->n_clients)
        dropbox->n_clients++;
    dropbox->clients[i] = client;
    dropbox->n_live++;
    client->id = ++dropbox->serial << 16 | i;
    return true;
}

static void free_client(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    free(client->memory);
    free(client);
}

int client_open(struct dropbox *dropbox, struct box *box, struct box_file *file, const char **ret_reason)
{
    struct client *client = calloc(1, sizeof(*client));
    struct stat status = {0};
    if (!client)
        return -ENOMEM;
    client->dropbox = dropbox;
    client->box = box;
    client->file = file;
    client->fd = client->pidfd = -1;
    int error = open_file(box, file->name, &client->fd, &status, ret_reason);
    if (!error)
        error = read_header(client, ret_reason);
    if (!error && !add_to_table(dropbox, client))
        error = -ENOMEM;
    if (error) {
        free_client(client);
        return error;
    }
    client->process.uid = status.st_uid; /* what it says itself is only a claim */
    client->process.is_foreign =
        !dropbox->pid_namespace || client->process.pid_namespace != dropbox->pid_namespace;
    client->state = client->layout.state;
    client->has_episodes = true;
    file->client = client;
    box->n_clients++;
    liveness_start(client);
    client->words.asleep = dropbox->bell.is_asleep;
    client->words.pid = (uint32_t)getpid();
    client_write_words(client);
    if (client->process.is_watched) /* it waits a moment, until its death cannot be missed */
        bell_wake_file(client->fd, WIRE_EXPORTER_OFFSET + offsetof(struct wire_exporter, pid));
    read_secrets(client);
    bury_earlier_images(client);
    take_start(client);
    if (dropbox->events.on_process)
        dropbox->events.on_process(dropbox->events.context, &client->process);
    client->is_known = true;
    if (client->is_dead)
        liveness_tell_death(client);
    else
        crash_look(client); /* a process that made its file because it is dying */
    return 0;
}

struct client *client_find(const struct dropbox *dropbox, uint64_t id)
{
    uint32_t i = id & 0xffff;
    struct client *client = i < dropbox->n_clients ? dropbox->clients[i] : NULL;
    return client && client->id == id ? client : NULL;
}

/* ---- closing ---- */

static void unlink_file(const struct client *client)
{
    struct stat status;
    if (fstatat(client->box->fd, client->file->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_ino == client->file->inode && status.st_dev == client->box->device)
        unlinkat(client->box->fd, client->file->name, 0);
}

void client_close(struct client *client, bool is_delivered)
{
    struct dropbox *dropbox = client->dropbox;
    if (is_delivered) { /* the file last: until then the next exporter finds what a kill keeps from being told */
        if (dropbox->events.on_process_gone)
            dropbox->events.on_process_gone(dropbox->events.context, &client->process);
        unlink_file(client);
    }
    liveness_stop(client);
    flight_fini(client);
    for (uint32_t i = 0; i < client->n_chunks; i++)
        if (client->chunks[i].memory) {
            record_memory_fini(client->chunks[i].memory);
            free(client->chunks[i].memory);
        }
    free(client->chunks);
    if (client->secrets)
        explicit_bzero(client->secrets, client->process.secrets_bytes);
    free(client->secrets);
    dropbox->clients[client->id & 0xffff] = NULL;
    dropbox->n_live--;
    client->box->n_clients--;
    box_forget(client->box, client->file);
    free_client(client);
}

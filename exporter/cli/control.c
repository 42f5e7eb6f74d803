/* control: see control.h. Answers are made whole in memory and written as the client takes them. */
#include "cli/control.h"

#include "base/clock.h"
#include "cli/boxes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_ANSWER_BYTES (16u << 20)
#define CLIENT_LIFE_MS 30000u
#define TELL_MS 500u

struct control_client {
    struct control *control;
    int fd; /* -1: the place is free */
    struct loop_watch *watch;
    char request[CONTROL_MAX_REQUEST_BYTES];
    size_t request_bytes;
    char *answer; /* NULL until it is made */
    size_t answer_bytes, written;
    uint64_t since_ms;
    bool is_waiting;
};

struct control {
    struct loop *loop;
    int fd, directory_fd;
    struct loop_watch *watch;
    control_answer_fn answer;
    void *context;
    struct control_client clients[CONTROL_MAX_CLIENTS];
};

static void close_client(struct control_client *client)
{
    if (client->fd < 0)
        return;
    loop_watch_destroy(client->watch);
    close(client->fd);
    free(client->answer);
    *client = (struct control_client){.control = client->control, .fd = -1};
}

static void write_answer(struct control_client *client)
{
    while (client->written < client->answer_bytes) {
        ssize_t n = send(client->fd, client->answer + client->written, client->answer_bytes - client->written,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            loop_watch_set(client->watch, LOOP_WRITE);
            return;
        }
        if (n <= 0)
            break;
        client->written += (size_t)n;
    }
    close_client(client);
}

static void try_answer(struct control_client *client)
{
    struct control *control = client->control;
    FILE *out = open_memstream(&client->answer, &client->answer_bytes);
    if (!out) {
        close_client(client);
        return;
    }
    bool is_answered = control->answer(control->context, client->request, out);
    fclose(out);
    client->is_waiting = !is_answered;
    if (is_answered) {
        write_answer(client);
        return;
    }
    free(client->answer);
    client->answer = NULL;
    client->answer_bytes = 0;
}

static void client_ready(void *context, int events)
{
    struct control_client *client = context;
    if (client->answer) {
        if (events & LOOP_WRITE)
            write_answer(client);
        else
            close_client(client);
        return;
    }
    size_t room = sizeof(client->request) - 1 - client->request_bytes;
    ssize_t n = recv(client->fd, client->request + client->request_bytes, room, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || client->is_waiting) { /* it went away, or sends what nobody asked for */
        close_client(client);
        return;
    }
    client->request_bytes += (size_t)n;
    client->request[client->request_bytes] = 0;
    char *end = strchr(client->request, '\n');
    if (end) {
        *end = 0;
        try_answer(client);
    } else if (client->request_bytes == sizeof(client->request) - 1) {
        close_client(client);
    }
}

static bool may_ask(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* Whoever connects and says nothing must not keep others out. */
static void close_old(struct control *control)
{
    uint64_t now_ms = loop_now_ms(control->loop);
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (control->clients[i].fd >= 0 && now_ms - control->clients[i].since_ms > CLIENT_LIFE_MS)
            close_client(&control->clients[i]);
}

static void accept_client(void *context, int events)
{
    struct control *control = context;
    (void)events;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    close_old(control);
    struct control_client *client = NULL;
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS && !client; i++)
        client = control->clients[i].fd < 0 ? &control->clients[i] : NULL;
    if (!client || !may_ask(fd)) {
        close(fd);
        return;
    }
    client->watch = loop_watch_create(control->loop, fd, client_ready, client);
    if (!client->watch) {
        close(fd);
        return;
    }
    client->fd = fd;
    client->since_ms = loop_now_ms(control->loop);
    loop_watch_set(client->watch, LOOP_READ);
}

/* sun_path is short: the directory is reached through its descriptor. */
static struct sockaddr_un address_of(int directory_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", directory_fd);
    return address;
}

static int make_socket(struct control *control, const char *directory)
{
    control->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (control->directory_fd < 0)
        return -errno;
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0)
        return -errno;
    struct sockaddr_un address = address_of(control->directory_fd);
    unlinkat(control->directory_fd, "control", 0);
    mode_t mask = umask(0177);
    int error = bind(control->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    umask(mask);
    if (!error && listen(control->fd, CONTROL_MAX_CLIENTS) < 0)
        error = -errno;
    return error;
}

int control_create(struct control **ret_control, struct loop *loop, const char *directory,
                   control_answer_fn answer, void *context)
{
    struct control *control = calloc(1, sizeof(*control));
    if (!control)
        abort();
    *control =
        (struct control){.loop = loop, .fd = -1, .directory_fd = -1, .answer = answer, .context = context};
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        control->clients[i] = (struct control_client){.control = control, .fd = -1};
    int error = make_socket(control, directory);
    if (!error) {
        control->watch = loop_watch_create(loop, control->fd, accept_client, control);
        error = control->watch ? 0 : -EIO;
    }
    if (error) {
        control_destroy(control);
        return error;
    }
    loop_watch_set(control->watch, LOOP_READ);
    *ret_control = control;
    return 0;
}

void control_destroy(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        close_client(&control->clients[i]);
    if (control->watch)
        unlinkat(control->directory_fd, "control", 0);
    loop_watch_destroy(control->watch);
    if (control->fd >= 0)
        close(control->fd);
    if (control->directory_fd >= 0)
        close(control->directory_fd);
    free(control);
}

void control_answer_waiting(struct control *control)
{
    for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
        if (control->clients[i].fd >= 0 && control->clients[i].is_waiting)
            try_answer(&control->clients[i]);
}

/* ---- asking ---- */

int control_begin(const char *directory, const char *request)
{
    int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        return -errno;
    struct stat status;
    int error = 0, fd = -1;
    if (fstatat(directory_fd, "control", &status, AT_SYMLINK_NOFOLLOW) < 0)
        error = -errno;
    else if (!S_ISSOCK(status.st_mode) || (status.st_uid != geteuid() && geteuid() != 0))
        error = -EPERM;
    if (!error && (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
        error = -errno;
    struct sockaddr_un address = address_of(directory_fd);
    if (!error && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        error = -errno;
    close(directory_fd);
    char line[CONTROL_MAX_REQUEST_BYTES];
    int bytes = snprintf(line, sizeof(line), "%s\n", request);
    if (!error && send(fd, line, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        error = -EIO;
    if (error && fd >= 0)
        close(fd);
    return error ? error : fd;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static int read_answer(int fd, int64_t until_ms, FILE *out)
{
    size_t total = 0;
    for (;;) {
        int64_t left = until_ms - now_ms();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int n_ready = poll(&ready, 1, left > 0 ? (int)left : 0);
        if (n_ready == 0)
            return -ETIMEDOUT;
        char bytes[4096];
        ssize_t n = n_ready < 0 ? -1 : recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return total > 0 ? 0 : -EIO;
        total += (size_t)n;
        if (total > MAX_ANSWER_BYTES)
            return -EFBIG;
        fwrite(bytes, 1, (size_t)n, out);
    }
}

int control_ask(const char *directory, const char *request, uint32_t timeout_ms, char **ret_text)
{
    int fd = control_begin(directory, request);
    if (fd < 0)
        return fd;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    int error = out ? read_answer(fd, now_ms() + timeout_ms, out) : -ENOMEM;
    if (out)
        fclose(out);
    close(fd);
    if (error) {
        free(text);
        return error;
    }
    *ret_text = text;
    return 0;
}

/* An exporter that begins has the box's lock before it listens. */
static bool may_listen_soon(const char *directory, int error, int64_t until_ms)
{
    static const struct timespec moment = {.tv_nsec = 2000000};
    if ((error != -ENOENT && error != -ECONNREFUSED) || now_ms() >= until_ms || !boxes_is_served(directory))
        return false;
    nanosleep(&moment, NULL);
    return true;
}

static bool tell(const char *directory, const char *request)
{
    char *thanks;
    int64_t until_ms = now_ms() + TELL_MS;
    int error;
    do
        error = control_ask(directory, request, TELL_MS, &thanks);
    while (error && may_listen_soon(directory, error, until_ms));
    if (error)
        return false;
    free(thanks);
    return true;
}

bool control_tell_expected(const char *directory, pid_t pid)
{
    char request[CONTROL_MAX_REQUEST_BYTES];
    snprintf(request, sizeof(request), "expect %d", (int)pid);
    return tell(directory, request);
}

bool control_tell_ended(const char *directory, pid_t pid, int wait_status)
{
    char request[CONTROL_MAX_REQUEST_BYTES];
    snprintf(request, sizeof(request), "ended %d %d", (int)pid, wait_status);
    return tell(directory, request);
}

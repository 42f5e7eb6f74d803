/*
 * sink: an OTLP/HTTP receiver that costs next to nothing: reads requests, answers 200. usage: sink [FILE]
 *
 * Prints its port. With FILE: every body with the time it was there: u64 unix ns, u64 bytes, the bytes.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 64
#define MAX_BYTES (64u << 20)

struct connection {
    int fd;
    char *bytes;
    size_t n_bytes, n_head, n_body; /* n_head 0: the head is not whole yet */
};

static struct connection connections[MAX_CONNECTIONS];
static int n_connections, listener;
static FILE *file;

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &bytes) != 0)
        exit(1);
    printf("%d\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

static void find_head(struct connection *connection)
{
    connection->bytes[connection->n_bytes] = 0;
    char *end = strstr(connection->bytes, "\r\n\r\n");
    if (!end)
        return;
    char *length = strcasestr(connection->bytes, "content-length:");
    connection->n_head = (size_t)(end + 4 - connection->bytes);
    connection->n_body = length ? strtoul(length + 15, NULL, 10) : 0;
}

static void save(const struct connection *connection)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t words[2] = {(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, connection->n_body};
    fwrite(words, sizeof(words), 1, file);
    fwrite(connection->bytes + connection->n_head, 1, connection->n_body, file);
    (void)fflush(file);
}

/* False: it is gone. */
static int serve(struct connection *connection)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
    ssize_t n =
        read(connection->fd, connection->bytes + connection->n_bytes, MAX_BYTES - 1 - connection->n_bytes);
    if (n <= 0)
        return 0;
    connection->n_bytes += (size_t)n;
    if (!connection->n_head)
        find_head(connection);
    if (!connection->n_head || connection->n_bytes < connection->n_head + connection->n_body)
        return 1;
    if (file)
        save(connection);
    connection->n_bytes = connection->n_head = 0;
    return write(connection->fd, answer, sizeof(answer) - 1) == sizeof(answer) - 1;
}

static void accept_one(void)
{
    int fd = accept(listener, NULL, NULL);
    char *bytes = malloc(MAX_BYTES);
    if (fd < 0 || !bytes || n_connections == MAX_CONNECTIONS)
        exit(1);
    connections[n_connections++] = (struct connection){.fd = fd, .bytes = bytes};
}

int main(int argc, char **argv)
{
    file = argc > 1 ? fopen(argv[1], "wb") : NULL;
    listener = listen_on_loopback();
    for (;;) {
        struct pollfd polled[MAX_CONNECTIONS + 1];
        for (int i = 0; i < n_connections; i++)
            polled[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
        polled[n_connections] = (struct pollfd){.fd = listener, .events = POLLIN};
        if (poll(polled, (nfds_t)n_connections + 1, -1) < 0)
            return 1;
        int is_new = polled[n_connections].revents != 0;
        for (int i = n_connections; i-- > 0;) {
            if (!polled[i].revents || serve(&connections[i]))
                continue;
            close(connections[i].fd);
            free(connections[i].bytes);
            connections[i] = connections[--n_connections];
        }
        if (is_new)
            accept_one();
    }
}

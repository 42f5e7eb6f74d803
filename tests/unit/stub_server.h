/*
 * stub_server: an HTTP server of one thread with answers written down beforehand, for tests of what sends.
 *
 * One answer per request, the last one for all that follow. An answer is the raw bytes to send, or STUB_CLOSE (read
 * the request, close without a word) or STUB_HANG (read it, never answer). Requests are kept as they came.
 */
#ifndef OTELSHIM_STUB_SERVER_H
#define OTELSHIM_STUB_SERVER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STUB_CLOSE "close"
#define STUB_HANG "hang"
#define STUB_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define STUB_MAX_REQUESTS 64

struct stub_request {
    char *head; /* request line and headers */
    char *body;
    size_t body_bytes;
};

struct stub_server {
    int listen_fd, port;
    pthread_t thread;
    const char *const *answers; /* NULL-terminated */
    _Atomic unsigned n_connections;
    struct stub_request requests[STUB_MAX_REQUESTS];
    _Atomic unsigned n_requests; /* which are whole */
    _Atomic bool is_held;        /* no answer until it is not */
};

/* Reads one request. False at the end of the connection. */
static bool stub_read(int fd, struct stub_request *request)
{
    size_t n = 0, max = 1 << 16, head_bytes = 0, body_bytes = 0;
    char *bytes = malloc(max + 1);
    while (!head_bytes || n < head_bytes + body_bytes) {
        if (n == max)
            bytes = realloc(bytes, (max *= 2) + 1);
        ssize_t got = recv(fd, bytes + n, max - n, 0);
        if (got <= 0) {
            free(bytes);
            return false;
        }
        n += (size_t)got;
        bytes[n] = 0;
        char *end = head_bytes ? NULL : strstr(bytes, "\r\n\r\n");
        if (end) {
            head_bytes = (size_t)(end + 4 - bytes);
            const char *length = strstr(bytes, "\r\nContent-Length:");
            body_bytes = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        }
    }
    request->body_bytes = body_bytes;
    request->body = malloc(body_bytes + 1);
    memcpy(request->body, bytes + head_bytes, body_bytes);
    request->body[body_bytes] = 0;
    bytes[head_bytes] = 0;
    request->head = bytes;
    return true;
}

static void stub_serve(struct stub_server *server, int fd)
{
    struct stub_request request;
    while (server->n_requests < STUB_MAX_REQUESTS && stub_read(fd, &request)) {
        server->requests[server->n_requests] = request;
        server->n_requests++;
        while (server->is_held)
            usleep(1000);
        if (server->answers[1])
            server->answers++;
        const char *answer = server->answers[0];
        if (strcmp(answer, STUB_CLOSE) == 0)
            return;
        while (strcmp(answer, STUB_HANG) == 0 && recv(fd, &(char){0}, 1, 0) > 0)
            ;
        for (size_t left = strlen(answer); left;) {
            ssize_t n = send(fd, answer, left, MSG_NOSIGNAL);
            if (n <= 0)
                return;
            answer += n;
            left -= (size_t)n;
        }
    }
}

static void *stub_run(void *context)
{
    struct stub_server *server = context;
    int fd;
    while ((fd = accept(server->listen_fd, NULL, NULL)) >= 0) {
        server->n_connections++;
        stub_serve(server, fd);
        close(fd);
    }
    return NULL;
}

/* `answers[0]` is not used: it stands before the first request. One connection is served at a time. */
static void stub_start(struct stub_server *server, const char *const *answers)
{
    *server = (struct stub_server){.answers = answers};
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    if (bind(server->listen_fd, (struct sockaddr *)&address, bytes) != 0 ||
        listen(server->listen_fd, 8) != 0 ||
        getsockname(server->listen_fd, (struct sockaddr *)&address, &bytes) != 0)
        abort();
    server->port = ntohs(address.sin_port);
    pthread_create(&server->thread, NULL, stub_run, server);
}

/* After the client has closed its connections. */
static void stub_stop(struct stub_server *server)
{
    shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
    for (unsigned i = 0; i < server->n_requests; i++) {
        free(server->requests[i].head);
        free(server->requests[i].body);
    }
}

#endif

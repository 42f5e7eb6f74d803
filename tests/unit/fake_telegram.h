/*
 * fake_telegram: tests/fakes/telegram for a unit test: started over TLS on loopback, told what to do and asked what it got through its
 * control port. The test runs in the repository's root.
 */
#ifndef OTELSHIM_FAKE_TELEGRAM_H
#define OTELSHIM_FAKE_TELEGRAM_H

#include <arpa/inet.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAKE_TOKEN "4711:AAHfake-token-of-the-tests_0123456789"

struct fake_telegram {
    pid_t pid;
    int port, control_port;
    char directory[64], url[64], ca_file[96];
};

/* Option strings up to NULL follow. */
static inline void fake_telegram_start(struct fake_telegram *fake, ...)
{
    char port_file[96];
    const char *arguments[32] = {"tests/fakes/telegram", "--port-file", port_file, "--ca", fake->ca_file};
    int n = 5;
    va_list options;
    va_start(options, fake);
    while (n < 31 && (arguments[n] = va_arg(options, const char *)))
        n++;
    va_end(options);
    snprintf(fake->directory, sizeof(fake->directory), "/tmp/otelshim-test-telegram-XXXXXX");
    if (!mkdtemp(fake->directory))
        abort();
    snprintf(port_file, sizeof(port_file), "%s/port", fake->directory);
    snprintf(fake->ca_file, sizeof(fake->ca_file), "%s/ca.pem", fake->directory);
    fake->pid = fork();
    if (fake->pid == 0) {
        prctl(PR_SET_PDEATHSIG,
              SIGTERM); /* also when an assertion ends the test before fake_telegram_stop() */
        execv(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    FILE *file = NULL;
    for (int i = 0; i < 1500 && !(file = fopen(port_file, "re")); i++)
        usleep(20000);
    if (!file || fscanf(file, "%d %d", &fake->port, &fake->control_port) != 2)
        abort();
    fclose(file);
    unlink(port_file);
    snprintf(fake->url, sizeof(fake->url), "https://127.0.0.1:%d", fake->port);
}

static inline void fake_telegram_stop(struct fake_telegram *fake)
{
    kill(fake->pid, SIGTERM);
    waitpid(fake->pid, NULL, 0);
    unlink(fake->ca_file);
    rmdir(fake->directory);
}

/* One request to the control port; the answer's JSON, or NULL. */
static inline json_t *fake_telegram_ask(const struct fake_telegram *fake, const char *method,
                                        const char *path, const char *body)
{
    static char answer[1 << 22];
    char request[1 << 16];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)fake->control_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        abort();
    int bytes = snprintf(request, sizeof(request),
                         "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                         method, path, strlen(body), body);
    if (send(fd, request, (size_t)bytes, 0) != bytes)
        abort();
    size_t n = 0;
    for (ssize_t got; n < sizeof(answer) - 1 && (got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0;)
        n += (size_t)got;
    close(fd);
    answer[n] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    return end ? json_loads(end + 4, 0, NULL) : NULL;
}

/* fake_telegram_tell(fake, "/script", "{…}") */
static inline void fake_telegram_tell(const struct fake_telegram *fake, const char *path, const char *body)
{
    json_t *answer = fake_telegram_ask(fake, "POST", path, body);
    if (!answer)
        abort();
    json_decref(answer);
}

#endif

/* search_path: a server that reports its search_path, as PostgreSQL does from 18 on; ours here is a thread of this
 * program that speaks as much of the protocol as that takes. */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void send_message(int fd, char type, const char *bytes, size_t n)
{
    char head[5] = {type, 0, 0, (char)((n + 4) >> 8), (char)(n + 4)};
    write(fd, head, sizeof(head));
    write(fd, bytes, n);
}

static void report(int fd, const char *path)
{
    char bytes[256];
    int n = snprintf(bytes, sizeof(bytes), "search_path%c%s%c", 0, path, 0);
    send_message(fd, 'S', bytes, (size_t)n);
}

/* "SET x TO y": x is ignored, and y is the new search_path; anything else changes nothing. */
static void *serve(void *argument)
{
    char bytes[512];
    int fd = accept(listener, NULL, NULL);
    read(fd, bytes, sizeof(bytes)); /* who wants what */
    send_message(fd, 'R', "\0\0\0\0", 4);
    report(fd, "\"$user\", public");
    send_message(fd, 'Z', "I", 1);
    for (ssize_t n; (n = read(fd, bytes, sizeof(bytes) - 1)) > 0 && *bytes == 'Q';) {
        bytes[n] = 0;
        const char *path = strstr(bytes + 5, " TO ");
        if (path)
            report(fd, path + 4);
        send_message(fd, 'C', "SET", sizeof("SET"));
        send_message(fd, 'Z', "I", 1);
    }
    close(fd);
    return argument;
}

static void run(PGconn *conn, const char *text, int is_sent)
{
    PGresult *result = NULL;
    if (!is_sent)
        result = PQexec(conn, text);
    else if (PQsendQuery(conn, text))
        for (PGresult *next; (next = PQgetResult(conn)); result = next)
            PQclear(result);
    printf("%s: %s\n", text, PQcmdStatus(result));
    PQclear(result);
}

int main(void)
{
    pthread_t server;
    char conninfo[256];
    const char *directory = getenv("TMPDIR");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.7", directory);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=7 sslmode=disable gssencmode=disable", directory);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (struct sockaddr *)&address, sizeof(address));
    listen(listener, 1);
    pthread_create(&server, NULL, serve, NULL);

    PGconn *conn = PQconnectdb(conninfo);
    run(conn, "SELECT 1", 0); /* of the role's own schema, or public: not known */
    run(conn, "SET search_path TO app, public", 0);
    run(conn, "SELECT 2", 0);
    run(conn, "set search_path TO \"My \"\"App\"\"\"", 1);
    run(conn, "SELECT 3", 1);
    run(conn, "SELECT set_config TO unseen", 0); /* not a word that is looked for */
    run(conn, "SELECT 4", 0);
    run(conn, "COMMIT", 0);
    run(conn, "SELECT 5", 0);
    PQfinish(conn);
    pthread_join(server, NULL);
    unlink(address.sun_path);
    return 0;
}

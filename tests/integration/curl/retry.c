/*
 * retry: a connection that is used again and found closed: libcurl asks a second time, by itself. One span, one resend.
 */
#include "http.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void answer(int connection, bool with_anything)
{
    char request[4096];
    if (read(connection, request, sizeof(request)) > 0 && with_anything)
        (void)!write(connection, ANSWER, sizeof(ANSWER) - 1);
}

/* Two requests on the first connection, of which the second gets no answer. */
static void *serve(void *listener)
{
    int first = accept(*(int *)listener, NULL, NULL);
    answer(first, true);
    answer(first, false);
    close(first);
    int second = accept(*(int *)listener, NULL, NULL);
    answer(second, true);
    close(second);
    return NULL;
}

int main(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "retry.sock"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t server;
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8))
        return 1;
    pthread_create(&server, NULL, serve, &listener);
    CURL *handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, "retry.sock");
    curl_easy_setopt(handle, CURLOPT_URL, "http://retry.example/");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    for (int i = 0; i < 2; i++) {
        long n_connections = 0;
        CURLcode code = curl_easy_perform(handle);
        curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &n_connections);
        printf("%d: %ld new connections\n", code, n_connections);
    }
    curl_easy_cleanup(handle);
    pthread_join(server, NULL);
    unlink("retry.sock");
    return 0;
}

/*
 * peers: a handle whose requests go to one address and then to another, and back over a connection that was kept: each span
 * tells where its own request went. The servers are ours: 127.0.0.2 and 127.0.0.3 on the ports of the one beside us, which
 * listens on 127.0.0.1. What the path begins with says what becomes of the connection.
 */
#include "http.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define HERE "127.0.0.2"
#define THERE "127.0.0.3"

static const char *port, *other_port;
static sem_t is_closed;

/* ---- the servers ---- */

/* "/to/HOST": go there. "/drop": the answer is the connection's last, without a word. Else it stays. */
static bool answer(int connection, const char *request)
{
    const char *path = strstr(request, "/to/");
    char text[200];
    if (path)
        snprintf(text, sizeof(text),
                 "HTTP/1.1 302 Found\r\nLocation: http://%.*s:%s/stay\r\nContent-Length: 0\r\n\r\n",
                 (int)strcspn(path + 4, " "), path + 4, port);
    else
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    return write(connection, text, strlen(text)) > 0 && !strstr(request, "/drop");
}

static void *serve(void *argument)
{
    int connection = (int)(intptr_t)argument;
    char request[4096];
    ssize_t n;
    while ((n = read(connection, request, sizeof(request) - 1)) > 0) {
        request[n] = 0;
        if (!answer(connection, request))
            break;
    }
    close(connection);
    if (n > 0)
        sem_post(&is_closed);
    return NULL;
}

static void *accept_all(void *argument)
{
    for (;;) {
        int connection = accept((int)(intptr_t)argument, NULL, NULL);
        pthread_t thread;
        if (connection < 0 || pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) ||
            pthread_detach(thread))
            exit(1);
    }
}

static void start_server(const char *address, const char *at_port)
{
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(at_port))};
    pthread_t thread;
    inet_pton(AF_INET, address, &name.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 16) ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) || pthread_detach(thread))
        exit(1);
}

/* ---- a handle ---- */

/* Behind libcurl's list of the last request, so that they live long enough. */
static struct curl_slist *lists[64];
static unsigned n_lists;

static struct curl_slist *list_of(const char *line)
{
    return lists[n_lists++] = curl_slist_append(NULL, line);
}

static void go_to(CURL *handle, const char *host, const char *path)
{
    char url[200];
    snprintf(url, sizeof(url), "http://%s:%s/%s", host, port, path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
}

static void resolve(CURL *handle, const char *host, const char *address)
{
    char line[200];
    snprintf(line, sizeof(line), "%s:%s:%s", host, port, address);
    curl_easy_setopt(handle, CURLOPT_RESOLVE, list_of(line));
}

/* The program's own question comes last: what it asks for must not be what we know. */
static void show(const char *what, CURL *handle)
{
    long n_connections = -1;
    const char *address = NULL;
    CURLcode code = curl_easy_perform(handle);
    curl_easy_getinfo(handle, CURLINFO_NUM_CONNECTS, &n_connections);
    curl_easy_getinfo(handle, CURLINFO_PRIMARY_IP, &address);
    printf("%s: %d, %ld new, %s\n", what, code, n_connections, address);
}

static void show_twice(const char *what, CURL *handle)
{
    for (int i = 0; i < 2; i++)
        show(what, handle);
}

static void prepare(CURL *handle, const char *path)
{
    resolve(handle, "api.example", HERE);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    go_to(handle, "api.example", path);
}

/* Three requests: the last two on a connection that is kept. */
static CURL *begin(const char *path)
{
    CURL *handle = curl_easy_init();
    prepare(handle, path);
    for (int i = 0; i < 3; i++)
        show(path, handle);
    return handle;
}

/* ---- what may happen ---- */

/* The name means another address now, and a connection there is asked for: two are kept. */
static void resolved_anew(void)
{
    CURL *handle = begin("resolved");
    resolve(handle, "api.example", THERE);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    show("resolved anew", handle);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 0L);
    show_twice("one of two", handle);
    curl_easy_cleanup(handle);
}

static void other_host(void)
{
    CURL *handle = begin("host");
    resolve(handle, "b.example", THERE);
    go_to(handle, "b.example", "host");
    show_twice("another host", handle);
    go_to(handle, "api.example", "host");
    show_twice("back", handle);
    curl_easy_cleanup(handle);
}

static void connected_to(void)
{
    char line[100];
    CURL *handle = begin("connect");
    snprintf(line, sizeof(line), "::%s:%s", HERE, other_port);
    curl_easy_setopt(handle, CURLOPT_CONNECT_TO, list_of(line));
    show_twice("to another port", handle);
    curl_easy_setopt(handle, CURLOPT_CONNECT_TO, NULL);
    show_twice("back", handle);
    curl_easy_cleanup(handle);
}

static void proxied(void)
{
    char proxy[100];
    CURL *handle = begin("proxy");
    snprintf(proxy, sizeof(proxy), "http://%s:%s", THERE, other_port);
    curl_easy_setopt(handle, CURLOPT_PROXY, proxy);
    show_twice("by a proxy", handle);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    show_twice("back", handle);
    curl_easy_cleanup(handle);
}

static void from_elsewhere(void)
{
    CURL *handle = begin("interface");
    resolve(handle, "api.example", THERE);
    curl_easy_setopt(handle, CURLOPT_INTERFACE, "127.0.0.4");
    show("from another address", handle);
    curl_easy_setopt(handle, CURLOPT_INTERFACE, NULL);
    show_twice("back", handle);
    curl_easy_cleanup(handle);
}

/* The last hop says nothing of the connection that was made for the first. */
static void redirected(void)
{
    CURL *handle = begin("redirect");
    resolve(handle, "b.example", THERE);
    go_to(handle, "b.example", "to/api.example");
    show("there and back", handle);
    go_to(handle, "b.example", "stay");
    show_twice("there", handle);
    go_to(handle, "api.example", "to/b.example");
    show("redirected there", handle);
    go_to(handle, "api.example", "redirect");
    show("back", handle);
    curl_easy_cleanup(handle);
}

static void drop(CURL *handle)
{
    go_to(handle, "api.example", "drop");
    show("the last of its connection", handle);
    sem_wait(&is_closed);
}

static void closed(void)
{
    CURL *handle = begin("closed");
    drop(handle);
    go_to(handle, "api.example", "closed");
    show_twice("the same server", handle);
    drop(handle);
    resolve(handle, "api.example", THERE);
    go_to(handle, "api.example", "closed");
    show_twice("another server", handle);
    curl_easy_cleanup(handle);
}

/* What a reset leaves are the connections. */
static void forgotten(void)
{
    CURL *handle = begin("reset");
    curl_easy_reset(handle);
    prepare(handle, "reset");
    resolve(handle, "api.example", THERE);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    show("a reset", handle);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 0L);
    show_twice("one of two", handle);
    curl_easy_cleanup(handle);
}

/* In the meantime it has the connections of a multi handle. */
static void side_by_side(void)
{
    CURL *handle = begin("multi");
    CURLM *multi = curl_multi_init();
    resolve(handle, "api.example", THERE);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    for (int i = 0; i < 2; i++) {
        curl_multi_add_handle(multi, handle);
        drive(multi);
        printf("multi: %d\n", collect(multi));
        curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 0L);
    }
    resolve(handle, "api.example", HERE);
    show_twice("alone again", handle);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(handle);
}

/* Another handle puts a connection into the same pool, and when the first one is gone that is taken. */
static void shared(void)
{
    CURLSH *share = curl_share_init();
    CURL *handle = curl_easy_init(), *other = curl_easy_init();
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    prepare(handle, "shared");
    prepare(other, "shared");
    curl_easy_setopt(handle, CURLOPT_SHARE, share);
    curl_easy_setopt(other, CURLOPT_SHARE, share);
    for (int i = 0; i < 3; i++)
        show("shared", handle);
    resolve(other, "api.example", THERE);
    curl_easy_setopt(other, CURLOPT_FRESH_CONNECT, 1L);
    show("another handle", other);
    drop(handle);
    go_to(handle, "api.example", "shared");
    show_twice("the other one's", handle);
    curl_easy_cleanup(handle);
    curl_easy_cleanup(other);
    curl_share_cleanup(share);
}

int main(void)
{
    sem_init(&is_closed, 0, 0);
    port = getenv("HTTP_PORT");
    other_port = getenv("HTTP2_PORT");
    start_server(HERE, port);
    start_server(THERE, port);
    start_server(HERE, other_port);
    start_server(THERE, other_port);
    resolved_anew();
    other_host();
    connected_to();
    proxied();
    from_elsewhere();
    redirected();
    closed();
    forgotten();
    side_by_side();
    shared();
    while (n_lists)
        curl_slist_free_all(lists[--n_lists]);
    return 0;
}

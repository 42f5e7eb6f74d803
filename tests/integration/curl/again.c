/*
 * again: one handle, asked again and again: our header nodes and the facts of URL and method outlive a request, so each has its own
 * context, and none where there must be none: another host, a list of the program's own, a copy, a reset.
 */
#include "http.h"

static char last[80], sent[80], own[80];
static int n_contexts;

/* The last traceparent that went out, how many there were, and one header of the program's own. */
static int watch(CURL *handle, curl_infotype type, char *data, size_t bytes, void *context)
{
    (void)handle;
    (void)context;
    for (const char *line = data; type == CURLINFO_HEADER_OUT && line && line < data + bytes;
         line = memchr(line, '\n', (size_t)(data + bytes - line)), line = line ? line + 1 : NULL) {
        if (!strncasecmp(line, "traceparent: ", 13)) {
            snprintf(sent, sizeof(sent), "%.55s", line + 13);
            n_contexts++;
        }
        if (!strncmp(line, "X-Own: ", 7))
            snprintf(own + strlen(own), sizeof(own) - strlen(own), " %.3s", line + 7);
    }
    return 0;
}

/* `n_wanted` contexts with the shim, another one than the last request had. */
static void show(const char *what, CURL *handle, int n_wanted)
{
    n_contexts = 0;
    own[0] = sent[0] = 0;
    CURLcode code = curl_easy_perform(handle);
    bool is_right = n_contexts == (is_traced() ? n_wanted : 0) && (!n_contexts || strcmp(sent, last) != 0);
    printf("%s: %d %ld%s%s\n", what, code, status_of(handle), own, is_right ? "" : ", WRONG CONTEXT");
    if (n_contexts)
        memcpy(last, sent, sizeof(last));
}

static void prepare(CURL *handle, struct curl_slist *addresses)
{
    curl_easy_setopt(handle, CURLOPT_RESOLVE, addresses);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, watch);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
}

static void go_to(CURL *handle, const char *host)
{
    char url[100];
    snprintf(url, sizeof(url), "http://%s:%s/small", host, getenv("HTTP_PORT"));
    curl_easy_setopt(handle, CURLOPT_URL, url);
}

static void methods(CURL *handle)
{
    show("the same", handle, 1);
    go_to(handle, "api.example");
    show("the same URL, set again", handle, 1);
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    show("HEAD", handle, 1);
    show("HEAD again", handle, 1);
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "OPTIONS");
    show("OPTIONS", handle, 1);
    show("OPTIONS again", handle, 1);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, NULL);
    show("GET", handle, 1);
}

static void hosts(CURL *handle)
{
    go_to(handle, "db.internal");
    show("an excluded host", handle, 0);
    show("an excluded host again", handle, 0);
    go_to(handle, "api.example");
    show("back", handle, 1);
}

/* Another way there, and back on the connection that was kept: nothing of the last peer's is left over. */
static void peers(CURL *handle)
{
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, getenv("HTTP_SOCKET"));
    show("by a socket", handle, 1);
    show("by the socket again", handle, 1);
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, NULL);
    show("by TCP", handle, 1);
    show("by TCP again", handle, 1);
}

static void lists(CURL *handle)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: one");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    show("a list", handle, 1);
    curl_slist_append(list, "X-Own: two");
    show("the list is longer", handle, 1);
    curl_slist_append(list, "b3;");
    show("the list has a context", handle, 0);
    curl_slist_free_all(list);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
    show("no list", handle, 1);
}

static void copies(CURL *handle, struct curl_slist *addresses)
{
    CURL *copy = curl_easy_duphandle(handle);
    show("the copy", copy, 1);
    go_to(copy, "db.internal");
    show("the copy, an excluded host", copy, 0);
    curl_easy_cleanup(handle);
    go_to(copy, "api.example");
    show("the copy, alone", copy, 1);
    curl_easy_reset(copy);
    prepare(copy, addresses);
    go_to(copy, "db.internal");
    show("after a reset, an excluded host", copy, 0);
    curl_easy_cleanup(copy);
}

/* In turn with the multi interface. */
static void side_by_side(CURL *handle, struct curl_slist *addresses)
{
    CURLM *multi = curl_multi_init();
    curl_easy_setopt(handle, CURLOPT_RESOLVE, addresses); /* it has names of its own */
    for (int i = 0; i < 3; i++) {
        n_contexts = 0;
        curl_multi_add_handle(multi, handle);
        drive(multi);
        int n = collect(multi);
        bool is_right = n_contexts == is_traced() && (!n_contexts || strcmp(sent, last) != 0);
        printf("multi: %d%s\n", n, is_right ? "" : ", WRONG CONTEXT");
        memcpy(last, sent, sizeof(last));
    }
    curl_multi_cleanup(multi);
}

int main(void)
{
    char resolve[2][100];
    snprintf(resolve[0], sizeof(resolve[0]), "api.example:%s:127.0.0.1", getenv("HTTP_PORT"));
    snprintf(resolve[1], sizeof(resolve[1]), "db.internal:%s:127.0.0.1", getenv("HTTP_PORT"));
    struct curl_slist *addresses = curl_slist_append(NULL, resolve[0]);
    addresses = curl_slist_append(addresses, resolve[1]);
    CURL *handle = curl_easy_init();
    prepare(handle, addresses);
    go_to(handle, "api.example");
    show("first", handle, 1);
    methods(handle);
    hosts(handle);
    peers(handle);
    lists(handle);
    side_by_side(handle, addresses);
    copies(handle, addresses);
    curl_slist_free_all(addresses);
    return 0;
}

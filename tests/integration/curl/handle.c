/*
 * handle: what a handle is told in its life, and what goes out: the program's header list, in order, with at most one
 * traceparent in front of it, and none where the program sends its own or the handle only connects.
 */
#include <curl/curl.h>
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_traced, may_jump;
static jmp_buf back;
static int n_contexts;

static size_t swallow(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    if (may_jump) {
        may_jump = false;
        longjmp(back, 1);
    }
    return size * n;
}

/* Prints the request line and the X- headers; counts contexts. */
static int watch(CURL *handle, curl_infotype type, char *data, size_t bytes, void *context)
{
    const char *end = data + bytes, *next;
    (void)handle;
    (void)context;
    for (const char *line = data; type == CURLINFO_HEADER_OUT && line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            break;
        if (line == data || !strncmp(line, "X-", 2))
            printf("  %.*s\n", (int)(next - line - 1), line);
        n_contexts += !strncasecmp(line, "traceparent:", 12);
    }
    return 0;
}

static void show(const char *what, CURL *handle, int n_wanted)
{
    n_contexts = 0;
    errno = 0;
    CURLcode code = curl_easy_perform(handle);
    printf("%s: %d%s\n", what, code, n_contexts == n_wanted ? "" : ", WRONG NUMBER OF traceparent");
}

static void prepare(CURL *handle)
{
    char url[256];
    snprintf(url, sizeof(url), "%s/small", getenv("HTTP_URL"));
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, watch);
    curl_easy_setopt(handle, CURLOPT_VERBOSE, 1L);
}

/* A callback that ends in a tail call into libcurl. */
static int change_method(void *handle, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)(a + b + c + d);
    return (int)curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "OPTIONS");
}

static void show_lists(void)
{
    struct curl_slist *list = curl_slist_append(curl_slist_append(NULL, "X-One: 1"), "X-Two: 2");
    struct curl_slist *own = curl_slist_append(NULL, "tRaceparent: 00-of-its-own");
    CURL *handle = curl_easy_init();
    prepare(handle);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    show("list", handle, is_traced);
    CURL *copy = curl_easy_duphandle(handle);
    curl_easy_cleanup(handle);
    show("copy", copy, is_traced);
    may_jump = true;
    if (!setjmp(back))
        show("not reached", copy, is_traced);
    handle = curl_easy_duphandle(copy);
    show("copy of one left by longjmp", handle, is_traced);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, own);
    show("own context", handle, 1);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
    show("no list", handle, is_traced);
    for (const struct curl_slist *item = list; item; item = item->next)
        puts(item->data);
    curl_easy_cleanup(handle);
    curl_easy_cleanup(copy);
    curl_slist_free_all(list);
    curl_slist_free_all(own);
}

static void show_methods(void)
{
    CURL *handle = curl_easy_init();
    prepare(handle);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "a=b");
    show("post", handle, is_traced);
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    show("head", handle, is_traced);
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    show("get", handle, is_traced);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "delete");
    show("lower case", handle, is_traced);
    curl_easy_reset(handle);
    prepare(handle);
    show("reset", handle, is_traced);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, change_method);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, handle);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    show("changed by a callback", handle, is_traced);
    show("the next", handle, is_traced);
    curl_easy_cleanup(handle);
}

int main(void)
{
    const char *preload = getenv("LD_PRELOAD");
    is_traced = preload && strstr(preload, "otelshim");
    curl_global_init(CURL_GLOBAL_ALL);
    show_lists();
    show_methods();

    CURL *handle = curl_easy_init();
    show("no url", handle, 0);
    prepare(handle);
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
    show("connect only", handle, 0); /* no span */
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 0L);
    CURLU *url = curl_url();
    char text[256];
    snprintf(text, sizeof(text), "%s/small?from=curlu", getenv("HTTP_URL"));
    curl_url_set(url, CURLUPART_URL, text, 0);
    curl_easy_setopt(handle, CURLOPT_CURLU, url);
    show("url handle", handle, is_traced);
    curl_easy_cleanup(handle);
    curl_url_cleanup(url);
    printf("no handle: %d\n", curl_easy_perform(NULL));
    curl_global_cleanup();
    return 0;
}

/* http: what the programs of this folder share. */
#ifndef TEST_HTTP_H
#define TEST_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The URL of a path of the server whose URL is in the environment variable; a new copy each. */
static inline char *url_at(const char *variable, const char *path)
{
    const char *base = getenv(variable);
    size_t bytes = strlen(base) + strlen(path) + 1;
    char *url = malloc(bytes);
    snprintf(url, bytes, "%s%s", base, path);
    return url;
}

static inline size_t swallow(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    return size * n;
}

static inline CURL *new_handle(const char *path)
{
    CURL *handle = curl_easy_init();
    char *url = url_at("HTTP_URL", path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    free(url);
    return handle;
}

static inline bool is_traced(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "otelshim");
}

static inline long status_of(CURL *handle)
{
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* Until nothing runs; messages are left where they are. */
static inline void drive(CURLM *multi)
{
    int n_running = 1;
    while (n_running)
        if (curl_multi_perform(multi, &n_running) ||
            (n_running && curl_multi_wait(multi, NULL, 0, 1000, NULL)))
            exit(1);
}

/* Takes the messages, and the handles out. Returns how many. */
static inline int collect(CURLM *multi)
{
    const CURLMsg *message;
    int n_left, n = 0;
    for (; (message = curl_multi_info_read(multi, &n_left)); n++)
        curl_multi_remove_handle(multi, message->easy_handle);
    return n;
}

#endif

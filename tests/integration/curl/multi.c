/*
 * multi: requests side by side in a multi handle: done, failed, removed before their end, left to cleanup and reset;
 * handles used again; a handle that is never told anything; a private multi handle inside curl_easy_perform.
 * usage: multi, with HTTP_URL in the environment
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char url[256], redirect_url[256], missing_url[256];

static size_t swallow(char *data, size_t size, size_t n, void *unused)
{
    (void)data;
    (void)unused;
    return size * n;
}

static CURL *new_handle(const char *to)
{
    CURL *handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, to);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    return handle;
}

/* Until nothing runs; says what each request came to. */
static void run(CURLM *multi, const char *what)
{
    int n_running = 1, n_left;
    while (n_running) {
        if (curl_multi_perform(multi, &n_running) ||
            (n_running && curl_multi_wait(multi, NULL, 0, 1000, NULL)))
            exit(1);
    }
    const CURLMsg *message;
    int n_done = 0, n_failed = 0;
    while ((message = curl_multi_info_read(multi, &n_left))) {
        n_done++;
        n_failed += message->data.result != CURLE_OK;
        curl_multi_remove_handle(multi, message->easy_handle);
    }
    printf("%s: %d done, %d failed\n", what, n_done, n_failed);
}

static void one(CURLM *multi, const char *what, CURL *handle)
{
    curl_multi_add_handle(multi, handle);
    run(multi, what);
}

/* Connections are taken, and never answered. */
static int listen_silently(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "silent.sock"};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof(address)) || listen(descriptor, 8))
        exit(1);
    return descriptor;
}

int main(void)
{
    const char *base = getenv("HTTP_URL");
    snprintf(url, sizeof(url), "%s/small", base);
    snprintf(redirect_url, sizeof(redirect_url), "%s/redirect", base);
    snprintf(missing_url, sizeof(missing_url), "%s/missing", base);
    CURLM *multi = curl_multi_init();

    CURL *a = new_handle(url), *b = new_handle("http://127.0.0.1:9/"), *c = new_handle("file:///dev/null");
    one(multi, "found", a);
    one(multi, "refused", b);
    one(multi, "no HTTP", c);
    curl_easy_setopt(a, CURLOPT_URL, redirect_url);
    curl_easy_setopt(a, CURLOPT_FOLLOWLOCATION, 1L);
    one(multi, "again, redirected", a);
    curl_easy_setopt(b, CURLOPT_URL, missing_url);
    curl_easy_setopt(b, CURLOPT_NOBODY, 1L);
    one(multi, "missing", b);

    /* Twice the same: the second is refused, and the first goes on. */
    curl_easy_setopt(a, CURLOPT_URL, url);
    curl_multi_add_handle(multi, a);
    printf("added twice: %d\n", curl_multi_add_handle(multi, a));
    run(multi, "added twice");

    /* Gone before their end, one way each; the first while it waits for an answer. */
    int n_running = 0, silent = listen_silently();
    curl_easy_setopt(a, CURLOPT_UNIX_SOCKET_PATH, "silent.sock");
    curl_easy_setopt(a, CURLOPT_URL, "http://silent.example/");
    curl_multi_add_handle(multi, a);
    for (int i = 0; i < 5; i++)
        curl_multi_perform(multi, &n_running);
    printf("%d running, removed: %d\n", n_running, curl_multi_remove_handle(multi, a));
    printf("removed again: %d\n", curl_multi_remove_handle(multi, a));
    close(silent);
    unlink("silent.sock");
    curl_easy_setopt(a, CURLOPT_UNIX_SOCKET_PATH, NULL);
    curl_easy_setopt(a, CURLOPT_URL, url);
    CURL *d = new_handle(url);
    curl_multi_add_handle(multi, d);
    curl_easy_cleanup(d);
    curl_multi_add_handle(multi, a);
    curl_multi_cleanup(multi);
    printf("performed after cleanup: %d\n", curl_easy_perform(a));

    /* Side by side, each its own trace. */
    multi = curl_multi_init();
    CURL *several[3];
    for (int i = 0; i < 3; i++) {
        several[i] = new_handle(url);
        curl_multi_add_handle(multi, several[i]);
    }
    run(multi, "several");
    for (int i = 0; i < 3; i++)
        curl_easy_cleanup(several[i]);

    CURL *blank = curl_easy_init();
    one(multi, "blank", blank);
    curl_easy_cleanup(blank);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(a);
    curl_easy_cleanup(b);
    curl_easy_cleanup(c);
    return 0;
}

/*
 * callbacks: what programs do from inside libcurl: ask, set, perform another handle, their own, add and remove handles of this
 * and another multi handle, pause.
 */
#include "http.h"

static CURLM *multi, *other_multi;
static CURL *other;
static bool has_been;

static size_t use_everything(char *data, size_t size, size_t n, void *handle)
{
    (void)data;
    if (has_been)
        return size * n;
    has_been = true;
    printf("status inside: %ld\n", status_of(handle));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, 5000L);
    printf("another inside: %d\n", curl_easy_perform(other));
    printf("itself inside: %s\n", curl_easy_perform(handle) ? "refused" : "done");
    printf("added to a multi handle of its own: %s\n",
           curl_multi_add_handle(other_multi, handle) ? "refused" : "done");
    printf("another added: %d\n", curl_multi_add_handle(other_multi, other));
    return size * n;
}

static size_t change_multi(char *data, size_t size, size_t n, void *handle)
{
    (void)data;
    if (has_been)
        return size * n;
    has_been = true;
    printf("added inside: %s\n", curl_multi_add_handle(multi, other) ? "refused" : "done");
    printf("removed inside: %s\n", curl_multi_remove_handle(multi, handle) ? "refused" : "done");
    printf("performed inside: %s\n", curl_easy_perform(handle) ? "refused" : "done");
    return size * n;
}

static size_t pause_once(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    bool *is_paused = context;
    if (*is_paused)
        return size * n;
    *is_paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

static int give_up(void *handle, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)handle;
    (void)(a + b + c + d);
    return 1;
}

int main(void)
{
    CURL *handle = new_handle("/small");
    multi = curl_multi_init();
    other_multi = curl_multi_init();
    other = new_handle("/status/503");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, use_everything);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, handle);
    printf("easy: %d\n", curl_easy_perform(handle));
    drive(other_multi);
    printf("the other: %d\n", collect(other_multi));

    /* A new handle: libcurl 7.88 does not notice where the handle has performed by itself before. */
    has_been = false;
    curl_easy_cleanup(handle);
    handle = new_handle("/small");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, change_multi);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, handle);
    curl_multi_add_handle(multi, handle);
    drive(multi);
    printf("multi: %d\n", collect(multi));

    bool is_paused = false;
    CURL *pausing = new_handle("/large");
    curl_easy_setopt(pausing, CURLOPT_WRITEFUNCTION, pause_once);
    curl_easy_setopt(pausing, CURLOPT_WRITEDATA, &is_paused);
    curl_multi_add_handle(multi, pausing);
    for (int n; !is_paused;)
        curl_multi_perform(multi, &n);
    printf("goes on: %d\n", curl_easy_pause(pausing, CURLPAUSE_CONT));
    drive(multi);
    printf("paused: %d\n", collect(multi));

    curl_easy_setopt(pausing, CURLOPT_XFERINFOFUNCTION, give_up);
    curl_easy_setopt(pausing, CURLOPT_NOPROGRESS, 0L);
    printf("given up by the program: %d\n", curl_easy_perform(pausing));
    curl_multi_cleanup(multi);
    curl_multi_cleanup(other_multi);
    curl_easy_cleanup(handle);
    curl_easy_cleanup(other);
    curl_easy_cleanup(pausing);
    return 0;
}

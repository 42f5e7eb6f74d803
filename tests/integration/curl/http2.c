/* http2: requests side by side over one HTTP/2 connection, and one by itself. */
#include "http.h"

static CURL *new_http2_handle(const char *path)
{
    CURL *handle = curl_easy_init();
    char *url = url_at("HTTP2_URL", path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_CAINFO, getenv("HTTP2_CA"));
    curl_easy_setopt(handle, CURLOPT_PIPEWAIT, 1L);
    free(url);
    return handle;
}

int main(void)
{
    static const char *const paths[] = {"/large", "/small", "/status/503"};
    CURLM *multi = curl_multi_init();
    CURL *handles[3];
    long n_connections;
    for (int i = 0; i < 3; i++) {
        handles[i] = new_http2_handle(paths[i]);
        curl_multi_add_handle(multi, handles[i]);
    }
    drive(multi);
    printf("%d\n", collect(multi));
    for (int i = 0; i < 3; i++) {
        curl_easy_getinfo(handles[i], CURLINFO_NUM_CONNECTS, &n_connections);
        printf("%s: %ld over %ld new connections\n", paths[i], status_of(handles[i]), n_connections);
    }
    curl_multi_cleanup(multi);
    printf("by itself: %d\n", curl_easy_perform(handles[1]));
    for (int i = 0; i < 3; i++)
        curl_easy_cleanup(handles[i]);
    return 0;
}

/*
 * push: a handle that libcurl itself makes for what a server pushes by HTTP/2, taken once and refused once. Not for libcurl
 * 7.88, which breaks off a connection on which something is pushed: websocket.sh runs it with another.
 */
#include "http.h"

static int n_pushed;

static int take_push(CURL *parent, CURL *pushed, size_t n_headers, struct curl_pushheaders *headers,
                     void *is_wanted)
{
    (void)parent;
    (void)n_headers;
    curl_easy_setopt(pushed, CURLOPT_WRITEFUNCTION, swallow);
    printf("push of %s\n", curl_pushheader_byname(headers, ":path"));
    n_pushed++;
    return *(bool *)is_wanted ? CURL_PUSH_OK : CURL_PUSH_DENY;
}

static CURL *new_http2_handle(const char *path)
{
    CURL *handle = curl_easy_init();
    char *url = url_at("PUSH_URL", path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(handle, CURLOPT_PIPEWAIT, 1L);
    free(url);
    return handle;
}

static void run(CURLM *multi, CURL *handle)
{
    const CURLMsg *message;
    int n_left;
    curl_multi_add_handle(multi, handle);
    drive(multi);
    while ((message = curl_multi_info_read(multi, &n_left))) {
        CURL *done = message->easy_handle;
        printf("%s: %d %ld\n", done == handle ? "asked for" : "pushed", message->data.result,
               status_of(done));
        curl_multi_remove_handle(multi, done);
        if (done != handle)
            curl_easy_cleanup(done);
    }
}

int main(void)
{
    bool is_wanted = true;
    CURLM *multi = curl_multi_init();
    CURL *pushing = new_http2_handle("/pushing"), *small = new_http2_handle("/small");
    curl_multi_setopt(multi, CURLMOPT_PUSHFUNCTION, take_push);
    curl_multi_setopt(multi, CURLMOPT_PUSHDATA, &is_wanted);
    run(multi, pushing);
    is_wanted = false;
    run(multi, pushing);
    run(multi, small);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(pushing);
    curl_easy_cleanup(small);

    CURL *easy = new_http2_handle("/small");
    printf("easy: %d\n", curl_easy_perform(easy));
    curl_easy_cleanup(easy);
    printf("%d pushes\n", n_pushed);
    return 0;
}

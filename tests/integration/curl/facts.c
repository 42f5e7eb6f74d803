/*
 * facts: what a span says of its request: long URLs in both interfaces, URLs without a scheme, secrets, the Host header, a UNIX
 * socket of relative path, log-ins and redirects that are hidden in one call, headers and the user agent that are asked for,
 * template names.
 */
#include "http.h"
#include <sys/stat.h>
#include <unistd.h>

static void both(CURL *handle, const char *what)
{
    int code = curl_easy_perform(handle), n;
    printf("%s: %d %ld\n", what, code, status_of(handle));
    CURLM *multi = curl_multi_init();
    curl_multi_add_handle(multi, handle);
    drive(multi);
    n = collect(multi);
    printf("%s, multi: %d %ld\n", what, n, status_of(handle));
    curl_multi_cleanup(multi);
    curl_easy_cleanup(handle);
}

static CURL *to_long_url(void)
{
    static char path[702];
    memset(path, 'x', 700);
    memcpy(path, "/long?", 6);
    memcpy(path + 694, "&end=1", 7);
    return new_handle(path);
}

static CURL *without_scheme(const char *protocol)
{
    CURL *handle = new_handle("/small");
    char *url = url_at("HTTP_URL", "/small");
    curl_easy_setopt(handle, CURLOPT_URL, strstr(url, "//") + 2);
    if (protocol)
        curl_easy_setopt(handle, CURLOPT_DEFAULT_PROTOCOL, protocol);
    free(url);
    return handle;
}

static CURL *with_secrets(void)
{
    char url[300];
    CURL *handle = new_handle("/small");
    snprintf(url, sizeof(url), "http://user:password@127.0.0.1:%s/bot123:token/orders/17?sig=secret&a=1",
             getenv("HTTP_PORT"));
    curl_easy_setopt(handle, CURLOPT_URL, url);
    return handle;
}

static CURL *by_socket(void)
{
    CURL *handle = new_handle("/small");
    unlink("relative.sock");
    if (symlink(getenv("HTTP_SOCKET"), "relative.sock"))
        exit(1);
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, "relative.sock");
    curl_easy_setopt(handle, CURLOPT_URL, "http://backend.example/small");
    return handle;
}

static CURL *with_log_in(void)
{
    CURL *handle = new_handle("/private");
    curl_easy_setopt(handle, CURLOPT_USERPWD, "user:password");
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_ANY);
    return handle;
}

int main(void)
{
    struct curl_slist *list = curl_slist_append(NULL, "X-One: 1");
    list = curl_slist_append(list, "host: api.example:81");
    list = curl_slist_append(list, "Authorization: Bearer secret");
    list = curl_slist_append(list, "X-One: 2");
    list = curl_slist_append(list, "X-Empty;");
    list = curl_slist_append(list, "X-Unasked: 1");
    list = curl_slist_append(list, "x-request-id: 4711-ours"); /* recorded without a setting */
    list = curl_slist_append(list, "X-Request-ID-Not: 1");
    CURL *handle = new_handle("/headers");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "bot/1.0");
    both(handle, "headers");
    handle = new_handle("/orders/17?x=1");
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "MKCOL");
    both(handle, "unknown method");
    both(to_long_url(), "long");
    both(without_scheme(NULL), "no scheme");
    both(without_scheme("http"), "default protocol");
    both(with_secrets(), "secrets");
    both(by_socket(), "socket");
    both(with_log_in(), "log-in");
    unlink("relative.sock");
    curl_slist_free_all(list);
    return 0;
}

/*
 * stub curl: a libcurl of a version that nobody knows (version script: CURL_FOO_9): a request ends at once with status 200, and its URL
 * as the body.
 */
#include <curl/curl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo

struct handle {
    char url[256];
    curl_write_callback write;
    void *to;
};

CURL *curl_easy_init(void)
{
    return calloc(1, sizeof(struct handle));
}
void curl_easy_cleanup(CURL *curl)
{
    free(curl);
}
CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    struct handle *handle = curl;
    va_list list;
    va_start(list, option);
    if (option == CURLOPT_URL)
        strncpy(handle->url, va_arg(list, const char *), sizeof(handle->url) - 1);
    else if (option == CURLOPT_WRITEFUNCTION)
        handle->write = va_arg(list, curl_write_callback);
    else if (option == CURLOPT_WRITEDATA)
        handle->to = va_arg(list, void *);
    va_end(list);
    return CURLE_OK;
}
CURLcode curl_easy_perform(CURL *curl)
{
    struct handle *handle = curl;
    if (handle->write)
        handle->write(handle->url, 1, strlen(handle->url), handle->to);
    return CURLE_OK;
}
CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list list;
    (void)curl;
    va_start(list, info);
    if (info == CURLINFO_RESPONSE_CODE)
        *va_arg(list, long *) = 200;
    else if ((info & CURLINFO_TYPEMASK) == CURLINFO_STRING)
        *va_arg(list, char **) = NULL;
    else if ((info & CURLINFO_TYPEMASK) == CURLINFO_DOUBLE)
        *va_arg(list, double *) = 0;
    else
        memset(va_arg(list, void *), 0, 8);
    va_end(list);
    return CURLE_OK;
}
const char *curl_easy_strerror(CURLcode code)
{
    return code ? "failed" : "No error";
}

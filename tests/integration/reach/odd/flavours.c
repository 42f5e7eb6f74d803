/*
 * flavours: usage: flavours URL: OpenSSL's and GnuTLS's libcurl in one process; what each says of a server that speaks no TLS tells
 * which library did the work. One file, three objects: -DFLAVOUR=get_openssl, -DFLAVOUR=get_gnutls, and main.
 */
#include <curl/curl.h>
#include <stdio.h>

#ifdef FLAVOUR
CURLcode FLAVOUR(const char *url, char *ret_error);
static CURLcode perform(CURL *curl)
{
    return curl_easy_perform(curl); /* a tail call */
}
__attribute__((visibility("default"))) CURLcode FLAVOUR(const char *url, char *ret_error)
{
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, ret_error);
    CURLcode code = perform(curl);
    curl_easy_cleanup(curl);
    return code;
}
#else
CURLcode get_openssl(const char *url, char *ret_error);
CURLcode get_gnutls(const char *url, char *ret_error);

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    for (int round = 0; round < 3; round++) {
        char error[CURL_ERROR_SIZE] = "";
        CURLcode code = get_openssl(argv[1], error);
        printf("openssl: %d %s\n", (int)code, error);
        code = get_gnutls(argv[1], error);
        printf("gnutls: %d %s\n", (int)code, error);
    }
    return 0;
}
#endif

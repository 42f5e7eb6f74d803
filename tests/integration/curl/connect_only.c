/*
 * connect_only: CURLOPT_CONNECT_ONLY 1 in the easy and the multi interface: a connection that the program uses itself is no
 * HTTP request; a request of the same handle afterwards is one.
 */
#include "http.h"
#include <unistd.h>

static void talk(CURL *handle)
{
    char answer[16] = "";
    size_t bytes = 0;
    for (int tries = 0;
         curl_easy_send(handle, "GET /small HTTP/1.0\r\n\r\n", 23, &bytes) == CURLE_AGAIN && tries < 500;
         tries++)
        usleep(10000);
    for (int tries = 0; curl_easy_recv(handle, answer, 15, &bytes) == CURLE_AGAIN && tries < 500; tries++)
        usleep(10000);
    printf("%s\n", answer);
}

int main(void)
{
    CURL *handle = new_handle("/small");
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
    printf("easy: %d\n", curl_easy_perform(handle));
    talk(handle);
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 0L);
    printf("a request: %d\n", curl_easy_perform(handle));

    CURLM *multi = curl_multi_init();
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
    curl_multi_add_handle(multi, handle);
    drive(multi);
    int n_left;
    printf("multi: %d\n", curl_multi_info_read(multi, &n_left)->data.result);
    talk(handle);
    curl_multi_remove_handle(multi, handle);
    curl_multi_cleanup(multi);
    curl_easy_cleanup(handle);
    return 0;
}

/* unended: nothing but a request that was never driven: the program's end is the span's, and its file has nothing else. */
#include "http.h"

int main(void)
{
    CURLM *multi = curl_multi_init();
    CURL *handle = new_handle("/small");
    printf("%d\n", curl_multi_add_handle(multi, handle));
    return 0;
}

/*
 * unread: transfers that are over and that nobody asked about: removed, left to cleanup, reset, used again. They end when they
 * were over, not when they were removed two seconds later; one that was given up ends when it was given up.
 */
#include "http.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void add(CURLM *multi, CURL *handle)
{
    printf("%d\n", curl_multi_add_handle(multi, handle));
}

/* Connections are taken, and never answered. */
static int listen_silently(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "unread.sock"};
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof(address)) || listen(descriptor, 8))
        exit(1);
    return descriptor;
}

int main(void)
{
    CURLM *multi = curl_multi_init();
    CURL *known = new_handle("/small"), *chunked = new_handle("/chunked"), *refused = new_handle("/missing");
    CURL *head = new_handle("/large"), *cleaned = new_handle("/small"), *reset = new_handle("/redirect");
    CURL *late = new_handle("/small"), *given_up = curl_easy_init();
    curl_easy_setopt(head, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(reset, CURLOPT_FOLLOWLOCATION, 1L);
    CURL *all[] = {known, chunked, refused, head, cleaned, reset, late};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        add(multi, all[i]);
    drive(multi);
    int silent = listen_silently();
    curl_easy_setopt(given_up, CURLOPT_UNIX_SOCKET_PATH, "unread.sock");
    curl_easy_setopt(given_up, CURLOPT_URL, "http://silent.example/");
    add(multi, given_up);
    for (int i = 0, n; i < 5; i++)
        curl_multi_perform(multi, &n);
    usleep(2300000);

    const CURLMsg *message;
    int n_left;
    while ((message = curl_multi_info_read(multi, &n_left)))
        if (message->easy_handle == known) /* the first message: the others are thrown away by what follows */
            break;
    printf("removed: %d\n", curl_multi_remove_handle(multi, chunked));
    printf("removed: %d\n", curl_multi_remove_handle(multi, refused));
    printf("removed: %d\n", curl_multi_remove_handle(multi, head));
    printf("removed: %d\n", curl_multi_remove_handle(multi, given_up));
    curl_easy_cleanup(cleaned);
    curl_easy_reset(reset);
    curl_multi_cleanup(multi);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i] != cleaned)
            curl_easy_cleanup(all[i]);
    curl_easy_cleanup(given_up);
    close(silent);
    unlink("unread.sock");
    return 0;
}

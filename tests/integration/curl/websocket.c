/*
 * websocket: one with CONNECT_ONLY 2 in the easy and in the multi interface: messages whole, in pieces, in fragments; ended by
 * the program and by the server; refused; one that lives in a write callback. For websocket.sh: Debian 12's libcurl has none.
 */
#include "http.h"
#include <unistd.h>

static CURL *open_socket(const char *path, long connect_only)
{
    CURL *handle = curl_easy_init();
    char *url = url_at("WEBSOCKET_URL", path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, connect_only);
    free(url);
    return handle;
}

static void send_text(CURL *handle, const char *text, unsigned flags)
{
    size_t sent = 0;
    CURLcode code = curl_ws_send(handle, text, strlen(text), &sent, 0, flags);
    printf("sent %s: %d\n", text, code);
}

/* One message, however it comes. Its end is told by the server: 'bytes' of it. */
static void receive(CURL *handle, size_t bytes)
{
    char data[4096], begin[16] = "";
    size_t all = 0, n = 0;
    const struct curl_ws_frame *frame = NULL;
    CURLcode code = CURLE_OK;
    while (all < bytes && (code == CURLE_OK || code == CURLE_AGAIN)) {
        code = curl_ws_recv(handle, data, sizeof(data), &n, (void *)&frame);
        if (code == CURLE_AGAIN)
            usleep(1000);
        else if (code == CURLE_OK && !(frame->flags & (CURLWS_PING | CURLWS_PONG | CURLWS_CLOSE))) {
            if (all == 0)
                snprintf(begin, sizeof(begin), "%.*s", (int)(n < 15 ? n : 15), data);
            all += n;
        }
    }
    printf("received %zu bytes, %s: %d\n", all, begin, code);
}

static void send_in_pieces(CURL *handle)
{
    static char data[100000];
    size_t sent = 0, at = 0;
    memset(data, 'x', sizeof(data));
    while (at < sizeof(data)) {
        size_t piece = sizeof(data) - at < 30000 ? sizeof(data) - at : 30000;
        CURLcode code = curl_ws_send(handle, data + at, piece, &sent, at ? 0 : (curl_off_t)sizeof(data),
                                     CURLWS_BINARY | CURLWS_OFFSET);
        if (code != CURLE_OK && code != CURLE_AGAIN)
            exit(1);
        at += code == CURLE_OK ? sent : 0;
    }
    receive(handle, sizeof(data));
}

static void talk(CURL *handle)
{
    send_text(handle, "hello", CURLWS_TEXT);
    receive(handle, 5);
    send_in_pieces(handle);
    send_text(handle, "frag", CURLWS_TEXT | CURLWS_CONT); /* a message in two fragments */
    send_text(handle, "ments", CURLWS_TEXT);
    receive(handle, 13);
    send_text(handle, "ping", CURLWS_PING);
}

/* The program's frames come here; the first is an answer. */
static size_t take_frame(char *data, size_t size, size_t n, void *handle)
{
    const struct curl_ws_frame *frame = curl_ws_meta(handle);
    printf("in the callback: %.*s, %d\n", (int)(size * n), data, frame ? frame->flags : -1);
    size_t sent;
    return curl_ws_send(handle, "close", 5, &sent, 0, CURLWS_TEXT) ? 0 : size * n;
}

/* Did a context come with the upgrade? */
static void check_context(CURL *handle)
{
    struct curl_header *header;
    bool has_context = curl_easy_header(handle, "X-Context", 0, CURLH_1XX, -1, &header) == CURLHE_OK &&
                       strcmp(header->value, "none") != 0;
    if (has_context != is_traced())
        puts("WRONG CONTEXT");
}

int main(void)
{
    CURL *handle = open_socket("/easy", 2);
    printf("easy: %d", curl_easy_perform(handle));
    printf(" %ld\n", status_of(handle));
    check_context(handle);
    talk(handle);
    curl_easy_cleanup(handle);

    CURLM *multi = curl_multi_init();
    handle = open_socket("/multi?secret=no", 2);
    curl_multi_add_handle(multi, handle);
    drive(multi);
    int n_left;
    printf("multi: %d", curl_multi_info_read(multi, &n_left)->data.result);
    printf(" %ld\n", status_of(handle));
    send_text(handle, "close", CURLWS_TEXT);
    receive(handle, 1);
    curl_multi_remove_handle(multi, handle);
    curl_easy_cleanup(handle);
    curl_multi_cleanup(multi);

    handle = open_socket("/refused", 2);
    printf("refused: %d\n", curl_easy_perform(handle));
    curl_easy_cleanup(handle);

    handle = open_socket("/callback", 0);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_frame);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, 3000L);
    printf("callback: %d\n", curl_easy_perform(handle));
    curl_easy_cleanup(handle);
    return 0;
}

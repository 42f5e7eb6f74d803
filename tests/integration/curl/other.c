/*
 * other: what libcurl does besides HTTP, in both interfaces: plain client spans, and nothing of ours in what is sent: a header
 * list goes into a mail.
 */
#include "http.h"

static const char mail[] = "Subject: hello\r\n\r\nworld\r\n";
static size_t n_read;

static size_t read_mail(char *data, size_t size, size_t n, void *context)
{
    (void)context;
    size_t bytes = sizeof(mail) - 1 - n_read;
    bytes = bytes < size * n ? bytes : size * n;
    memcpy(data, mail + n_read, bytes);
    n_read += bytes;
    return bytes;
}

static void both(CURL *handle, const char *what)
{
    n_read = 0;
    printf("%s: %d\n", what, curl_easy_perform(handle));
    CURLM *multi = curl_multi_init();
    n_read = 0;
    curl_multi_add_handle(multi, handle);
    drive(multi);
    printf("%s, multi: %d\n", what, collect(multi));
    curl_multi_cleanup(multi);
}

static void show(const char *path)
{
    char line[200];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        printf("  %s", line);
    if (file)
        fclose(file);
}

int main(void)
{
    struct curl_slist *to = curl_slist_append(NULL, "<b@example>"),
                      *headers = curl_slist_append(NULL, "X-Mine: 1");
    CURL *handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, swallow);
    char *url = url_at("FTP_URL", "/small");
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    both(handle, "ftp");
    free(url);
    url = url_at("FTP_URL", "/missing");
    curl_easy_setopt(handle, CURLOPT_URL, url);
    both(handle, "ftp, missing");
    curl_easy_setopt(handle, CURLOPT_URL, "file:///dev/null");
    both(handle, "file");
    curl_easy_setopt(handle, CURLOPT_URL, "mqtt://user:password@127.0.0.1:9/topic");
    both(handle, "mqtt, refused");
    curl_easy_setopt(handle, CURLOPT_URL, "nothing://h/");
    both(handle, "unknown");
    curl_easy_reset(handle);

    curl_easy_setopt(handle, CURLOPT_URL, getenv("MAIL_URL"));
    curl_easy_setopt(handle, CURLOPT_MAIL_FROM, "<a@example>");
    curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, read_mail);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    both(handle, "smtp");
    show(getenv("MAIL_RECEIVED"));
    curl_mime *mime = curl_mime_init(handle);
    curl_mime_data(curl_mime_addpart(mime), "hello", CURL_ZERO_TERMINATED);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(handle, CURLOPT_MIMEPOST, mime);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    printf("smtp with headers: %d\n", curl_easy_perform(handle));
    char command[300];
    snprintf(command, sizeof(command), "grep -ciE '^(traceparent|baggage|b3):' %s; grep -c X-Mine %s",
             getenv("MAIL_RECEIVED"), getenv("MAIL_RECEIVED"));
    fflush(stdout);
    int status = system(command);
    printf("%d\n", status);
    curl_easy_cleanup(handle);
    curl_mime_free(mime);
    curl_slist_free_all(to);
    curl_slist_free_all(headers);
    return 0;
}

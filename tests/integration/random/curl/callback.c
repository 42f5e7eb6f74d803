/* callback: what comes with data does: a request of its own, a refusal, a jump. */
#include "world.h"
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void note(struct handle *h, const char *format, ...)
{
    size_t used = strlen(h->log);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(h->log + used, sizeof(h->log) - used, format, arguments);
    va_end(arguments);
}

void callback_tell(struct handle *h)
{
    say(&h->w->base, "%s", h->log);
    h->log[0] = 0;
}

static size_t swallow(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    return size * n;
}

static void run_inside(struct handle *h, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    request_set_url(easy, h->inner);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    CURLcode code = curl_easy_perform(easy);
    note(h, "inside %d %ld\n!span %s GET %s\n", code, request_status(easy),
         failed_if(code || request_status(easy) >= 400), h->inner);
    curl_easy_cleanup(easy);
}

size_t callback_took(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    struct handle *h = context;
    CURL *copied;
    if (h->has_acted)
        return size * n;
    h->has_acted = true;
    switch (h->action) {
    case ABORTS:
        return 0;
    case CALLS_ANOTHER:
        run_inside(h, curl_easy_init());
        break;
    case CALLS_A_COPY:
        copied = curl_easy_duphandle(h->easy);
        if (copied) /* which libcurl refuses now and then */
            run_inside(h, copied);
        break;
    case CALLS_ITSELF: {
        CURLcode code = curl_easy_perform(h->easy);
        note(h, "itself %d\n!span ERROR %s\n", code, h->tag);
        break;
    }
    case JUMPS:
        longjmp(h->back, 1);
    default:
        break;
    }
    return size * n;
}

/*
 * bodies: with OTELSHIM_BODY_BYTES a function of the library's stands in front of the program's write function. The program must not
 * notice: the same bytes, in the same pieces, with the same answers, whatever it does in there; and its own function is set again when
 * the request is over.
 */
#include "http.h"
#include <setjmp.h>

static char *exchange(const char *path)
{
    return url_at("EXCHANGE_URL", path);
}

static CURL *to(const char *path)
{
    CURL *handle = curl_easy_init();
    char *url = exchange(path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    free(url);
    return handle;
}

/* What came: so many bytes, and their sum. */
struct sink {
    const char *name;
    CURL *handle;
    struct sink *next; /* takes over after the first piece */
    jmp_buf *jump;
    CURL *copy;
    size_t bytes, n_pauses, refuse_at;
    unsigned long sum;
};

static size_t take(char *data, size_t size, size_t n, void *context)
{
    struct sink *sink = context;
    size_t bytes = size * n;
    if (sink->n_pauses) {
        sink->n_pauses--;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (sink->refuse_at && sink->bytes + bytes > sink->refuse_at)
        return bytes / 2;
    for (size_t i = 0; i < bytes; i++)
        sink->sum = sink->sum * 31 + (unsigned char)data[i];
    memset(data, 'x', bytes); /* it is not the program's, but who knows */
    sink->bytes += bytes;
    if (sink->next) {
        curl_easy_setopt(sink->handle, CURLOPT_WRITEDATA, sink->next);
        sink->next = NULL;
    }
    if (sink->handle && !sink->copy)
        sink->copy = curl_easy_duphandle(sink->handle);
    if (sink->jump)
        longjmp(*sink->jump, 1);
    return bytes;
}

static void show(const struct sink *sink, int code)
{
    printf("%s: code %d, %zu bytes, sum %lx\n", sink->name, code, sink->bytes, sink->sum);
}

static void set_sink(CURL *handle, struct sink *sink)
{
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, sink);
}

#define LONG "/v1/candles/minutes/1?market=KRW-BTC&count=200"
#define SHORT "/v1/accounts"

static void authorised(CURL *handle)
{
    static struct curl_slist *list;
    if (!list)
        list = curl_slist_append(NULL, "Authorization: Bearer k");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
}

static int unpause(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    curl_easy_pause(context, CURLPAUSE_CONT);
    return 0;
}

static void in_callbacks(void)
{
    struct sink plain = {.name = "plain"}, paused = {.name = "paused", .n_pauses = 2},
                refused = {.name = "refused", .refuse_at = 1}, second = {.name = "second"},
                first = {.name = "first", .next = &second};
    CURL *handle = to(LONG);
    set_sink(handle, &plain);
    show(&plain, curl_easy_perform(handle));
    curl_easy_cleanup(handle);

    handle = to(LONG);
    set_sink(handle, &paused);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, unpause);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, handle);
    show(&paused, curl_easy_perform(handle));
    curl_easy_cleanup(handle);

    handle = to(LONG);
    set_sink(handle, &refused);
    show(&refused, curl_easy_perform(handle));
    curl_easy_cleanup(handle);

    handle = to(LONG); /* another pointer, and a copy, from inside */
    first.handle = handle;
    set_sink(handle, &first);
    int code = curl_easy_perform(handle);
    printf("together: code %d, %zu bytes\n", code, first.bytes + second.bytes);
    struct sink *const sinks[] = {&first, &second};
    size_t before = first.bytes + second.bytes;
    for (int i = 0; i < 2; i++)
        sinks[i]->handle = NULL;
    code = curl_easy_perform(first.copy);
    printf("its copy: code %d, %zu bytes more\n", code, first.bytes + second.bytes - before);
    curl_easy_cleanup(first.copy);
    curl_easy_cleanup(handle);
}

static void by_jump(void)
{
    static struct sink jumping = {.name = "jumped"}, after = {.name = "after the jump"};
    static jmp_buf jump;
    CURL *handle = to(SHORT);
    jumping.jump = &jump;
    authorised(handle);
    set_sink(handle, &jumping);
    if (!setjmp(jump)) {
        (void)curl_easy_perform(handle);
        printf("not reached\n");
    }
    show(&jumping, -1);
    handle = to(SHORT); /* the other one is lost, as without us */
    authorised(handle);
    set_sink(handle, &after);
    show(&after, curl_easy_perform(handle));
    curl_easy_cleanup(handle);
}

static void by_default(void)
{
    CURL *handle = to(SHORT);
    FILE *file = tmpfile();
    char text[4000];
    authorised(handle);
    printf("to the standard output: ");
    int code = curl_easy_perform(handle);
    printf("\ncode %d\n", code);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, file);
    printf("to a file: code %d", curl_easy_perform(handle));
    rewind(file);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = 0;
    printf(" %s\n", text);
    curl_easy_reset(handle);
    fclose(file);
    char *url = exchange("/v1/ticker?markets=KRW-ETH");
    curl_easy_setopt(handle, CURLOPT_URL, url);
    code = curl_easy_perform(handle);
    printf("\nreset: code %d\n", code);
    free(url);
    curl_easy_cleanup(handle);
}

/* Without a function for them, headers go to the write function, with their own pointer. */
static size_t take_first_word(char *data, size_t size, size_t n, void *context)
{
    size_t bytes = size * n;
    if (*(const char *)context == 'h' && bytes > 8 && memcmp(data, "HTTP/", 5) == 0)
        printf("%s: %.12s\n", (const char *)context, data);
    else if (*(const char *)context == 'b')
        printf("%s: %zu bytes\n", (const char *)context, bytes);
    return bytes;
}

static void with_header_data(void)
{
    char headers[] = "headers", body[] = "body";
    CURL *handle = to(SHORT);
    authorised(handle);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_first_word);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, (void *)body);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, (void *)headers);
    printf("header data: %d\n", curl_easy_perform(handle));
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_first_word);
    printf("header function: %d\n", curl_easy_perform(handle));
    curl_easy_cleanup(handle);
}

static void post(const char *name, CURLoption option, bool is_multi)
{
    char form[] = "market=KRW-BTC&side=bid&ord_type=price&price=50000";
    struct sink sink = {.name = name};
    CURL *handle = to("/v1/orders");
    authorised(handle);
    set_sink(handle, &sink);
    curl_easy_setopt(handle, option, form);
    if (option == CURLOPT_COPYPOSTFIELDS)
        memset(form, '?', sizeof(form));
    int code = -1;
    if (is_multi) {
        CURLM *multi = curl_multi_init();
        curl_multi_add_handle(multi, handle);
        drive(multi);
        memset(form, '?', sizeof(form));
        code = collect(multi);
        curl_multi_cleanup(multi);
    } else {
        code = curl_easy_perform(handle);
    }
    show(&sink, code);
    printf("%ld\n", status_of(handle));
    curl_easy_cleanup(handle);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    in_callbacks();
    by_jump();
    by_default();
    with_header_data();
    post("post", CURLOPT_POSTFIELDS, false);
    post("copied post", CURLOPT_COPYPOSTFIELDS, false);
    post("multi", CURLOPT_POSTFIELDS, true);
    post("multi, copied", CURLOPT_COPYPOSTFIELDS, true);
    return 0;
}

/*
 * fuzz_url: no secret survives url_redact().
 *
 * First byte: 'r' takes the rest as it is; anything else makes a URL out of the rest, in which only userinfo, secret
 * query values and bot tokens have a 'Z'. Second byte: size of the output; third: bytes cut off the end.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signals/spans/url.h"

#define MAX_TEXT 2048u

struct text {
    char bytes[MAX_TEXT];
    size_t n;
};

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

static void put(struct text *text, const char *bytes)
{
    size_t n = strlen(bytes);
    if (n > MAX_TEXT - text->n)
        n = MAX_TEXT - text->n;
    memcpy(text->bytes + text->n, bytes, n);
    text->n += n;
}

/* Up to 15 bytes of the input, without a 'Z' and what ends the part. */
static void put_bytes(struct text *text, struct input *input, const char *without)
{
    for (unsigned n = take(input) % 16; n > 0; n--) {
        char byte[2] = {(char)take(input), '\0'};
        if (byte[0] && byte[0] != 'Z' && !strchr(without, byte[0]))
            put(text, byte);
    }
}

static void put_secret(struct text *text, struct input *input, const char *without)
{
    put_bytes(text, input, without);
    put(text, "Z");
    put_bytes(text, input, without);
    put(text, "Z");
}

static void put_pair(struct text *text, struct input *input)
{
    unsigned key = take(input);
    if (key % 2 == 0) {
        put(text, url_secret_keys[key / 2 % url_n_secret_keys]);
        put(text, "=");
        put_secret(text, input, "&#");
    } else {
        put_bytes(text, input, "&#");
    }
}

static void make_url(struct text *text, struct input *input)
{
    static const char *const schemes[] = {"http://", "https://", "",           "HTTP:/",
                                          "wss:///", "ftp://",   "x+y-z.1://", "http:"};
    static const char *const hosts[] = {
        "h", "example.org:8080", "[::1]", "[fe80::1%25e]:1", "h:x", "0", "ftp.h", "a b"};
    unsigned scheme = take(input), host = take(input);
    put(text, schemes[scheme % 8]);
    if (scheme & 8) {
        if (scheme & 16) /* a name and a password: what stands before a colon must not look like a scheme */
            put_secret(text, input, "/?#:");
        put(text, scheme & 32 ? ":" : "");
        put_secret(text, input, "/?#");
        put(text, "@");
    }
    put(text, hosts[host % 8]);
    for (unsigned n = take(input) % 4; n > 0; n--) {
        put(text, "/");
        if (take(input) % 2) {
            put(text, "bot12:");
            put_secret(text, input, "/?#");
        } else {
            put_bytes(text, input, "?#");
        }
    }
    put(text, "?");
    for (unsigned n = take(input) % 4; n > 0; n--) {
        put_pair(text, input);
        put(text, "&");
    }
    put_pair(text, input);
    put(text, "#");
    put_bytes(text, input, "");
}

static void check(const char *bytes, size_t n, bool is_cut, size_t max, bool is_clean)
{
    char *copy = malloc(n ? n : 1), *out = malloc(max + 1); /* to the byte: for ASan */
    if (!copy || !out)
        abort();
    memcpy(copy, bytes, n);
    size_t n_out = url_redact(copy, n, is_cut, NULL, out, max);
    if (n_out > max || memchr(out, '\0', n_out) || memchr(out, ' ', n_out))
        abort();
    if (is_clean && memchr(out, 'Z', n_out))
        abort();
    struct url url;
    url_parse(copy, n, is_cut, &url);
    const struct url_text texts[] = {url.user_info, url.host,  url.authority,
                                     url.path,      url.query, url.fragment};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].bytes && (texts[i].bytes < copy || texts[i].bytes + texts[i].n_bytes > copy + n))
            abort();
    if (is_clean && url.host.n_bytes && memchr(url.host.bytes, 'Z', url.host.n_bytes))
        abort();
    if (strlen(url.scheme) > URL_SCHEME_MAX_BYTES || !*url.scheme)
        abort();
    free(copy);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    bool is_raw = take(&input) == 'r';
    size_t max = take(&input);
    unsigned cut = take(&input) % 64;
    max = max == ' ' ? 4 * MAX_TEXT : max;
    static struct text text;
    text.n = 0;
    if (is_raw) {
        text.n = input.size < MAX_TEXT ? input.size : MAX_TEXT;
        memcpy(text.bytes, input.data, text.n);
    } else {
        make_url(&text, &input);
    }
    bool is_cut = cut && cut < text.n;
    check(text.bytes, is_cut ? text.n - cut : text.n, is_cut, max, !is_raw);
    return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/url.h"

/* A copy of exactly its size, so that ASan sees a read behind it. */
static char *copy_text(const char *text, size_t n_bytes)
{
    char *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, n_bytes);
    return copy;
}

static const struct {
    const char *url, *redacted;
} redactions[] = {
    /* OTel semantic conventions, url.full */
    {"https://u:p@h/x?a=1&sig=Z%3D#f", "https://REDACTED:REDACTED@h/x?a=1&sig=REDACTED#f"},
    {"https://h/?Sig=1", "https://h/?Sig=1"},
    {"https://h/?sig", "https://h/?sig"},
    {"https://h/?sig=&b", "https://h/?sig=REDACTED&b"},
    {"https://u@h/", "https://REDACTED@h/"},
    {"https://h/"
     "?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&AWSAccessKeyId=4&Signature=5&sig=6&"
     "X-Goog-Signature=7&x-amz-signature=8",
     "https://h/"
     "?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&AWSAccessKeyId="
     "REDACTED&Signature=REDACTED&sig=REDACTED&X-Goog-Signature=REDACTED&x-amz-signature=8"},
    /* as written */
    {"http://host", "http://host"},
    {"HTTP://Host:8080/A?b#c?d&sig=1", "http://Host:8080/A?b#c?d&sig=1"},
    {"http://h?a=b", "http://h?a=b"},
    {"http://h#f", "http://h#f"},
    {"http://[::1]:80/x", "http://[::1]:80/x"},
    {"http://h/@user", "http://h/@user"},
    {"http://h/?&&a&=&", "http://h/?&&a&=&"},
    {"http://h/?", "http://h/?"},
    {"http://h/caf\xc3\xa9", "http://h/caf\xc3\xa9"},
    {"file:///etc/x", "file:///etc/x"},
    /* keys: exact */
    {"http://h/?xsig=1&sigx=2&a=sig=3&sig=4=5", "http://h/?xsig=1&sigx=2&a=sig=3&sig=REDACTED"},
    {"http://h/sig=1?b", "http://h/sig=1?b"},
    /* userinfo, whatever is in it */
    {"http://u:@h", "http://REDACTED:REDACTED@h"},
    {"http://:p@h", "http://REDACTED:REDACTED@h"},
    {"http://@h", "http://@h"},
    {"http://u:p@q@h/", "http://REDACTED:REDACTED@h/"},
    {"http://u;o:p@h/", "http://REDACTED:REDACTED@h/"},
    {"u:p@h/x", "http://REDACTED:REDACTED@h/x"},
    /* passwords with what ends the authority: not a valid URL, so nothing of it */
    {"http://u:p/q@h/", "http://REDACTED"},
    {"http://u:1/q@h:x/", "http://u:1/q@h:x/"}, /* indistinguishable from a path */
    {"http://u:p?q@h/", "http://REDACTED"},
    {"http://u:p#q@h/", "http://REDACTED"},
    {"http://h:99999/", "http://REDACTED"},
    {"http://[::1/", "http://REDACTED"},
    {"http://[]/", "http://REDACTED"},
    {"http://[::1]x/", "http://REDACTED"},
    {"http://a b/", "http://REDACTED"},
    {"http:///", "http://REDACTED"},
    {"http://", "http://REDACTED"},
    {"", "http://REDACTED"},
    {"//h/x", "http://REDACTED"},
    {"mailto:bob@h", "http://REDACTED:REDACTED@h"},
    /* guessed scheme, odd slashes */
    {"example.org/x?sig=1", "http://example.org/x?sig=REDACTED"},
    {"localhost:8080/x", "http://localhost:8080/x"},
    {"ftp.example.org/x", "ftp://ftp.example.org/x"},
    {"http:/h/x", "http://h/x"},
    {"http:///h/x", "http://h/x"},
    {"  http://h/", "http://h/"},
    /* tokens in paths */
    {"https://api.telegram.org/bot123456:ABC-def_1/sendMessage?chat_id=1",
     "https://api.telegram.org/botREDACTED/sendMessage?chat_id=1"},
    {"https://api.telegram.org/file/bot123456:ABC/x.jpg", "https://api.telegram.org/file/botREDACTED/x.jpg"},
    {"https://api.telegram.org/bot123456%3AABC/x", "https://api.telegram.org/botREDACTED/x"},
    {"https://api.telegram.org/bot123456:ABC", "https://api.telegram.org/botREDACTED"},
    {"https://h/bot/x/bot1/robot1:a/bota:b/", "https://h/bot/x/bot1/robot1:a/bota:b/"},
    /* blanks and control characters */
    {"http://h/a b\n\x7f?c d#e f", "http://h/a%20b%0A%7F?c%20d#e%20f"},
};

static void test_redact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof redactions / sizeof *redactions; i++) {
        size_t n_bytes = strlen(redactions[i].url);
        char *url = copy_text(redactions[i].url, n_bytes), out[512];
        out[url_redact(url, n_bytes, false, NULL, out, sizeof out - 1)] = '\0';
        free(url);
        assert_string_equal(out, redactions[i].redacted);
    }
}

static void test_other_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {"token", "api_key"};
    static const char url[] = "http://h/?token=1&sig=2&api_key=3";
    char out[128];
    struct url_redaction redaction = {keys, 2};
    out[url_redact(url, sizeof url - 1, false, &redaction, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "http://h/?token=REDACTED&sig=2&api_key=REDACTED");
    redaction.n_keys = 0;
    out[url_redact(url, sizeof url - 1, false, &redaction, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, url);
    assert_int_equal(url_n_secret_keys, 7);
}

static const struct {
    const char *url, *scheme, *host;
    unsigned port;
    const char *path;
} parts[] = {
    {"http://h", "http", "h", 80, ""},
    {"HTTPS://Host.example/a/b?c#d", "https", "Host.example", 443, "/a/b"},
    {"http://h:8080/", "http", "h", 8080, "/"},
    {"http://h:/", "http", "h", 80, "/"},
    {"http://u:p@h:1?x", "http", "h", 1, ""},
    {"https://[2001:db8::1]:8443/x", "https", "2001:db8::1", 8443, "/x"},
    {"https://[fe80::1%25eth0]/", "https", "fe80::1%25eth0", 443, "/"},
    {"example.org", "http", "example.org", 80, ""},
    {"127.0.0.1:9/x", "http", "127.0.0.1", 9, "/x"},
    {"FTP.example.org", "ftp", "FTP.example.org", 21, ""},
    {"wss://h", "wss", "h", 443, ""},
    {"file:///etc/x", "file", "", 0, "/etc/x"},
    {"http:/h/x", "http", "h", 80, "/x"},
    {"http://h:65535/", "http", "h", 65535, "/"},
    /* not valid */
    {"http://h:65536/", "http", NULL, 0, NULL},
    {"http://h:x/", "http", NULL, 0, NULL},
    {"http://u:p/q@h/", "http", NULL, 0, NULL},
    {"", "http", NULL, 0, NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n_bytes = strlen(parts[i].url);
        char *text = copy_text(parts[i].url, n_bytes);
        struct url url;
        url_parse(text, n_bytes, false, &url);
        assert_string_equal(url.scheme, parts[i].scheme);
        assert_int_equal(url.is_valid, parts[i].host != NULL);
        assert_int_equal(url.port, parts[i].port);
        if (parts[i].host) {
            assert_int_equal(url.host.n_bytes, strlen(parts[i].host));
            assert_memory_equal(url.host.bytes, parts[i].host, url.host.n_bytes);
            assert_int_equal(url.path.n_bytes, strlen(parts[i].path));
            assert_memory_equal(url.path.bytes, parts[i].path, url.path.n_bytes);
        }
        free(text);
    }
}

static void test_cut(void **state)
{
    (void)state;
    static const struct {
        const char *url, *redacted;
    } cut[] = {
        {"http://user:1234", "http://REDACTED..."}, /* could go on with @ */
        {"http://user", "http://REDACTED..."},
        {"user", "http://REDACTED..."},
        {"http://h/pa", "http://h/pa..."},
        {"http://h/bot123:ab", "http://h/botREDACTED..."},
        {"http://h/?sig=ab", "http://h/?sig=REDACTED..."},
        {"http://h/?a=b&si", "http://h/?a=b&si..."},
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        char out[128];
        out[url_redact(cut[i].url, strlen(cut[i].url), true, NULL, out, sizeof out - 1)] = '\0';
        assert_string_equal(out, cut[i].redacted);
    }
}

static void test_small_buffers_and_nul(void **state)
{
    (void)state;
    static const char url[] = "http://u:p@h/caf\xc3\xa9\0/bot1:x/?sig=1&a=b c#f";
    char whole[128], out[128];
    size_t n_whole = url_redact(url, sizeof url - 1, false, NULL, whole, sizeof whole - 1);
    whole[n_whole] = '\0';
    assert_string_equal(whole,
                        "http://REDACTED:REDACTED@h/caf\xc3\xa9%00/botREDACTED/?sig=REDACTED&a=b%20c#f");
    for (size_t max = 0; max < 100; max++) {
        memset(out, '#', sizeof out);
        size_t n = url_redact(url, sizeof url - 1, false, NULL, out, max);
        assert_true(n <= max);
        assert_int_equal(out[max], '#');
        size_t n_text = max >= 3 && max < n_whole ? n - 3 : n;
        assert_memory_equal(out, whole, n_text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_other_keys),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_small_buffers_and_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

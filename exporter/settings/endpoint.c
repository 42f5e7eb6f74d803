/* endpoint: where a signal goes, from what OTEL_EXPORTER_OTLP_[<SIGNAL>_]ENDPOINT says. */
#include "settings/settings_priv.h"

#include <string.h>

/* What a URL is made of; everything from `authority` on is the caller's text. */
struct parts {
    const char *scheme; /* "http://", "https://"; NULL none */
    const char *authority, *path, *query,
        *end; /* path == query: there is no path; query is where ? or # stands */
};

static void split(const char *url, struct parts *ret_parts)
{
    struct parts parts = {.authority = url, .end = url + strlen(url)};
    const char *schemes[] = {"http://", "https://"};
    for (uint32_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (strlen(url) >= n && setting_words_equal(url, n, schemes[i])) {
            parts.scheme = schemes[i];
            parts.authority = url + n;
        }
    }
    parts.path = parts.authority + strcspn(parts.authority, "/?#");
    parts.query = parts.path + strcspn(parts.path, "?#");
    *ret_parts = parts;
}

static bool is_host_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-._~%", c) ||
           (c & 0x80);
}

/* [userinfo@]host[:port]; *ret_port is -1 where there is none. */
static bool check_authority(const char *begin, const char *end, int64_t *ret_port)
{
    for (const char *at = begin; at < end; at++)
        if (*at == '@')
            begin = at + 1;
    const char *host_end = begin;
    if (*begin == '[') {
        while (host_end < end && *host_end != ']')
            if (!strchr("0123456789abcdefABCDEF:.%[", *host_end++))
                return false;
        if (host_end == end || host_end == begin + 1)
            return false;
        host_end++;
    } else {
        while (host_end < end && is_host_character(*host_end))
            host_end++;
    }
    if (host_end == begin)
        return false;
    *ret_port = -1;
    if (host_end == end)
        return true;
    char digits[6] = "";
    size_t n = (size_t)(end - host_end - 1);
    uint64_t port;
    if (*host_end != ':' || n >= sizeof(digits))
        return false;
    memcpy(digits, host_end + 1, n);
    if (n > 0 && !setting_parse_number(digits, 65535, &port))
        return false;
    *ret_port = n > 0 ? (int64_t)port : -1;
    return true;
}

static bool has_unsafe_bytes(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == 0x7f || strchr("\"<>\\^`{|}", *text))
            return true;
    return false;
}

const char *endpoint_url(struct arena *arena, const char *endpoint, const char *generic_path,
                         const char *scheme)
{
    struct parts parts;
    int64_t port;
    split(endpoint, &parts);
    if (has_unsafe_bytes(endpoint) || !check_authority(parts.authority, parts.path, &port))
        return NULL;
    if (!parts.scheme && (port < 0 || memchr(endpoint, '@', strlen(endpoint))))
        return NULL;
    if (!parts.scheme)
        parts.scheme = scheme;
    int n_authority = (int)(parts.path - parts.authority), n_path = (int)(parts.query - parts.path);
    if (!generic_path) /* verbatim; a URL without any path gets "/" */
        return arena_printf(arena, "%s%.*s%s%s", parts.scheme, n_authority, parts.authority,
                            n_path ? "" : "/", parts.path);
    bool has_slash = n_path > 0 && parts.query[-1] == '/';
    return arena_printf(arena, "%s%.*s%.*s%s%s", parts.scheme, n_authority, parts.authority, n_path,
                        parts.path, has_slash ? "" : "/", generic_path);
}

bool endpoint_means_grpc(const char *endpoint)
{
    struct parts parts;
    int64_t port;
    split(endpoint, &parts);
    return !parts.scheme && check_authority(parts.authority, parts.path, &port) && port == 4317;
}

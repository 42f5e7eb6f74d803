#include "signals/spans/url.h"
#include "signals/spans/redact.h"

#define REDACTED "REDACTED"

const char *const url_secret_keys[] = {
    "X-Amz-Signature",  "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig",
    "X-Goog-Signature",
};
const size_t url_n_secret_keys = sizeof url_secret_keys / sizeof *url_secret_keys;

/* ---- parsing ---- */

/* What a byte may mean, one bit each. */
enum url_byte {
    LETTER = 1,
    DIGIT = 2,
    SCHEME_SIGN = 4, /* + - . */
    PATH = 8,        /* begins the path, the query or the fragment */
    QUERY = 16,      /* begins the query or the fragment */
    FRAGMENT = 32,
    NO_HOST = 64,  /* not in a host name; libcurl refuses these too */
    ADDRESS = 128, /* in an IPv6 address, besides letters and digits */
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['a' ... 'z'] = LETTER, ['A' ... 'Z'] = LETTER, ['0' ... '9'] = DIGIT, ['+'] = SCHEME_SIGN | NO_HOST,
    ['-'] = SCHEME_SIGN | ADDRESS, ['.'] = SCHEME_SIGN | ADDRESS, ['/'] = PATH, ['?'] = PATH | QUERY,
    ['#'] = PATH | QUERY | FRAGMENT, [0 ... ' '] = NO_HOST, [0x7f] = NO_HOST, ['@'] = NO_HOST, ['{'] = NO_HOST,
    ['}'] = NO_HOST, ['['] = NO_HOST, [']'] = NO_HOST, ['\\'] = NO_HOST, ['$'] = NO_HOST, ['\''] = NO_HOST,
    ['"'] = NO_HOST, ['^'] = NO_HOST, ['`'] = NO_HOST, ['*'] = NO_HOST, ['<'] = NO_HOST, ['>'] = NO_HOST,
    ['='] = NO_HOST, [';'] = NO_HOST, [','] = NO_HOST, ['&'] = NO_HOST, ['('] = NO_HOST, [')'] = NO_HOST,
    ['|'] = NO_HOST, [':'] = ADDRESS, ['%'] = ADDRESS, ['_'] = ADDRESS, ['~'] = ADDRESS,
};
/* clang-format on */

static inline bool is_any(char byte, unsigned mask)
{
    return (classes[(uint8_t)byte] & mask) != 0;
}

static char to_lower(char byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

/* The first byte of a class at or behind `at`, or `end`. */
static const char *find_any(const char *at, const char *end, unsigned mask)
{
    while (at < end && !is_any(*at, mask))
        at++;
    return at;
}

static const char *find(const char *at, const char *end, char byte)
{
    const char *found = memchr(at, byte, (size_t)(end - at));
    return found ? found : end;
}

/* A scheme with its colon and a slash behind: returns where the slashes begin. NULL: none. */
static const char *parse_scheme(const char *at, const char *end, struct url *url)
{
    size_t n = 0;
    while (at + n < end && is_any(at[n], n ? LETTER | DIGIT | SCHEME_SIGN : LETTER))
        n++;
    if (n == 0 || n > URL_SCHEME_MAX_BYTES || end - at < (ptrdiff_t)n + 2 || at[n] != ':' || at[n + 1] != '/')
        return NULL;
    for (size_t i = 0; i < n; i++)
        url->scheme[i] = to_lower(at[i]);
    url->scheme[n] = '\0';
    return at + n + 1;
}

/* libcurl, CURLOPT_URL: "if … the host name begins with …" */
static void guess_scheme(const char *at, const char *end, struct url *url)
{
    static const char *const guesses[] = {"ftp", "dict", "ldap", "imap", "smtp", "pop3"};
    url->has_guessed = true;
    memcpy(url->scheme, "http", sizeof "http");
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        size_t n = strlen(guesses[i]), same = 0;
        while (same < n && at + same < end && to_lower(at[same]) == guesses[i][same])
            same++;
        if (same == n && at + n < end && at[n] == '.')
            memcpy(url->scheme, guesses[i], n + 1);
    }
}

uint16_t url_default_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        uint16_t port;
    } ports[] = {{"http", 80},    {"https", 443}, {"ws", 80},     {"wss", 443},   {"ftp", 21},
                 {"ftps", 990},   {"sftp", 22},   {"scp", 22},    {"tftp", 69},   {"smtp", 25},
                 {"smtps", 465},  {"imap", 143},  {"imaps", 993}, {"pop3", 110},  {"pop3s", 995},
                 {"mqtt", 1883},  {"ldap", 389},  {"ldaps", 636}, {"dict", 2628}, {"gopher", 70},
                 {"gophers", 70}, {"telnet", 23}, {"rtsp", 554},  {"smb", 445},   {"smbs", 445},
                 {"rtmp", 1935}};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (strcmp(ports[i].scheme, scheme) == 0)
            return ports[i].port;
    return 0;
}

/* Behind the colon; nothing is the default. False: not a port. */
static bool parse_port(const char *at, const char *end, uint16_t *ret_port)
{
    uint32_t port = 0;
    if (at == end)
        return true;
    for (; at < end; at++) {
        if (!is_any(*at, DIGIT) || port > UINT16_MAX)
            return false;
        port = port * 10 + (uint32_t)(*at - '0');
    }
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* Host and port. False: not valid; what looks like a port may be half of a password then. */
static bool parse_authority(const char *at, const char *end, struct url *url)
{
    const char *host_end = NULL;
    url->authority = (struct url_text){at, (size_t)(end - at)};
    if (at < end && *at == '[') {
        host_end = memchr(at, ']', (size_t)(end - at));
        if (!host_end || host_end == at + 1)
            return false;
        url->host = (struct url_text){at + 1, (size_t)(host_end - at - 1)};
        for (const char *byte = at + 1; byte < host_end; byte++)
            if (!is_any(*byte, LETTER | DIGIT | ADDRESS))
                return false;
        host_end++;
    } else {
        host_end = find(at, end, ':');
        url->host = (struct url_text){at, (size_t)(host_end - at)};
        if (find_any(at, host_end, NO_HOST) < host_end)
            return false;
    }
    if (host_end == end)
        return true;
    return *host_end == ':' && parse_port(host_end + 1, end, &url->port);
}

void url_parse(const char *text, size_t n_bytes, bool is_cut, struct url *ret_url)
{
    struct url url = {.is_valid = true};
    const char *at = text, *end = text + n_bytes;
    while (at < end && (uint8_t)*at <= ' ')
        at++;
    const char *slashes = parse_scheme(at, end, &url);
    if (slashes) {
        unsigned n_slashes = 0;
        bool is_file = strcmp(url.scheme, "file") == 0; /* its third slash is the path's */
        for (at = slashes; at < end && *at == '/' && n_slashes < (is_file ? 2u : 3u); at++)
            n_slashes++;
    } else {
        guess_scheme(at, end, &url);
    }
    url.port = url_default_port(url.scheme);

    const char *authority_end = find_any(at, end, PATH);
    const char *host = at;
    for (const char *byte = at; byte < authority_end; byte++)
        if (*byte == '@')
            host = byte + 1; /* the last one: whatever is before it must not come out */
    if (host > at)
        url.user_info = (struct url_text){at, (size_t)(host - 1 - at)};
    bool may_be_half = is_cut && authority_end == end;
    bool has_host = host < authority_end || strcmp(url.scheme, "file") == 0;
    url.is_valid = !may_be_half && has_host && parse_authority(host, authority_end, &url);

    const char *path_end = find_any(authority_end, end, QUERY);
    const char *query_end = find(path_end, end, '#');
    url.path = (struct url_text){authority_end, (size_t)(path_end - authority_end)};
    if (path_end < query_end)
        url.query = (struct url_text){path_end + 1, (size_t)(query_end - path_end - 1)};
    if (query_end < end)
        url.fragment = (struct url_text){query_end + 1, (size_t)(end - query_end - 1)};
    if (!url.is_valid) {
        url.user_info = url.host = url.authority = url.path = url.query = url.fragment =
            (struct url_text){NULL, 0};
        url.port = 0;
    }
    *ret_url = url;
}

/* ---- redaction ---- */

/* As written, but blanks and control characters, which no URL has, are encoded. */
static void put(struct redact_writer *writer, const char *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t begin = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        if (byte > ' ' && byte != 0x7f)
            continue;
        char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        redact_put(writer, bytes + begin, i - begin);
        redact_put(writer, encoded, sizeof encoded);
        begin = i + 1;
    }
    redact_put(writer, bytes + begin, n_bytes - begin);
}

static void put_user_info(struct redact_writer *writer, const struct url_text *user_info)
{
    if (user_info->n_bytes)
        redact_put_text(writer,
                        memchr(user_info->bytes, ':', user_info->n_bytes) ? REDACTED ":" REDACTED : REDACTED);
    redact_put_char(writer, '@');
}

/* Bytes of "bot<digits>:" (or %3A) at the beginning of a path segment; 0: it is not one. */
static size_t match_bot(const char *at, const char *end)
{
    const char *begin = at;
    if (end - at < 5 || memcmp(at, "bot", 3) != 0 || !is_any(at[3], DIGIT))
        return 0;
    for (at += 3; at < end && is_any(*at, DIGIT);)
        at++;
    if (at < end && *at == ':')
        return (size_t)(at + 1 - begin);
    if (end - at >= 3 && at[0] == '%' && at[1] == '3' && to_lower(at[2]) == 'a')
        return (size_t)(at + 3 - begin);
    return 0;
}

static void put_path(struct redact_writer *writer, const struct url_text *path)
{
    const char *at = path->bytes, *end = at + path->n_bytes;
    while (at < end && !writer->is_full) {
        const char *segment_end = *at == '/' ? at + 1 : find(at, end, '/');
        if (match_bot(at, segment_end))
            redact_put_text(writer, "bot" REDACTED);
        else
            put(writer, at, (size_t)(segment_end - at));
        at = segment_end;
    }
}

static bool is_same(const char *key, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (key[i] == '\0' || key[i] != text[i])
            return false;
    return key[n_bytes] == '\0';
}

static bool is_secret(const struct url_redaction *redaction, const char *key, size_t n_bytes)
{
    for (size_t i = 0; i < redaction->n_keys; i++)
        if (is_same(redaction->keys[i], key, n_bytes))
            return true;
    return false;
}

static void put_query(struct redact_writer *writer, const struct url_text *query,
                      const struct url_redaction *redaction)
{
    const char *at = query->bytes, *end = at + query->n_bytes;
    redact_put_char(writer, '?');
    while (at < end && !writer->is_full) {
        const char *pair_end = find(at, end, '&');
        const char *equals = find(at, pair_end, '=');
        bool has_secret = equals < pair_end && is_secret(redaction, at, (size_t)(equals - at));
        put(writer, at, (size_t)((has_secret ? equals + 1 : pair_end) - at));
        if (has_secret)
            redact_put_text(writer, REDACTED);
        if (pair_end < end)
            redact_put_char(writer, *pair_end++);
        at = pair_end;
    }
}

size_t url_redact(const char *text, size_t n_bytes, bool is_cut, const struct url_redaction *redaction,
                  char *out, size_t max)
{
    static const struct url_redaction standard = {url_secret_keys,
                                                  sizeof url_secret_keys / sizeof *url_secret_keys};
    struct redact_writer writer;
    struct url url;
    redact_begin(&writer, out, max);
    url_parse(text, n_bytes, is_cut, &url);
    redact_put_text(&writer, url.scheme);
    redact_put_text(&writer, "://");
    if (!url.is_valid) {
        redact_put_text(&writer, REDACTED);
        return redact_end(&writer, is_cut);
    }
    if (url.user_info.bytes)
        put_user_info(&writer, &url.user_info);
    put(&writer, url.authority.bytes, url.authority.n_bytes);
    put_path(&writer, &url.path);
    if (url.query.bytes)
        put_query(&writer, &url.query, redaction && redaction->keys ? redaction : &standard);
    if (url.fragment.bytes) {
        redact_put_char(&writer, '#');
        put(&writer, url.fragment.bytes, url.fragment.n_bytes);
    }
    return redact_end(&writer, is_cut);
}

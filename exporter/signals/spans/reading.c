/* reading: see reading.h. */
#include "signals/spans/reading.h"

#include "base/utf8.h"
#include "signals/spans/redact.h"
#include "signals/spans/sql.h"
#include "signals/spans/text_cache.h"
#include "signals/spans/url.h"
#include <string.h>

#define TEXT_MAX_BYTES (WIRE_STRING_MAX + 512u)
#define SCHEME_MAX_BYTES 7u /* of a scheme that goes into the key; http and https are what is looked for */

/* Loop thread only. */
static struct text_cache statements, urls;

static size_t stored_bytes(const char *text, size_t bytes)
{
    return utf8_repaired_bytes(text, bytes) + 1;
}

/* Copies possibly ill-formed text to *at, valid and with a NUL, and moves *at behind it. */
static struct text store(char **at, const char *text, size_t bytes)
{
    struct text stored = {.bytes = *at, .n_bytes = (uint32_t)utf8_repair(*at, text, bytes)};
    (*at)[stored.n_bytes] = 0;
    *at += stored.n_bytes + 1;
    return stored;
}

static uint32_t bounded(uint32_t bytes)
{
    return bytes < WIRE_STRING_MAX ? bytes : WIRE_STRING_MAX;
}

const struct statement_reading *reading_of_statement(const struct raw_fact *statement)
{
    uint32_t bytes = bounded(statement->n_bytes);
    const struct statement_reading *known =
        text_cache_find(&statements, statement->bytes, bytes, statement->is_cut);
    if (known)
        return known;
    char text[TEXT_MAX_BYTES], summary[SQL_SUMMARY_MAX_BYTES];
    struct sql_statement sql = {.text = statement->bytes, .n_bytes = bytes, .is_cut = statement->is_cut};
    struct sql_reading sql_result = {
        .text = text, .max_text = sizeof(text), .summary = summary, .max_summary = sizeof(summary)};
    sql_read(&sql, &sql_result);
    size_t n_text = stored_bytes(text, sql_result.n_text),
           n_summary = stored_bytes(summary, sql_result.n_summary);
    struct statement_reading *reading = text_cache_put(
        &statements, statement->bytes, bytes, statement->is_cut, sizeof(*reading) + n_text + n_summary);
    char *at = (char *)(reading + 1);
    reading->redacted = store(&at, text, sql_result.n_text);
    reading->summary = store(&at, summary, sql_result.n_summary);
    size_t table = sql_result.table ? sql_result.table : reading->summary.n_bytes;
    reading->table =
        (struct text){reading->summary.bytes + table, reading->summary.n_bytes - (uint32_t)table};
    return reading;
}

/* Lower case (libcurl 7.88 says HTTP), NUL-terminated; empty: unknown, or too long to be one of HTTP's. */
static void copy_scheme(char out[SCHEME_MAX_BYTES + 1], const struct raw_fact *scheme)
{
    memset(out, 0, SCHEME_MAX_BYTES + 1);
    if (!scheme || !scheme->bytes || scheme->n_bytes > SCHEME_MAX_BYTES)
        return;
    for (uint32_t i = 0; i < scheme->n_bytes; i++) {
        char c = scheme->bytes[i];
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
}

/* CURLOPT_DEFAULT_PROTOCOL may say another scheme than the one that is guessed from the host's name. */
static size_t complete_url(char out[TEXT_MAX_BYTES], const char *scheme, const char *text, size_t bytes)
{
    size_t n = strlen(scheme);
    for (size_t i = 0; i < n; i++)
        out[i] = scheme[i];
    if (n) {
        out[n] = ':';
        out[n + 1] = out[n + 2] = '/';
        n += 3;
    }
    memcpy(out + n, text, bytes);
    return n + bytes;
}

/* A WebSocket begins as a request. */
static bool is_http(const char *scheme)
{
    static const char *const schemes[] = {"http", "https", "ws", "wss"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    return false;
}

const struct url_reading *reading_of_url(const struct raw_fact *fact, const struct raw_fact *scheme_fact)
{
    char scheme[SCHEME_MAX_BYTES + 1], given[TEXT_MAX_BYTES], full[TEXT_MAX_BYTES];
    uint64_t variant;
    uint32_t bytes = bounded(fact->n_bytes);
    struct url url;
    copy_scheme(scheme, scheme_fact);
    memcpy(&variant, scheme, sizeof(variant));
    variant ^= (uint64_t)fact->is_cut << 63; /* the last byte is the NUL, whichever end is first */
    const struct url_reading *known = text_cache_find(&urls, fact->bytes, bytes, variant);
    if (known)
        return known;
    url_parse(fact->bytes, bytes, fact->is_cut, &url);
    size_t n_given =
        complete_url(given, url.has_guessed ? (*scheme ? scheme : url.scheme) : "", fact->bytes, bytes);
    url_parse(given, n_given, fact->is_cut, &url);
    size_t n_full = url_redact(given, n_given, fact->is_cut, NULL, full, sizeof(full));
    size_t n_host = url.is_valid ? url.host.n_bytes : 0, n_scheme = strlen(url.scheme);
    const char *host = n_host ? url.host.bytes : "";
    const char *path = url.path.n_bytes ? url.path.bytes : "";
    size_t need = stored_bytes(full, n_full) + stored_bytes(given, n_given) + stored_bytes(host, n_host) +
                  stored_bytes(url.scheme, n_scheme) + stored_bytes(path, url.path.n_bytes);
    struct url_reading *reading = text_cache_put(&urls, fact->bytes, bytes, variant, sizeof(*reading) + need);
    char *at = (char *)(reading + 1);
    reading->full = store(&at, full, n_full);
    reading->given = store(&at, given, n_given);
    reading->host = store(&at, host, n_host);
    reading->scheme = store(&at, url.scheme, n_scheme);
    reading->path = store(&at, path, url.path.n_bytes);
    reading->port = n_host ? url.port : 0;
    reading->is_http = !url.is_valid || is_http(url.scheme);
    return reading;
}

uint16_t reading_of_server(const struct url_reading *url, const struct raw_fact *host_header,
                           struct text *ret_host)
{
    char authority[TEXT_MAX_BYTES];
    struct url parsed;
    *ret_host = url->host;
    if (!host_header || !host_header->bytes || !host_header->n_bytes)
        return url->port;
    size_t n = complete_url(authority, url->scheme.bytes, host_header->bytes, bounded(host_header->n_bytes));
    url_parse(authority, n, host_header->is_cut, &parsed);
    if (!parsed.is_valid || !parsed.host.n_bytes || parsed.path.n_bytes)
        return url->port;
    size_t at = (size_t)(parsed.host.bytes - authority) - (n - bounded(host_header->n_bytes));
    *ret_host = (struct text){host_header->bytes + at, (uint32_t)parsed.host.n_bytes};
    return parsed.port;
}

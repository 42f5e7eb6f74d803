/*
 * curl_url: as much of a URL as has to be known before a request goes out: is it HTTP, may context go to its host.
 *
 *   read as   libcurl reads it: one to three slashes behind the scheme; without a scheme CURLOPT_DEFAULT_PROTOCOL, else
 *             how the host begins; the last @ ends the user information
 *   traps     libcurl decodes %41 in a host name: such a host may be any, and is excluded where anything is
 */
#include "curl_priv.h"

#include "text.h"
#include <string.h>

static bool is_scheme_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

static size_t scheme_bytes(const char *url)
{
    size_t n = 0;
    while (is_scheme_character(url[n]))
        n++;
    return n && url[n] == ':' && url[n + 1] == '/' ? n : 0;
}

static bool begins_with_any(const char *text, const char *const *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text_begins_ignoring_case(text, prefixes[i]))
            return true;
    return false;
}

static bool is_http_host(const char *url, enum curl_default default_protocol)
{
    static const char *const other_hosts[] = {"ftp.", "dict.", "ldap.", "imap.", "smtp.", "pop3."};
    if (!*url || default_protocol != CURL_DEFAULT_GUESSED)
        return *url && default_protocol == CURL_DEFAULT_HTTP;
    return !begins_with_any(url, other_hosts, sizeof(other_hosts) / sizeof(*other_hosts));
}

/* Schemes as Curl_is_absolute_url() sees them: "host:80/" has none. */
uint8_t curl_url_kind(const char *url, enum curl_default default_protocol)
{
    static const char *const schemes[] = {"http:/", "https:/", "ws:/", "wss:/"};
    bool has_scheme = scheme_bytes(url) != 0;
    bool is_http = has_scheme ? begins_with_any(url, schemes, sizeof(schemes) / sizeof(*schemes))
                              : is_http_host(url, default_protocol);
    return (uint8_t)(CURL_URL_IS_READ | (has_scheme ? CURL_URL_HAS_SCHEME : 0) |
                     (is_http ? CURL_URL_IS_HTTP : 0));
}

/* ---- host and port ---- */

struct host {
    const char *bytes;
    size_t n_bytes;
    const char *port; /* digits, up to what is none; empty: not written */
    bool is_certain;  /* false: what stands there may mean another host */
};

static struct host host_of(const char *url)
{
    const char *at = url + scheme_bytes(url);
    if (at != url)
        at++;
    for (unsigned n = 0; at != url && *at == '/' && n < 3; n++)
        at++;
    size_t n_bytes = strcspn(at, "/?#");
    struct host host = {.is_certain = at[n_bytes] || at - url + n_bytes <= WIRE_STRING_MAX};
    const char *end = at + n_bytes;
    for (const char *byte = at; byte < end; byte++)
        if (*byte == '@')
            at = byte + 1;
    host.bytes = *at == '[' ? at + 1 : at;
    host.n_bytes = strcspn(host.bytes, host.bytes > at ? "]/?#" : ":/?#");
    const char *behind = host.bytes + host.n_bytes + (host.bytes > at && host.bytes[host.n_bytes] == ']');
    host.port = behind < end && *behind == ':' ? behind + 1 : "";
    host.is_certain &= host.bytes > at || !memchr(host.bytes, '%', host.n_bytes);
    return host;
}

bool curl_url_may_propagate(const struct curl_state *state, const char *excluded)
{
    return (!state->follows || state->watches_hops) && curl_url_may_reach(state->url, excluded);
}

bool curl_url_may_reach(const char *url, const char *excluded)
{
    struct host host = host_of(url);
    return host.is_certain && !propagate_is_excluded(excluded, host.bytes, host.n_bytes);
}

void curl_url_add_server(struct facts *facts, const char *url)
{
    struct host host = host_of(url);
    bool is_secure = text_begins_ignoring_case(url, "https:/") || text_begins_ignoring_case(url, "wss:/");
    int64_t port = 0;
    if (host.n_bytes)
        facts_string(facts, WIRE_SERVER_ADDRESS, host.bytes, host.n_bytes);
    for (const char *digit = host.port; *digit >= '0' && *digit <= '9' && port <= UINT16_MAX; digit++)
        port = port * 10 + (*digit - '0');
    if (port)
        facts_int(facts, WIRE_SERVER_PORT, port);
    else if (is_secure || text_begins_ignoring_case(url, "http:/") || text_begins_ignoring_case(url, "ws:/"))
        facts_int(facts, WIRE_SERVER_PORT, is_secure ? 443 : 80);
    if (scheme_bytes(url))
        facts_string(facts, WIRE_URL_SCHEME, url, scheme_bytes(url));
}

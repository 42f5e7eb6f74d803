/*
 * family_http: HTTP client spans (semantic conventions 1.44, "HTTP client span"), and what libcurl does besides HTTP.
 *
 * One span is one call of the program: redirects, retries and log-ins inside it are hidden requests. So url.full is the
 * URL that was asked for, and http.request.resend_count says how many requests came behind the first (the conventions
 * count each span's own; we have one span for all). error.type is the status code, or the symbolic name of the CURLcode:
 * predictable and of low cardinality, the same in every version of libcurl.
 */
#include "signals/spans/assemble_priv.h"

#include "signals/spans/curl_error.h"
#include "signals/spans/reading.h"
#include "signals/spans/url.h"
#include "signals/spans/url_template.h"
#include <arpa/inet.h>

#define CURLE_HTTP_RETURNED_ERROR 22
#define CURLE_ABORTED_BY_CALLBACK 42

static const char *const known_methods[] = {"GET",     "POST",  "PUT",     "HEAD",  "DELETE",
                                            "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"};

/* Methods are case-sensitive: "get" is not GET, and goes on the wire as it is. */
static bool is_in_list(const char *list, const struct raw_fact *method)
{
    const char *word;
    size_t bytes;
    while (setting_next_element(&list, &word, &bytes))
        if (bytes == method->n_bytes && memcmp(word, method->bytes, bytes) == 0)
            return true;
    return false;
}

static struct text known_method(const struct assembly *assembly, const struct raw_fact *method)
{
    const char *list = assembly->settings->known_http_methods;
    if (list && is_in_list(list, method))
        return text_repaired(assembly->arena, method->bytes, method->n_bytes);
    for (size_t i = 0; !list && i < sizeof(known_methods) / sizeof(known_methods[0]); i++)
        if (strlen(known_methods[i]) == method->n_bytes &&
            memcmp(known_methods[i], method->bytes, method->n_bytes) == 0)
            return (struct text){known_methods[i], method->n_bytes};
    return (struct text){NULL, 0};
}

static void assemble_method(struct assembly *assembly)
{
    struct text method = {NULL, 0};
    bool has_method = assembly_has_text(assembly, WIRE_HTTP_REQUEST_METHOD);
    if (has_method)
        method = known_method(assembly, assembly->facts[WIRE_HTTP_REQUEST_METHOD]);
    assembly->span->name = method.bytes ? method.bytes : "HTTP";
    if (method.bytes) {
        assembly_add_text(assembly, "http.request.method", method);
        return;
    }
    assembly_add_text(assembly, "http.request.method", (struct text){"_OTHER", 6});
    assembly_add_fact_text(assembly, "http.request.method_original", WIRE_HTTP_REQUEST_METHOD);
}

static struct text copied(struct arena *arena, struct text text)
{
    return (struct text){arena_copy(arena, text.bytes, text.n_bytes), text.n_bytes};
}

static struct text joined(struct arena *arena, const char *begin, const char *glue, struct text end)
{
    size_t n_begin = strlen(begin), n_glue = strlen(glue), n = n_begin + n_glue + end.n_bytes;
    char *text = arena_alloc(arena, n + 1);
    memcpy(text, begin, n_begin);
    memcpy(text + n_begin, glue, n_glue);
    memcpy(text + n_begin + n_glue, end.bytes, end.n_bytes);
    text[n] = 0;
    return (struct text){text, (uint32_t)n};
}

/* url.full, server.address and server.port. */
static void assemble_url(struct assembly *assembly, const struct url_reading *url)
{
    struct text host;
    uint16_t port = reading_of_server(url, assembly->facts[WIRE_HTTP_HOST], &host);
    assembly_add_text(assembly, "url.full",
                      copied(assembly->arena, assembly->settings->raw ? url->given : url->full));
    if (host.n_bytes)
        assembly_add_text(assembly, "server.address",
                          text_repaired(assembly->arena, host.bytes, host.n_bytes));
    if (port)
        assembly_add_int(assembly, "server.port", port);
}

/* The span is called after its template, where the user gave one (OTELSHIM_URL_TEMPLATES): a path is never in a name. */
static void assemble_template(struct assembly *assembly, const struct url_reading *url)
{
    const char *list = assembly->settings->values[SETTING_OTELSHIM_URL_TEMPLATES];
    struct text found;
    if (!list || !url_template_find(list, url->path, &found))
        return;
    struct text template = text_repaired(assembly->arena, found.bytes, found.n_bytes);
    assembly_add_text(assembly, "url.template", template);
    assembly->span->name = joined(assembly->arena, assembly->span->name, " ", template).bytes;
}

/* FTP, SMTP, MQTT, …: a plain client span that is called after its protocol; not after what a program took for one. */
static void assemble_other(struct assembly *assembly, struct text scheme)
{
    bool is_file = strcmp(scheme.bytes, "file") == 0;
    char *name = arena_copy(assembly->arena, scheme.bytes, scheme.n_bytes);
    for (uint32_t i = 0; i < scheme.n_bytes; i++)
        if (name[i] >= 'a' && name[i] <= 'z')
            name[i] = (char)(name[i] - ('a' - 'A'));
    bool is_known = is_file || url_default_port(scheme.bytes) != 0;
    assembly->span->name = is_known ? name : "OTHER";
    if (is_known && !is_file)
        assembly_add_text(assembly, "network.protocol.name", copied(assembly->arena, scheme));
}

/* libcurl 7 gives the path of a UNIX socket, as the program did, and 80 or 443 for its port. */
static void assemble_peer(struct assembly *assembly)
{
    uint8_t parsed[16];
    int64_t port;
    if (!assembly_has_text(assembly, WIRE_NETWORK_PEER_ADDRESS))
        return;
    const struct raw_fact *fact = assembly->facts[WIRE_NETWORK_PEER_ADDRESS];
    struct text address = text_repaired(assembly->arena, fact->bytes, fact->n_bytes);
    bool is_ip = strchr(address.bytes, ':') || inet_pton(AF_INET, address.bytes, parsed) == 1;
    assembly_add_text(assembly, "network.peer.address", address);
    if (!is_ip)
        assembly_add_string(assembly, "network.transport", "unix");
    else if (assembly_number(assembly, WIRE_NETWORK_PEER_PORT, &port) && port > 0)
        assembly_add_int(assembly, "network.peer.port", port);
}

static void assemble_version(struct assembly *assembly)
{
    int64_t version; /* CURL_HTTP_VERSION_… */
    if (!assembly_number(assembly, WIRE_HTTP_VERSION, &version))
        return;
    const char *text = version == 1    ? "1.0"
                       : version == 2  ? "1.1"
                       : version == 3  ? "2"
                       : version == 30 ? "3"
                       : version == 31 ? "3"
                                       : NULL;
    if (text)
        assembly_add_string(assembly, "network.protocol.version", text);
}

/* ---- headers ---- */

#define MAX_HEADERS 32u
#define NAME_BYTES 64u

struct header {
    char name[NAME_BYTES]; /* lower case */
    size_t n_name;
    const char *value;
    size_t n_value;
};

/* False: not "Name: value". The name becomes part of a key, which is written as it is: plain ASCII, as names of headers are. */
static bool parse_header(const struct raw_fact *fact, struct header *header)
{
    const char *colon = fact->bytes ? memchr(fact->bytes, ':', fact->n_bytes) : NULL;
    header->n_name = colon ? (size_t)(colon - fact->bytes) : 0;
    if (header->n_name == 0 || header->n_name >= sizeof(header->name))
        return false;
    for (size_t i = 0; i < header->n_name; i++) {
        char c = fact->bytes[i];
        if (c <= ' ' || c >= 0x7f)
            return false;
        header->name[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    header->name[header->n_name] = 0;
    header->value = colon + 1;
    header->n_value = fact->n_bytes - header->n_name - 1;
    while (header->n_value && (*header->value == ' ' || *header->value == '\t'))
        header->value++, header->n_value--;
    return true;
}

/* Asked for by name, and still not what one wants to find elsewhere. */
static bool is_secret(const char *name)
{
    static const char *const secrets[] = {"authorization", "proxy-authorization", "cookie", "set-cookie"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        if (strcmp(name, secrets[i]) == 0)
            return true;
    return false;
}

static struct text header_value(const struct assembly *assembly, const struct header *header)
{
    if (is_secret(header->name) && !assembly->settings->raw)
        return (struct text){"REDACTED", 8};
    return text_repaired(assembly->arena, header->value, header->n_value);
}

/* http.request.header.<name> = [value, …], one attribute a name, its values in their order. */
static void assemble_headers(struct assembly *assembly, enum wire_attribute key, const char *prefix)
{
    const struct raw_span *raw = assembly->raw;
    struct header headers[MAX_HEADERS];
    uint32_t n = 0;
    for (uint32_t i = 0; assembly->facts[key] && i < raw->n_facts && n < MAX_HEADERS; i++)
        if (raw->facts[i].key == key && parse_header(&raw->facts[i], &headers[n]))
            n++;
    for (uint32_t i = 0; i < n; i++) {
        struct text *values = arena_alloc(assembly->arena, n * sizeof(*values));
        struct text name = {headers[i].name, (uint32_t)headers[i].n_name};
        uint32_t n_values = 0;
        for (uint32_t j = i; j < n && *headers[i].name; j++)
            if (strcmp(headers[j].name, headers[i].name) == 0) {
                values[n_values++] = header_value(assembly, &headers[j]);
                if (j > i)
                    *headers[j].name = 0; /* done with */
            }
        if (n_values == 0)
            continue;
        struct attribute *item = assembly_add(assembly, joined(assembly->arena, prefix, "", name).bytes);
        item->type = ATTRIBUTE_STRINGS;
        item->value.strings.items = values;
        item->value.strings.n_items = n_values;
    }
}

/* ---- phases, status ---- */

static void add_event(struct assembly *assembly, const char *name, enum wire_attribute fact)
{
    struct span *span = assembly->span;
    int64_t us;
    if (!assembly_number(assembly, fact, &us) || us <= 0)
        return;
    if (!span->events)
        span->events = arena_alloc(assembly->arena, ASSEMBLY_MAX_EVENTS * sizeof(*span->events));
    uint64_t longest = span->end_unix_ns - span->start_unix_ns;
    uint64_t offset = us < INT64_MAX / 1000 ? (uint64_t)us * 1000 : longest;
    span->events[span->n_events++] = (struct span_event){
        .name = name, .time_unix_ns = span->start_unix_ns + (offset < longest ? offset : longest)};
}

/*
 * Only phases that happened. After a redirect libcurl's figures are sums over
 * the hops, which are no moments; on a connection that was used again there was
 * no look-up, no connect and no TLS, though libcurl 7 gives figures.
 */
static void assemble_phases(struct assembly *assembly)
{
    int64_t redirects = 0, connections = 1;
    if (assembly_number(assembly, WIRE_HTTP_REDIRECT_COUNT, &redirects) && redirects > 0) {
        assembly_add_int(assembly, "otelshim.http.redirect_count", redirects);
        return;
    }
    assembly_number(assembly, WIRE_HTTP_NEW_CONNECTIONS, &connections);
    if (connections > 0) {
        add_event(assembly, "otelshim.http.dns.end", WIRE_HTTP_NAMELOOKUP_US);
        add_event(assembly, "otelshim.http.connect.end", WIRE_HTTP_CONNECT_US);
        add_event(assembly, "otelshim.http.tls.end", WIRE_HTTP_APPCONNECT_US);
    }
    add_event(assembly, "otelshim.http.request.start", WIRE_HTTP_PRETRANSFER_US);
    add_event(assembly, "otelshim.http.response.first_byte", WIRE_HTTP_STARTTRANSFER_US);
}

/* A program that stops its own transfer has not failed (conventions 1.44: unset, no error.type). */
static void assemble_status(struct assembly *assembly, bool is_http)
{
    int64_t status = 0, code = 0;
    bool has_status =
        is_http && assembly_number(assembly, WIRE_HTTP_RESPONSE_STATUS_CODE, &status) && status > 0;
    if (has_status)
        assembly_add_int(assembly, "http.response.status_code", status);
    assembly_number(assembly, WIRE_ERROR_CODE, &code);
    if (!assembly_has_outcome(assembly) || code == CURLE_ABORTED_BY_CALLBACK)
        return;
    bool is_explained = code == 0 || code == CURLE_HTTP_RETURNED_ERROR;
    if (has_status && status >= 400 && is_explained)
        assembly_fail(assembly, assembly_print_number(assembly->arena, (uint64_t)status).bytes, NULL);
    else if (code != 0 || assembly->raw->outcome == WIRE_FAILED)
        assembly_fail(assembly, curl_error_name(code), assembly_first_line(assembly, WIRE_ERROR_MESSAGE));
}

static void assemble_http(struct assembly *assembly)
{
    assembly_add_fact_int(assembly, "http.request.resend_count", WIRE_HTTP_RESEND_COUNT);
    assembly_add_fact_int(assembly, "http.request.body.size", WIRE_HTTP_REQUEST_BODY_BYTES);
    assembly_add_fact_int(assembly, "http.response.body.size", WIRE_HTTP_RESPONSE_BODY_BYTES);
    assembly_add_fact_text(assembly, "user_agent.original", WIRE_USER_AGENT_ORIGINAL);
    assemble_headers(assembly, WIRE_HTTP_REQUEST_HEADER, "http.request.header.");
    assemble_headers(assembly, WIRE_HTTP_RESPONSE_HEADER, "http.response.header.");
    assemble_phases(assembly);
}

void family_http_assemble(struct assembly *assembly)
{
    const struct url_reading *url = NULL;
    if (assembly_has_text(assembly, WIRE_URL_FULL))
        url = reading_of_url(assembly->facts[WIRE_URL_FULL], assembly->facts[WIRE_URL_SCHEME]);
    bool is_http = !url || url->is_http;
    if (url)
        assemble_url(assembly, url);
    if (is_http) {
        assemble_method(assembly);
        assemble_version(assembly);
    } else {
        assemble_other(assembly, url->scheme);
    }
    if (is_http && url)
        assemble_template(assembly, url);
    assemble_peer(assembly);
    if (is_http)
        assemble_http(assembly);
    assemble_status(assembly, is_http);
}

/*
 * family_http: HTTP client spans (semantic conventions 1.44, "HTTP client
 * span").
 *
 * One span is one call of the program: redirects and retries inside it are
 * hidden hops, so url.full is the URL that was asked for and
 * http.request.resend_count is not set. error.type is the status code, or the
 * symbolic name of the CURLcode: predictable and of low cardinality, the same
 * in every version of libcurl.
 */
#include "signals/spans/assemble_priv.h"

#include "signals/spans/reading.h"

#define CURLE_HTTP_RETURNED_ERROR 22
#define CURLE_ABORTED_BY_CALLBACK 42

static const char *const known_methods[] = {"GET",     "POST",  "PUT",     "HEAD",  "DELETE",
                                            "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"};

/* CURLcode of libcurl 7 and 8; numbers are never used again. The gaps are codes
 * that no libcurl in use returns. */
static const char *const curl_codes[] = {
    [1] = "CURLE_UNSUPPORTED_PROTOCOL",
    [2] = "CURLE_FAILED_INIT",
    [3] = "CURLE_URL_MALFORMAT",
    [4] = "CURLE_NOT_BUILT_IN",
    [5] = "CURLE_COULDNT_RESOLVE_PROXY",
    [6] = "CURLE_COULDNT_RESOLVE_HOST",
    [7] = "CURLE_COULDNT_CONNECT",
    [8] = "CURLE_WEIRD_SERVER_REPLY",
    [9] = "CURLE_REMOTE_ACCESS_DENIED",
    [10] = "CURLE_FTP_ACCEPT_FAILED",
    [11] = "CURLE_FTP_WEIRD_PASS_REPLY",
    [12] = "CURLE_FTP_ACCEPT_TIMEOUT",
    [13] = "CURLE_FTP_WEIRD_PASV_REPLY",
    [14] = "CURLE_FTP_WEIRD_227_FORMAT",
    [15] = "CURLE_FTP_CANT_GET_HOST",
    [16] = "CURLE_HTTP2",
    [17] = "CURLE_FTP_COULDNT_SET_TYPE",
    [18] = "CURLE_PARTIAL_FILE",
    [19] = "CURLE_FTP_COULDNT_RETR_FILE",
    [21] = "CURLE_QUOTE_ERROR",
    [22] = "CURLE_HTTP_RETURNED_ERROR",
    [23] = "CURLE_WRITE_ERROR",
    [25] = "CURLE_UPLOAD_FAILED",
    [26] = "CURLE_READ_ERROR",
    [27] = "CURLE_OUT_OF_MEMORY",
    [28] = "CURLE_OPERATION_TIMEDOUT",
    [30] = "CURLE_FTP_PORT_FAILED",
    [31] = "CURLE_FTP_COULDNT_USE_REST",
    [33] = "CURLE_RANGE_ERROR",
    [34] = "CURLE_HTTP_POST_ERROR",
    [35] = "CURLE_SSL_CONNECT_ERROR",
    [36] = "CURLE_BAD_DOWNLOAD_RESUME",
    [37] = "CURLE_FILE_COULDNT_READ_FILE",
    [38] = "CURLE_LDAP_CANNOT_BIND",
    [39] = "CURLE_LDAP_SEARCH_FAILED",
    [41] = "CURLE_FUNCTION_NOT_FOUND",
    [42] = "CURLE_ABORTED_BY_CALLBACK",
    [43] = "CURLE_BAD_FUNCTION_ARGUMENT",
    [45] = "CURLE_INTERFACE_FAILED",
    [47] = "CURLE_TOO_MANY_REDIRECTS",
    [48] = "CURLE_UNKNOWN_OPTION",
    [49] = "CURLE_SETOPT_OPTION_SYNTAX",
    [51] = "CURLE_PEER_FAILED_VERIFICATION", /* its number before 7.62 */
    [52] = "CURLE_GOT_NOTHING",
    [53] = "CURLE_SSL_ENGINE_NOTFOUND",
    [54] = "CURLE_SSL_ENGINE_SETFAILED",
    [55] = "CURLE_SEND_ERROR",
    [56] = "CURLE_RECV_ERROR",
    [58] = "CURLE_SSL_CERTPROBLEM",
    [59] = "CURLE_SSL_CIPHER",
    [60] = "CURLE_PEER_FAILED_VERIFICATION",
    [61] = "CURLE_BAD_CONTENT_ENCODING",
    [62] = "CURLE_LDAP_INVALID_URL",
    [63] = "CURLE_FILESIZE_EXCEEDED",
    [64] = "CURLE_USE_SSL_FAILED",
    [65] = "CURLE_SEND_FAIL_REWIND",
    [66] = "CURLE_SSL_ENGINE_INITFAILED",
    [67] = "CURLE_LOGIN_DENIED",
    [68] = "CURLE_TFTP_NOTFOUND",
    [69] = "CURLE_TFTP_PERM",
    [70] = "CURLE_REMOTE_DISK_FULL",
    [71] = "CURLE_TFTP_ILLEGAL",
    [72] = "CURLE_TFTP_UNKNOWNID",
    [73] = "CURLE_REMOTE_FILE_EXISTS",
    [74] = "CURLE_TFTP_NOSUCHUSER",
    [75] = "CURLE_CONV_FAILED",
    [76] = "CURLE_CONV_REQD",
    [77] = "CURLE_SSL_CACERT_BADFILE",
    [78] = "CURLE_REMOTE_FILE_NOT_FOUND",
    [79] = "CURLE_SSH",
    [80] = "CURLE_SSL_SHUTDOWN_FAILED",
    [81] = "CURLE_AGAIN",
    [82] = "CURLE_SSL_CRL_BADFILE",
    [83] = "CURLE_SSL_ISSUER_ERROR",
    [84] = "CURLE_FTP_PRET_FAILED",
    [85] = "CURLE_RTSP_CSEQ_ERROR",
    [86] = "CURLE_RTSP_SESSION_ERROR",
    [87] = "CURLE_FTP_BAD_FILE_LIST",
    [88] = "CURLE_CHUNK_FAILED",
    [89] = "CURLE_NO_CONNECTION_AVAILABLE",
    [90] = "CURLE_SSL_PINNEDPUBKEYNOTMATCH",
    [91] = "CURLE_SSL_INVALIDCERTSTATUS",
    [92] = "CURLE_HTTP2_STREAM",
    [93] = "CURLE_RECURSIVE_API_CALL",
    [94] = "CURLE_AUTH_ERROR",
    [95] = "CURLE_HTTP3",
    [96] = "CURLE_QUIC_CONNECT_ERROR",
    [97] = "CURLE_PROXY",
    [98] = "CURLE_SSL_CLIENTCERT",
    [99] = "CURLE_UNRECOVERABLE_POLL",
    [100] = "CURLE_TOO_LARGE",
    [101] = "CURLE_ECH_REQUIRED",
};

static const char *error_name(int64_t code)
{
    bool is_known =
        code > 0 && code < (int64_t)(sizeof(curl_codes) / sizeof(curl_codes[0])) && curl_codes[code];
    return is_known ? curl_codes[code] : "_OTHER";
}

/* Methods are case-sensitive: "get" is not GET, and goes on the wire as it is.
 */
static bool is_in_list(const char *list, const struct raw_fact *method)
{
    while (*list) {
        size_t bytes = strcspn(list, ",");
        const char *begin = list, *end = list + bytes;
        while (begin < end && (*begin == ' ' || *begin == '\t'))
            begin++;
        while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        if ((size_t)(end - begin) == method->n_bytes && memcmp(begin, method->bytes, method->n_bytes) == 0)
            return true;
        list += bytes + (list[bytes] == ',');
    }
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

/* url.full, server.address and server.port. Returns the scheme when it is none of HTTP's, NULL otherwise. */
static const char *assemble_url(struct assembly *assembly)
{
    if (!assembly_has_text(assembly, WIRE_URL_FULL))
        return NULL;
    const struct url_reading *url =
        reading_of_url(assembly->facts[WIRE_URL_FULL], assembly->facts[WIRE_URL_SCHEME]);
    assembly_add_text(assembly, "url.full",
                      copied(assembly->arena, assembly->settings->raw ? url->given : url->full));
    if (url->host.n_bytes)
        assembly_add_text(assembly, "server.address", copied(assembly->arena, url->host));
    if (url->port)
        assembly_add_int(assembly, "server.port", url->port);
    return url->is_http ? NULL : copied(assembly->arena, url->scheme).bytes;
}

static void assemble_network(struct assembly *assembly, bool is_http)
{
    int64_t version;
    if (is_http && assembly_number(assembly, WIRE_HTTP_VERSION, &version)) { /* CURL_HTTP_VERSION_… */
        const char *text = version == 1    ? "1.0"
                           : version == 2  ? "1.1"
                           : version == 3  ? "2"
                           : version == 30 ? "3"
                           : version == 31 ? "3"
                                           : NULL;
        if (text)
            assembly_add_string(assembly, "network.protocol.version", text);
    }
    if (!assembly_has_text(assembly, WIRE_NETWORK_PEER_ADDRESS))
        return;
    assembly_add_fact_text(assembly, "network.peer.address", WIRE_NETWORK_PEER_ADDRESS);
    char first = assembly->facts[WIRE_NETWORK_PEER_ADDRESS]->bytes[0];
    int64_t port; /* of a UNIX socket libcurl 7.88 says 80 */
    if (first != '/' && first != '@' && assembly_number(assembly, WIRE_NETWORK_PEER_PORT, &port) && port > 0)
        assembly_add_int(assembly, "network.peer.port", port);
}

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
        assembly_fail(assembly, error_name(code), assembly_first_line(assembly, WIRE_ERROR_MESSAGE));
}

void family_http_assemble(struct assembly *assembly)
{
    const char *other_scheme = assemble_url(assembly);
    bool is_http = !other_scheme;
    if (is_http)
        assemble_method(assembly);
    else
        assembly->span->name = other_scheme;
    assemble_network(assembly, is_http);
    if (is_http) {
        assembly_add_fact_int(assembly, "http.request.body.size", WIRE_HTTP_REQUEST_BODY_BYTES);
        assembly_add_fact_int(assembly, "http.response.body.size", WIRE_HTTP_RESPONSE_BODY_BYTES);
        assemble_phases(assembly);
    }
    assemble_status(assembly, is_http);
}

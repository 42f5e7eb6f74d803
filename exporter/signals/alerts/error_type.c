/* error_type: see error_type.h. A new code is a row. */
#include "signals/alerts/error_type.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define TRANSPORT true
#define OWN_DOING false

/*
 * Names are those of Python's own exceptions where there is one (requests wraps them, but says them in its message), else of
 * http.client, urllib3 or requests. No row: _OTHER, no transport: an alert only by a rule.
 */
static const struct {
    int64_t code;
    const char *name, *words;
    bool is_transport;
} curl_errors[] = {
    /* the name is not known: socket.gaierror, which urllib3 2 tells as this */
    {5, "NameResolutionError", "the proxy's name could not be resolved", TRANSPORT},
    {6, "NameResolutionError", "the host's name could not be resolved", TRANSPORT},
    /* nobody answers there; with errno more precise, below */
    {7, "ConnectionError", "could not connect", TRANSPORT},
    {8, "BadStatusLine", "the server's answer could not be understood", TRANSPORT},
    {12, "TimeoutError", "timed out", TRANSPORT},
    {16, "ProtocolError", "HTTP/2 framing error", TRANSPORT},
    {18, "IncompleteRead", "the answer ended early", TRANSPORT},
    {28, "TimeoutError", "timed out", TRANSPORT},
    {35, "SSLError", "TLS handshake failed", TRANSPORT},
    {51, "SSLError", "the server's certificate was not accepted", TRANSPORT},
    /* http.client.RemoteDisconnected is a ConnectionResetError */
    {52, "ConnectionResetError", "the connection was closed without an answer", TRANSPORT},
    {55, "ConnectionResetError", "the connection broke while sending", TRANSPORT},
    {56, "ConnectionResetError", "the connection broke while receiving", TRANSPORT},
    {58, "SSLError", "the client certificate could not be used", TRANSPORT},
    {59, "SSLError", "no TLS cipher in common", TRANSPORT},
    {60, "SSLError", "the server's certificate was not accepted", TRANSPORT},
    {64, "SSLError", "the server does not offer TLS", TRANSPORT},
    {65, "ConnectionResetError", "the connection broke while sending", TRANSPORT},
    {77, "SSLError", "the file of CA certificates could not be read", TRANSPORT},
    {80, "SSLError", "TLS was not shut down", TRANSPORT},
    {82, "SSLError", "the file of revoked certificates could not be read", TRANSPORT},
    {83, "SSLError", "the certificate's issuer was not accepted", TRANSPORT},
    {90, "SSLError", "the server's key is not the pinned one", TRANSPORT},
    {91, "SSLError", "the certificate's status was not accepted", TRANSPORT},
    {92, "ProtocolError", "HTTP/2 stream was not closed cleanly", TRANSPORT},
    {95, "ProtocolError", "HTTP/3 error", TRANSPORT},
    {96, "ConnectionError", "could not connect by QUIC", TRANSPORT},
    {97, "ProxyError", "the proxy did not connect", TRANSPORT},
    {98, "SSLError", "the server wants a client certificate", TRANSPORT},
    /* what the program asked for, has, or did; an alert by a rule only */
    {1, "UnsupportedProtocol", "unsupported protocol", OWN_DOING},
    {3, "InvalidURL", "the URL is malformed", OWN_DOING},
    {9, "PermissionError", "access denied", OWN_DOING},
    {23, "OSError", "the program did not take the answer", OWN_DOING},
    {26, "OSError", "the program did not give the request's body", OWN_DOING},
    {27, "MemoryError", "out of memory", OWN_DOING},
    {47, "TooManyRedirects", "too many redirects", OWN_DOING},
    {61, "ContentDecodingError", "the answer's encoding could not be understood", OWN_DOING},
    {63, "ValueError", "the answer is larger than allowed", OWN_DOING},
    {67, "PermissionError", "log-in denied", OWN_DOING},
    {78, "FileNotFoundError", "no such file", OWN_DOING},
};

/* How Python names a failed system call on a socket; NULL: the library's code says it better. */
static const char *name_errno(int64_t error)
{
    switch (error) {
    case ECONNREFUSED:
        return "ConnectionRefusedError";
    case ECONNRESET:
        return "ConnectionResetError";
    case ECONNABORTED:
        return "ConnectionAbortedError";
    case EPIPE:
        return "BrokenPipeError";
    case ETIMEDOUT:
        return "TimeoutError";
    default:
        return NULL;
    }
}

/* libcurl keeps the errno of an earlier try: of those codes only that an errno explains. */
static bool is_explained_by_errno(int64_t code)
{
    return code == 7 || code == 55 || code == 56;
}

struct error_type error_type_of_curl(int64_t code, int64_t error)
{
    struct error_type type = {.name = "_OTHER", .words = "failed"};
    for (size_t i = 0; i < sizeof(curl_errors) / sizeof(curl_errors[0]); i++)
        if (curl_errors[i].code == code)
            type =
                (struct error_type){curl_errors[i].name, curl_errors[i].words, curl_errors[i].is_transport};
    const char *name = is_explained_by_errno(code) ? name_errno(error) : NULL;
    if (name)
        type.name = name;
    return type;
}

/* ---- clients of databases ---- */

/* Server gone, refused, timed out. Not: REDIS_ERR_OOM (the program's own), PIPELINE_ABORTED (what came before it is told). */
static const struct {
    const char *code;
    struct error_type type;
} client_errors[] = {
    {"CONNECTION_BAD", {"OperationalError", "could not connect", TRANSPORT}},
    {"PGRES_FATAL_ERROR", {"OperationalError", "the connection was lost", TRANSPORT}},
    {"PGRES_BAD_RESPONSE", {"OperationalError", "the server's answer could not be understood", TRANSPORT}},
    {"REDIS_ERR_IO", {"ConnectionError", "the connection broke", TRANSPORT}},
    {"REDIS_ERR_OTHER", {"ConnectionError", "could not connect", TRANSPORT}},
    {"REDIS_ERR_EOF", {"ConnectionResetError", "the server closed the connection", TRANSPORT}},
    {"REDIS_ERR_PROTOCOL", {"ProtocolError", "the server's answer could not be understood", TRANSPORT}},
    {"timeout", {"TimeoutError", "timed out", TRANSPORT}},
};

struct error_type error_type_of_client(const char *name, int64_t error)
{
    struct error_type type = {.name = "_OTHER", .words = "failed"};
    for (size_t i = 0; i < sizeof(client_errors) / sizeof(client_errors[0]); i++)
        if (strcmp(client_errors[i].code, name) == 0)
            type = client_errors[i].type;
    const char *better = strcmp(name, "REDIS_ERR_IO") == 0 ? name_errno(error) : NULL;
    if (better)
        type.name = better;
    return type;
}

/* ---- SQLSTATE ---- */

/* As psycopg calls them. */
static const struct {
    const char *state;
    struct error_type type;
} sql_states[] = {
    {"08", {"OperationalError", "connection exception", TRANSPORT}},
    {"08P01", {"ProtocolViolation", "protocol violation", TRANSPORT}},
    {"53", {"InsufficientResources", "the server is short of resources", TRANSPORT}},
    {"53100", {"DiskFull", "the server's disk is full", TRANSPORT}},
    {"53200", {"OutOfMemory", "the server is out of memory", TRANSPORT}},
    {"53300", {"TooManyConnections", "too many connections", TRANSPORT}},
    {"57", {"OperationalError", "the operator intervened", TRANSPORT}},
    {"57014", {"QueryCanceled", "the statement was cancelled", OWN_DOING}},
    {"57P01", {"AdminShutdown", "the server is shutting down", TRANSPORT}},
    {"57P02", {"CrashShutdown", "the server crashed", TRANSPORT}},
    {"57P03", {"CannotConnectNow", "the server does not take connections now", TRANSPORT}},
    {"57P04", {"DatabaseDropped", "the database was dropped", TRANSPORT}},
    {"57P05", {"IdleSessionTimeout", "the session was idle for too long", TRANSPORT}},
    {"58", {"SystemError", "the server met an error of its system", TRANSPORT}},
    {"58030", {"IoError", "the server cannot read or write its files", TRANSPORT}},
    {"XX", {"InternalError", "internal error of the server", TRANSPORT}},
    {"XX001", {"DataCorrupted", "data of the server is corrupted", TRANSPORT}},
    {"XX002", {"IndexCorrupted", "an index of the server is corrupted", TRANSPORT}},
};

bool error_type_is_serious(const char *sqlstate)
{
    static const char classes[][3] = {"08", "53", "57", "58", "XX"};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strncmp(sqlstate, classes[i], 2) == 0)
            return true;
    return false;
}

struct error_type error_type_of_sqlstate(const char *sqlstate)
{
    struct error_type type = {.name = "DatabaseError", .words = "failed"};
    size_t best = 0;
    for (size_t i = 0; i < sizeof(sql_states) / sizeof(sql_states[0]); i++) {
        size_t bytes = strlen(sql_states[i].state);
        if (bytes > best && strncmp(sqlstate, sql_states[i].state, bytes) == 0) {
            type = sql_states[i].type;
            best = bytes;
        }
    }
    return type;
}

/* ---- HTTP ---- */

const char *error_type_status_words(int64_t status)
{
    static const struct {
        int64_t status;
        const char *words;
    } rows[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {418, "I'm a teapot"},
        {422, "Unprocessable"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
        {520, "Unknown Error"},
        {521, "Web Server Is Down"},
        {522, "Connection Timed Out"},
        {524, "A Timeout Occurred"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].words;
    return "";
}

/*
 * curl_request: one HTTP request as libcurl's handle tells it, for curl_easy_perform and the multi interface.
 *
 *   copied    URL, method; afterwards status, version, peer, sizes, phase times, redirects, error; curl_headers.c
 *   changed   CURLOPT_HTTPHEADER for the length of the request: nodes of ours in front of the program's list, which
 *             itself is not touched (libcurl keeps the pointer, it does not copy)
 *   not read  bodies (curl_body.c), CURLOPT_ERRORBUFFER (it is the program's memory)
 *   traps     an old library answers an unknown CURLINFO with an error: then there is no such fact
 */
#include "curl_priv.h"

#include "settings.h"
#include <string.h>

/* ---- functions of the library ---- */

#define MAX_LIBRARIES 8u

/* One per library; filled once and published by its number going up. */
static struct {
    struct {
        const struct real_library *library;
        struct curl_calls calls;
        uint32_t is_ready;
    } places[MAX_LIBRARIES];
    uint32_t n_places;
} loaded;

static void look_up_calls(struct curl_calls *ret_calls, const struct real_entry *entry)
{
    ret_calls->setopt = (__typeof__(ret_calls->setopt))real_sibling(entry, "curl_easy_setopt");
    ret_calls->getinfo = (__typeof__(ret_calls->getinfo))real_sibling(entry, "curl_easy_getinfo");
    ret_calls->header = (__typeof__(ret_calls->header))real_sibling(entry, "curl_easy_header");
    ret_calls->strerror = (__typeof__(ret_calls->strerror))real_sibling(entry, "curl_easy_strerror");
    ret_calls->url_get = (__typeof__(ret_calls->url_get))real_sibling(entry, "curl_url_get");
    ret_calls->free = (__typeof__(ret_calls->free))real_sibling(entry, "curl_free");
}

void curl_load_calls(struct curl_calls *ret_calls, const struct real_entry *entry)
{
    const struct real_library *library = entry->library;
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        if (__atomic_load_n(&loaded.places[i].is_ready, __ATOMIC_ACQUIRE) &&
            loaded.places[i].library == library) {
            *ret_calls = loaded.places[i].calls;
            return;
        }
    }
    look_up_calls(ret_calls, entry);
    /* Two threads that come first fill two places with the same: harmless. */
    if (!library || __atomic_load_n(&loaded.n_places, __ATOMIC_RELAXED) >= MAX_LIBRARIES)
        return;
    uint32_t place = __atomic_fetch_add(&loaded.n_places, 1, __ATOMIC_RELAXED);
    if (place >= MAX_LIBRARIES)
        return;
    loaded.places[place].library = library;
    loaded.places[place].calls = *ret_calls;
    __atomic_store_n(&loaded.places[place].is_ready, 1, __ATOMIC_RELEASE);
}

/* ---- URL and method ---- */

/* CURLOPT_CURLU overrides the URL, and libcurl itself then overwrites its copy of CURLOPT_URL. */
void curl_request_read_url(struct curl_state *state, const struct curl_calls *calls)
{
    char *url = NULL;
    if (!state->url_handle || !calls->url_get || !calls->free ||
        calls->url_get(state->url_handle, CURLUPART_URL, &url, 0) != CURLUE_OK)
        return;
    size_t bytes = strnlen(url, WIRE_STRING_MAX + 1);
    if (bytes != state->url_bytes || memcmp(state->url, url, bytes) != 0) {
        memcpy(state->url, url, bytes);
        state->url[bytes] = 0;
        state->url_bytes = (uint32_t)bytes;
        state->url_kind = 0;
        state->url_mark = (struct interned){0};
    }
    calls->free(url);
}

static const char *method_of(const struct curl_state *state)
{
    if (state->method_bytes)
        return state->method;
    if (state->has_no_body)
        return "HEAD";
    return state->verb == CURL_VERB_POST ? "POST" : state->verb == CURL_VERB_PUT ? "PUT" : "GET";
}

static bool is_http(struct curl_state *state)
{
    return (curl_url_kind_of(state) & CURL_URL_IS_HTTP) != 0;
}

/* May there be a body? Whatever gives a handle one makes it a POST or a PUT, whatever the program calls it then. */
static bool may_send(const struct curl_state *state)
{
    return !state || state->verb != CURL_VERB_GET;
}

/*
 * What the facts of the end may need: an operation has 864 bytes for all its facts, and status, peer and phases come
 * last. Where there is more of the URL it is written whole when the request is over.
 */
#define LATER_FACTS_BYTES 464u
#define LATER_HEADER_BYTES 192u /* besides, where headers are asked for */

static void add_url(struct facts *facts, struct curl_state *state, struct operation *operation)
{
    const struct shim_settings *settings = settings_get();
    bool has_headers = settings->request_headers || settings->response_headers || settings->user_agent;
    if (!operation)
        facts_string(facts, WIRE_URL_FULL, state->url, state->url_bytes);
    else
        operation_text(operation, &state->url_mark, WIRE_URL_FULL, state->url, state->url_bytes,
                       LATER_FACTS_BYTES + (has_headers ? LATER_HEADER_BYTES : 0));
}

void curl_request_begin(struct facts *facts, struct curl_state *state, const struct curl_calls *calls,
                        struct operation *operation)
{
    if (!state)
        return;
    curl_request_read_url(state, calls);
    if (state->url_bytes)
        add_url(facts, state, operation);
    if (!is_http(state))
        return;
    facts_text(facts, WIRE_HTTP_REQUEST_METHOD, method_of(state));
    curl_headers_begin(facts, state);
}

/* ---- context ---- */

/* Which headers may be ours: those of a context are one thing, baggage is another. */
static bool may_add(const struct curl_slist *list, bool *ret_has_baggage)
{
    *ret_has_baggage = false;
    for (; list; list = list->next) {
        if (list->data && propagate_is_own_header(list->data))
            return false;
        if (list->data && propagate_is_baggage(list->data))
            *ret_has_baggage = true;
    }
    return true;
}

/* The lines that were printed on our stack move into the state; the others live for ever. False: no room. */
static bool keep_line(struct curl_state *state, const struct propagate_header *header, size_t *used,
                      uint32_t i)
{
    const char *line = header->line;
    if (line == header->own) {
        if (*used + header->own_bytes > sizeof(state->lines))
            return false;
        line = memcpy(state->lines + *used, header->own, header->own_bytes);
        *used += header->own_bytes;
    }
    memcpy(&state->nodes[i].data, &line,
           sizeof(line)); /* not a char * that may be written; libcurl reads it only */
    return true;
}

bool curl_request_inject(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                         const struct span_context *context)
{
    struct propagate_header headers[PROPAGATE_MAX_HEADERS];
    bool has_baggage;
    if (!state || !calls->setopt || !is_http(state) || !may_add(state->headers, &has_baggage) ||
        !curl_url_may_propagate(state))
        return false;
    uint32_t n = propagate_headers(context, !has_baggage, headers);
    size_t used = 0;
    if (!n)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!keep_line(state, &headers[i], &used, i))
            return false;
        state->nodes[i].next = i + 1 < n ? &state->nodes[i + 1] : state->headers;
    }
    state->is_injected = calls->setopt(handle, CURLOPT_HTTPHEADER, &state->nodes[0]) == CURLE_OK;
    return state->is_injected;
}

void curl_request_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls)
{
    if (state && __builtin_expect(curl_wants_bodies(), 0))
        curl_body_restore(handle, state, calls);
    if (!state || !state->is_injected || !calls->setopt)
        return;
    (void)calls->setopt(handle, CURLOPT_HTTPHEADER, state->headers);
    state->is_injected = false;
}

/* ---- afterwards ---- */

int64_t curl_request_number(CURL *handle, const struct curl_calls *calls, CURLINFO info)
{
    curl_off_t wide = -1;
    long narrow = -1;
    if (((unsigned)info & CURLINFO_TYPEMASK) == CURLINFO_OFF_T)
        return calls->getinfo(handle, info, &wide) == CURLE_OK ? wide : -1;
    return calls->getinfo(handle, info, &narrow) == CURLE_OK ? narrow : -1;
}

int64_t curl_request_total_us(CURL *handle, const struct curl_calls *calls)
{
    return calls->getinfo ? curl_request_number(handle, calls, CURLINFO_TOTAL_TIME_T) : -1;
}

/* NULL or not empty. It stays libcurl's. */
static const char *read_text(CURL *handle, const struct curl_calls *calls, CURLINFO info)
{
    const char *text = NULL;
    return calls->getinfo(handle, info, &text) == CURLE_OK && text && *text ? text : NULL;
}

static void add_positive(struct facts *facts, enum wire_attribute key, int64_t value)
{
    if (value > 0)
        facts_int(facts, key, value);
}

/* What decides which of the other facts are worth asking for. Every getinfo costs as much as a fact or two. */
struct answer {
    int64_t status;      /* 0: none */
    int64_t redirects;   /* CURLINFO_REDIRECT_COUNT */
    int64_t connections; /* made for the request; -1 not known, and without an answer 0 says nothing */
};

static void add_sizes(struct facts *facts, CURL *handle, const struct curl_state *state,
                      const struct curl_calls *calls, const struct answer *answer)
{
    int64_t received = curl_request_number(handle, calls, CURLINFO_SIZE_DOWNLOAD_T);
    if (may_send(state))
        add_positive(facts, WIRE_HTTP_REQUEST_BODY_BYTES,
                     curl_request_number(handle, calls, CURLINFO_SIZE_UPLOAD_T));
    if (received > 0 || (received == 0 && answer->status > 0))
        facts_int(facts, WIRE_HTTP_RESPONSE_BODY_BYTES, received);
}

static void add_answer(struct facts *facts, CURL *handle, const struct curl_state *state,
                       const struct curl_calls *calls, struct answer *answer)
{
    int64_t status = curl_request_number(handle, calls, CURLINFO_RESPONSE_CODE);
    answer->status = status > 0 ? status : 0;
    add_positive(facts, WIRE_HTTP_RESPONSE_STATUS_CODE, status);
    add_positive(facts, WIRE_HTTP_VERSION, curl_request_number(handle, calls, CURLINFO_HTTP_VERSION));
    if (status == CURL_UPGRADED)
        add_positive(facts, WIRE_HTTP_END_US,
                     curl_request_number(handle, calls, CURLINFO_STARTTRANSFER_TIME_T));
    if (facts->always_only)
        return;
    add_sizes(facts, handle, state, calls, answer);
    int64_t connections = curl_request_number(handle, calls, CURLINFO_NUM_CONNECTS);
    if (connections > 0 || (connections == 0 && status > 0)) {
        facts_int(facts, WIRE_HTTP_NEW_CONNECTIONS, connections);
        answer->connections = connections;
    }
    answer->redirects = curl_headers_end(facts, handle, calls);
    add_positive(facts, WIRE_HTTP_REDIRECT_COUNT, answer->redirects);
}

/*
 * Moments that the exporter shows. After a redirect libcurl's figures are sums over the hops; on a connection that was
 * used again there was no look-up, no connect, no TLS, though libcurl 7 gives figures.
 */
static void add_phases(struct facts *facts, CURL *handle, const struct curl_calls *calls,
                       const struct answer *answer)
{
    static const struct {
        CURLINFO info;
        enum wire_attribute key;
    } phases[] = {
        {CURLINFO_PRETRANSFER_TIME_T, WIRE_HTTP_PRETRANSFER_US},
        {CURLINFO_STARTTRANSFER_TIME_T, WIRE_HTTP_STARTTRANSFER_US},
        {CURLINFO_NAMELOOKUP_TIME_T, WIRE_HTTP_NAMELOOKUP_US},
        {CURLINFO_CONNECT_TIME_T, WIRE_HTTP_CONNECT_US},
        {CURLINFO_APPCONNECT_TIME_T, WIRE_HTTP_APPCONNECT_US},
    };
    size_t n = answer->redirects > 0 ? 0 : answer->connections == 0 ? 2 : sizeof(phases) / sizeof(*phases);
    for (size_t i = 0; i < n; i++)
        add_positive(facts, phases[i].key, curl_request_number(handle, calls, phases[i].info));
}

/* A handle whose creation was not seen tells only now what it was about. The kind of its URL. */
static uint8_t add_unseen(struct facts *facts, CURL *handle, const struct curl_state *state,
                          const struct curl_calls *calls)
{
    const char *url = read_text(handle, calls, CURLINFO_EFFECTIVE_URL);
    uint8_t kind = curl_url_kind(url ? url : "",
                                 state ? (enum curl_default)state->default_protocol : CURL_DEFAULT_GUESSED);
    facts_text(facts, WIRE_URL_FULL, url);
    if (kind & CURL_URL_IS_HTTP)
        facts_text(facts, WIRE_HTTP_REQUEST_METHOD,
                   state ? method_of(state) : read_text(handle, calls, CURLINFO_EFFECTIVE_METHOD));
    return kind;
}

/* Where the request went in the end. Is it HTTP? */
static bool add_target(struct facts *facts, CURL *handle, struct curl_state *state,
                       const struct curl_calls *calls)
{
    uint8_t kind =
        state && state->url_bytes ? curl_url_kind_of(state) : add_unseen(facts, handle, state, calls);
    if (!(kind & CURL_URL_HAS_SCHEME))
        facts_text(facts, WIRE_URL_SCHEME, read_text(handle, calls, CURLINFO_SCHEME));
    if (!facts->always_only) {
        facts_text(facts, WIRE_NETWORK_PEER_ADDRESS, read_text(handle, calls, CURLINFO_PRIMARY_IP));
        add_positive(facts, WIRE_NETWORK_PEER_PORT,
                     curl_request_number(handle, calls, CURLINFO_PRIMARY_PORT));
    }
    return (kind & CURL_URL_IS_HTTP) != 0;
}

/* The limit that was met: that of connecting where there was no connection yet, else that of the whole request. */
static void add_timeout(struct facts *facts, CURL *handle, const struct curl_state *state,
                        const struct curl_calls *calls)
{
    bool is_connecting =
        calls->getinfo && curl_request_number(handle, calls, CURLINFO_PRETRANSFER_TIME_T) <= 0;
    uint32_t ms = state->timeout_ms, connect_ms = state->connect_timeout_ms;
    if (is_connecting && connect_ms && (!ms || connect_ms < ms))
        ms = connect_ms;
    add_positive(facts, WIRE_HTTP_TIMEOUT_MS, ms);
}

/* PUT and DELETE do no harm when they are done again, nor does what only asks. */
static bool changes_something(const char *method)
{
    return method && (strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0);
}

/* Nothing went out before there was a connection. What libcurl does not know (an old one, a body without an end) is left out. */
void curl_request_add_sent(struct facts *facts, CURL *handle, const struct curl_state *state,
                           const struct curl_calls *calls)
{
    if (!calls->getinfo ||
        !changes_something(state ? method_of(state) : read_text(handle, calls, CURLINFO_EFFECTIVE_METHOD)) ||
        curl_request_number(handle, calls, CURLINFO_PRETRANSFER_TIME_T) <= 0)
        return;
    int64_t sent = curl_request_number(handle, calls, CURLINFO_SIZE_UPLOAD_T);
    int64_t announced = curl_request_number(handle, calls, CURLINFO_CONTENT_LENGTH_UPLOAD_T);
    if (sent >= 0)
        facts_int(facts, WIRE_HTTP_UPLOADED_BYTES, sent);
    add_positive(facts, WIRE_HTTP_ANNOUNCED_BYTES, announced);
}

static void add_failure(struct facts *facts, CURL *handle, const struct curl_state *state,
                        const struct curl_calls *calls, CURLcode code)
{
    facts_int(facts, WIRE_ERROR_CODE, code);
    if (code == CURLE_OPERATION_TIMEDOUT && state)
        add_timeout(facts, handle, state, calls);
    curl_request_add_sent(facts, handle, state, calls);
    if (calls->strerror)
        facts_text(facts, WIRE_ERROR_MESSAGE, calls->strerror(code));
    if (calls->getinfo)
        add_positive(facts, WIRE_ERROR_ERRNO, curl_request_number(handle, calls, CURLINFO_OS_ERRNO));
}

enum wire_outcome curl_request_end(struct facts *facts, CURL *handle, struct curl_state *state,
                                   const struct curl_calls *calls, CURLcode code)
{
    struct answer answer = {.connections = -1};
    if (code != CURLE_OK)
        add_failure(facts, handle, state, calls, code);
    if (calls->getinfo && add_target(facts, handle, state, calls))
        add_answer(facts, handle, state, calls, &answer);
    if (calls->getinfo && !facts->always_only)
        add_phases(facts, handle, calls, &answer);
    if (code != CURLE_OK)
        return WIRE_FAILED;
    return answer.status >= 400 ? WIRE_REFUSED : WIRE_OK;
}

/*
 * All of the body that was announced is here, or there is none; or the connection is back among those that wait: the
 * multi interface says which it is (CURLINFO_ACTIVESOCKET) once the transfer let go of it, of the last hop or of one
 * before. A body of unknown length over a connection that was closed is not known to be whole.
 */
bool curl_request_is_complete(CURL *handle, const struct curl_state *state, const struct curl_calls *calls)
{
    if (!calls->getinfo)
        return false;
    int64_t status = curl_request_number(handle, calls, CURLINFO_RESPONSE_CODE);
    int64_t announced = curl_request_number(handle, calls, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    int64_t redirects = curl_request_number(handle, calls, CURLINFO_REDIRECT_COUNT);
    curl_socket_t waiting = CURL_SOCKET_BAD;
    if (status < 200)
        return false;
    if (state->has_no_body || status == 204 || status == 304 ||
        (announced >= 0 && announced == curl_request_number(handle, calls, CURLINFO_SIZE_DOWNLOAD_T)))
        return true;
    return redirects <= 0 && calls->getinfo(handle, CURLINFO_ACTIVESOCKET, &waiting) == CURLE_OK &&
           waiting != CURL_SOCKET_BAD;
}

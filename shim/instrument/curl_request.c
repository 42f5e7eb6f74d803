/*
 * curl_request: one HTTP request as libcurl's handle tells it, for curl_easy_perform and the multi interface.
 *
 *   copied    status, version, peer, sizes, phase times, redirects, error; curl_headers.c
 *   changed   CURLOPT_HTTPHEADER: nodes of ours in front of the program's list, which itself is not touched (libcurl keeps the
 *             pointer, it does not copy). They stay there for the next request: nobody can ask libcurl for its list, a copy of
 *             the handle and a request that is not recorded get the program's, and reset and cleanup do not look at it
 *   not read  bodies (curl_body.c), CURLOPT_ERRORBUFFER (it is the program's memory)
 *   traps     an old library answers an unknown CURLINFO with an error: then there is no such fact. A handle whose next request
 *             goes past us (a raw pointer to curl_easy_perform, where the others were ours) sends the context of the last one
 */
#include "curl_priv.h"

#include "hot.h"
#include "settings.h"
#include <string.h>

/* ---- functions of the library ---- */

#define MAX_LIBRARIES 4u

/* One per library; filled once and published by `is_ready`. */
static HOT_DATA struct {
    struct {
        const struct real_library *library;
        uint32_t is_ready;
        struct curl_calls calls;
    } places[MAX_LIBRARIES];
    uint32_t n_places;
} loaded __attribute__((aligned(64)));

static void look_up_calls(struct curl_calls *ret_calls, const struct real_entry *entry)
{
    ret_calls->setopt = (__typeof__(ret_calls->setopt))real_sibling(entry, "curl_easy_setopt");
    ret_calls->getinfo = (__typeof__(ret_calls->getinfo))real_sibling(entry, "curl_easy_getinfo");
    ret_calls->header = (__typeof__(ret_calls->header))real_sibling(entry, "curl_easy_header");
    ret_calls->strerror = (__typeof__(ret_calls->strerror))real_sibling(entry, "curl_easy_strerror");
    ret_calls->url_get = (__typeof__(ret_calls->url_get))real_sibling(entry, "curl_url_get");
    ret_calls->free = (__typeof__(ret_calls->free))real_sibling(entry, "curl_free");
    ret_calls->text_from = entry->library ? entry->library->text_from : 0;
    ret_calls->text_bytes = entry->library ? entry->library->text_to - entry->library->text_from : 0;
}

static __attribute__((noinline, cold)) void load_calls(struct curl_calls *ret_calls,
                                                       const struct real_entry *entry)
{
    const struct real_library *library = entry->library;
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

const struct curl_calls *curl_get_calls(const struct real_entry *entry, struct curl_calls *spare)
{
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++)
        if (__atomic_load_n(&loaded.places[i].is_ready, __ATOMIC_ACQUIRE) &&
            loaded.places[i].library == entry->library)
            return &loaded.places[i].calls;
    load_calls(spare, entry);
    return spare;
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

static bool may_propagate(const struct curl_state *state)
{
    const char *excluded = settings_get()->propagate_exclude;
    return __builtin_expect(!excluded, 1) || curl_url_may_propagate(state, excluded);
}

/* Prints the lines into the nodes; returns how many there are. */
static uint32_t fill_nodes(struct curl_state *state, const struct span_context *context, bool with_baggage)
{
    const char *lines[PROPAGATE_MAX_HEADERS];
    uint32_t n = propagate_headers(context, with_baggage, &state->own, lines);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&state->nodes[i].data, &lines[i],
               sizeof(lines[i])); /* not a char * that may be written; libcurl reads it only */
        state->nodes[i].next = i + 1 < n ? &state->nodes[i + 1] : state->headers;
    }
    return n;
}

static void restore_list(CURL *handle, struct curl_state *state, const struct curl_calls *calls)
{
    if (!state->is_injected || !calls->setopt)
        return;
    (void)calls->setopt(handle, CURLOPT_HTTPHEADER, state->headers);
    state->is_injected = false;
}

bool curl_request_inject(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                         const struct span_context *context)
{
    bool has_baggage;
    if (!state || !calls->setopt)
        return false;
    if (!curl_is_http(state) || !may_add(state->headers, &has_baggage) || !may_propagate(state) ||
        !fill_nodes(state, context, !has_baggage)) {
        restore_list(handle, state, calls);
        return false;
    }
    if (!state->is_injected)
        state->is_injected = calls->setopt(handle, CURLOPT_HTTPHEADER, &state->nodes[0]) == CURLE_OK;
    return state->is_injected;
}

void curl_request_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls)
{
    if (!state)
        return;
    if (__builtin_expect(curl_wants_bodies(), 0))
        curl_body_restore(handle, state, calls);
    restore_list(handle, state, calls);
}

/* ---- afterwards ---- */

int64_t curl_request_number(CURL *handle, const struct curl_calls *calls, CURLINFO info)
{
    static_assert(sizeof(long) == sizeof(curl_off_t), "either kind of number");
    curl_off_t number = -1;
    return calls->getinfo(handle, info, &number) == CURLE_OK ? number : -1;
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

/* May there be a body? Whatever gives a handle one makes it a POST or a PUT, whatever the program calls it then. */
static bool may_send(const struct curl_state *state)
{
    return !state || state->verb != CURL_VERB_GET;
}

/* What decides which of the other facts are worth asking for. Every getinfo costs as much as a fact or two. */
struct answer {
    int64_t status;      /* 0: none */
    int64_t redirects;   /* CURLINFO_REDIRECT_COUNT */
    int64_t connections; /* made for the request; -1 not known, and without an answer 0 says nothing */
};

/* A number is asked for, and is a fact where it is not below `least`. Out of line: there are eight such questions. */
struct questions {
    struct facts *facts;
    CURL *handle;
    const struct curl_calls *calls;
};

static __attribute__((noinline)) int64_t ask(const struct questions *questions, CURLINFO info,
                                             enum wire_attribute key, int64_t least)
{
    int64_t number = curl_request_number(questions->handle, questions->calls, info);
    if (number >= least)
        facts_int(questions->facts, key, number);
    return number;
}

static void add_answer(const struct questions *questions, const struct curl_state *state,
                       struct answer *answer)
{
    int64_t status = ask(questions, CURLINFO_RESPONSE_CODE, WIRE_HTTP_RESPONSE_STATUS_CODE, 1);
    int64_t least = status > 0 ? 0 : 1; /* without an answer, nothing may mean not known */
    answer->status = status > 0 ? status : 0;
    (void)ask(questions, CURLINFO_HTTP_VERSION, WIRE_HTTP_VERSION, 1);
    if (status == CURL_UPGRADED)
        (void)ask(questions, CURLINFO_STARTTRANSFER_TIME_T, WIRE_HTTP_END_US, 1);
    if (questions->facts->always_only)
        return;
    if (may_send(state))
        (void)ask(questions, CURLINFO_SIZE_UPLOAD_T, WIRE_HTTP_REQUEST_BODY_BYTES, 1);
    (void)ask(questions, CURLINFO_SIZE_DOWNLOAD_T, WIRE_HTTP_RESPONSE_BODY_BYTES, least);
    int64_t connections = ask(questions, CURLINFO_NUM_CONNECTS, WIRE_HTTP_NEW_CONNECTIONS, least);
    answer->connections = connections >= least ? connections : -1;
    answer->redirects = curl_headers_end(questions->facts, questions->handle, questions->calls);
    add_positive(questions->facts, WIRE_HTTP_REDIRECT_COUNT, answer->redirects);
}

/*
 * Moments that the exporter shows. After a redirect libcurl's figures are sums over the hops; on a connection that was
 * used again there was no look-up, no connect, no TLS, though libcurl 7 gives figures.
 */
static void add_phases(const struct questions *questions, const struct answer *answer)
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
        (void)ask(questions, phases[i].info, phases[i].key, 1);
}

/* A handle whose creation was not seen tells only now what it was about. The kind of its URL. */
static __attribute__((cold)) uint8_t
add_unseen(struct facts *facts, CURL *handle, const struct curl_state *state, const struct curl_calls *calls)
{
    const char *url = read_text(handle, calls, CURLINFO_EFFECTIVE_URL);
    uint8_t kind = curl_url_kind(url ? url : "",
                                 state ? (enum curl_default)state->default_protocol : CURL_DEFAULT_GUESSED);
    facts_text(facts, WIRE_URL_FULL, url);
    if (kind & CURL_URL_IS_HTTP)
        facts_text(facts, WIRE_HTTP_REQUEST_METHOD,
                   state ? curl_target_method(state) : read_text(handle, calls, CURLINFO_EFFECTIVE_METHOD));
    return kind;
}

/* Where the request went in the end. Is it HTTP? */
static bool add_target(const struct questions *questions, struct curl_state *state)
{
    struct facts *facts = questions->facts;
    CURL *handle = questions->handle;
    const struct curl_calls *calls = questions->calls;
    uint8_t kind =
        state && state->url_bytes ? curl_url_kind_of(state) : add_unseen(facts, handle, state, calls);
    if (!(kind & CURL_URL_HAS_SCHEME))
        facts_text(facts, WIRE_URL_SCHEME, read_text(handle, calls, CURLINFO_SCHEME));
    if (!facts->always_only) {
        facts_text(facts, WIRE_NETWORK_PEER_ADDRESS, read_text(handle, calls, CURLINFO_PRIMARY_IP));
        (void)ask(questions, CURLINFO_PRIMARY_PORT, WIRE_NETWORK_PEER_PORT, 1);
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
        !changes_something(state ? curl_target_method(state)
                                 : read_text(handle, calls, CURLINFO_EFFECTIVE_METHOD)) ||
        curl_request_number(handle, calls, CURLINFO_PRETRANSFER_TIME_T) <= 0)
        return;
    int64_t sent = curl_request_number(handle, calls, CURLINFO_SIZE_UPLOAD_T);
    int64_t announced = curl_request_number(handle, calls, CURLINFO_CONTENT_LENGTH_UPLOAD_T);
    if (sent >= 0)
        facts_int(facts, WIRE_HTTP_UPLOADED_BYTES, sent);
    add_positive(facts, WIRE_HTTP_ANNOUNCED_BYTES, announced);
}

static __attribute__((cold)) void add_failure(struct facts *facts, CURL *handle,
                                              const struct curl_state *state, const struct curl_calls *calls,
                                              CURLcode code)
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
    const struct questions questions = {facts, handle, calls};
    struct answer answer = {.connections = -1};
    if (code != CURLE_OK)
        add_failure(facts, handle, state, calls, code);
    if (calls->getinfo && add_target(&questions, state))
        add_answer(&questions, state, &answer);
    if (calls->getinfo && !facts->always_only)
        add_phases(&questions, &answer);
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

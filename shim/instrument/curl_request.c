/*
 * curl_request: one HTTP request as libcurl's handle tells it, for curl_easy_perform and the multi interface.
 *
 *   copied    status, version, peer, sizes, phase times, redirects, error; curl_headers.c
 *   not read  bodies (curl_body.c), CURLOPT_ERRORBUFFER (it is the program's memory)
 *   traps     an old library answers an unknown CURLINFO with an error: then there is no such fact
 */
#include "curl_priv.h"

#include "hot.h"
#include "settings.h"
#include <string.h>

/* ---- functions of the library ---- */

HOT_DATA struct curl_loaded curl_loaded __attribute__((aligned(64)));

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
    if (!library || __atomic_load_n(&curl_loaded.n_places, __ATOMIC_RELAXED) >= CURL_MAX_LIBRARIES)
        return;
    uint32_t place = __atomic_fetch_add(&curl_loaded.n_places, 1, __ATOMIC_RELAXED);
    if (place >= CURL_MAX_LIBRARIES)
        return;
    curl_loaded.places[place].library = library;
    curl_loaded.places[place].calls = *ret_calls;
    __atomic_store_n(&curl_loaded.places[place].is_ready, 1, __ATOMIC_RELEASE);
}

const struct curl_calls *curl_find_calls(const struct real_entry *entry, struct curl_calls *spare)
{
    for (uint32_t i = 0; i < CURL_MAX_LIBRARIES; i++)
        if (__atomic_load_n(&curl_loaded.places[i].is_ready, __ATOMIC_ACQUIRE) &&
            curl_loaded.places[i].library == entry->library)
            return &curl_loaded.places[i].calls;
    load_calls(spare, entry);
    return spare;
}

/* ---- afterwards ---- */

int64_t curl_request_number(CURL *handle, const struct curl_calls *calls, CURLINFO info)
{
    static_assert(sizeof(long) == sizeof(curl_off_t), "either kind of number");
    curl_off_t number = -1;
    return calls->getinfo(handle, info, &number) == CURLE_OK ? number : -1;
}

HOT int64_t curl_request_total_us(CURL *handle, const struct curl_calls *calls)
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

/*
 * Numbers that libcurl is asked for, in the order in which the answers tell what else is worth asking. Those that every request on
 * a kept connection has come first, and of those what libcurl looks up in the same place is asked for together.
 */
enum asked {
    ASKED_STATUS,
    ASKED_VERSION,
    ASKED_CONNECTIONS, /* made for the request */
    ASKED_DOWNLOADED,
    ASKED_STARTTRANSFER, /* from here on moments, which the exporter shows */
    ASKED_PRETRANSFER,
    ASKED_NAMELOOKUP,
    ASKED_CONNECT,
    ASKED_APPCONNECT,
    ASKED_UPLOADED,
    ASKED_END,
    N_ASKED
};

/* Answers that decide something; -1: not known, or not asked. */
enum answer { ANSWER_OTHER, ANSWER_STATUS, ANSWER_VERSION, ANSWER_CONNECTIONS, N_ANSWERS };

/* What was answered so far, and the facts it is, which are staged all at once. */
struct questions {
    CURL *handle;
    const struct curl_calls *calls;
    int64_t answers[N_ANSWERS];
    uint32_t n_words;
    bool is_ok;   /* the request came to its end */
    bool is_easy; /* in curl_easy_perform, with a handle whose creation was seen */
    uint64_t words[CURL_PEER_WORDS + 2 * N_ASKED];
};

/*
 * Asks for the numbers from one to before another; each is a fact where it says something. Without an answer of the server,
 * nothing may mean not known. One loop, out of line: what a request runs for the first time costs more than what it runs again.
 */
static HOT __attribute__((noinline)) void ask(struct questions *questions, unsigned from, unsigned to)
{
    static const struct {
        uint32_t info;
        uint16_t key;
        bool may_be_zero;
        uint8_t answer;
    } rows[N_ASKED] __attribute__((aligned(64))) = {
        [ASKED_STATUS] = {CURLINFO_RESPONSE_CODE, WIRE_HTTP_RESPONSE_STATUS_CODE, false, ANSWER_STATUS},
        [ASKED_VERSION] = {CURLINFO_HTTP_VERSION, WIRE_HTTP_VERSION, false, ANSWER_VERSION},
        [ASKED_CONNECTIONS] = {CURLINFO_NUM_CONNECTS, WIRE_HTTP_NEW_CONNECTIONS, true, ANSWER_CONNECTIONS},
        [ASKED_DOWNLOADED] = {CURLINFO_SIZE_DOWNLOAD_T, WIRE_HTTP_RESPONSE_BODY_BYTES, true, ANSWER_OTHER},
        [ASKED_STARTTRANSFER] = {CURLINFO_STARTTRANSFER_TIME_T, WIRE_HTTP_STARTTRANSFER_US, false,
                                 ANSWER_OTHER},
        [ASKED_PRETRANSFER] = {CURLINFO_PRETRANSFER_TIME_T, WIRE_HTTP_PRETRANSFER_US, false, ANSWER_OTHER},
        [ASKED_NAMELOOKUP] = {CURLINFO_NAMELOOKUP_TIME_T, WIRE_HTTP_NAMELOOKUP_US, false, ANSWER_OTHER},
        [ASKED_CONNECT] = {CURLINFO_CONNECT_TIME_T, WIRE_HTTP_CONNECT_US, false, ANSWER_OTHER},
        [ASKED_APPCONNECT] = {CURLINFO_APPCONNECT_TIME_T, WIRE_HTTP_APPCONNECT_US, false, ANSWER_OTHER},
        [ASKED_UPLOADED] = {CURLINFO_SIZE_UPLOAD_T, WIRE_HTTP_REQUEST_BODY_BYTES, false, ANSWER_OTHER},
        [ASKED_END] = {CURLINFO_STARTTRANSFER_TIME_T, WIRE_HTTP_END_US, false, ANSWER_OTHER},
    };
    CURL *handle = questions->handle;
    __typeof__(&curl_easy_getinfo) getinfo = questions->calls->getinfo;
    uint64_t *words = questions->words + questions->n_words;
    for (unsigned i = from; i < to; i++) {
        curl_off_t number = -1;
        if (getinfo(handle, (CURLINFO)rows[i].info, &number) != CURLE_OK)
            continue;
        questions->answers[rows[i].answer] = number;
        if (number > 0 || (!number && rows[i].may_be_zero && questions->answers[ANSWER_STATUS] > 0)) {
            words[0] = facts_head((enum wire_attribute)rows[i].key, WIRE_INT, 8);
            words[1] = (uint64_t)number;
            words += 2;
        }
    }
    questions->n_words = (uint32_t)(words - questions->words);
}

/*
 * After a redirect libcurl's moments are sums over the hops; on a connection that was used again there was no look-up, no
 * connect, no TLS, though libcurl 7 gives figures, and curl_easy_perform sends at once. Without an answer, no new connection
 * says nothing.
 */
static void ask_all(struct questions *questions, const struct curl_state *state, enum curl_sent sent)
{
    const int64_t *answers = questions->answers;
    bool is_redirected = sent == CURL_SENT_ELSEWHERE;
    ask(questions, ASKED_STATUS, is_redirected ? ASKED_STARTTRANSFER : ASKED_PRETRANSFER);
    bool is_used_again = answers[ANSWER_CONNECTIONS] == 0 && answers[ANSWER_STATUS] > 0;
    if (__builtin_expect(!is_redirected && !(is_used_again && questions->is_easy && questions->is_ok), 0))
        ask(questions, ASKED_PRETRANSFER, is_used_again ? ASKED_NAMELOOKUP : ASKED_UPLOADED);
    if (may_send(state))
        ask(questions, ASKED_UPLOADED, ASKED_END);
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

/* ---- the peer ---- */

/* Behind the port, whose two words are not there where there is none. */
static inline char *peer_text(struct curl_peer *peer)
{
    return (char *)&peer->words[peer->port ? 3 : 1];
}

/* Keeps the facts of another peer than the last request's. */
static __attribute__((noinline, cold)) void keep_peer(struct curl_peer *peer, const char *address,
                                                      int32_t port)
{
    size_t bytes = strnlen(address, CURL_PEER_BYTES - 1);
    if (peer->pool == CURL_POOL_ALIKE)
        peer->pool = CURL_POOL_UNKNOWN;
    memset(peer->words, 0, sizeof(peer->words));
    peer->port = port;
    peer->words[0] = facts_head(WIRE_NETWORK_PEER_PORT, WIRE_INT, 8); /* or the address lies there */
    peer->words[1] = (uint64_t)port;
    peer->words[port ? 2 : 0] = facts_head(WIRE_NETWORK_PEER_ADDRESS, WIRE_STRING, bytes);
    memcpy(peer_text(peer), address, bytes);
    peer->n_words = (uint16_t)((port ? 3 : 1) + (bytes + 7) / 8);
}

enum peer_answer { PEER_SAME, PEER_OTHER, PEER_NOT_KNOWN };

/* To whom did it go? Nearly always to whom the request before did, whose facts are there. */
static enum peer_answer ask_peer(struct questions *questions, struct curl_peer *peer)
{
    const char *address = read_text(questions->handle, questions->calls, CURLINFO_PRIMARY_IP);
    int64_t answer = curl_request_number(questions->handle, questions->calls, CURLINFO_PRIMARY_PORT);
    int32_t port = answer > 0 ? (int32_t)answer : 0;
    if (__builtin_expect(!address, 0)) {
        if (port) {
            questions->words[questions->n_words++] = facts_head(WIRE_NETWORK_PEER_PORT, WIRE_INT, 8);
            questions->words[questions->n_words++] = (uint64_t)port;
        }
        return PEER_NOT_KNOWN;
    }
    if (__builtin_expect(peer->port == port && strcmp(address, peer_text(peer)) == 0, 1))
        return PEER_SAME;
    keep_peer(peer, address, port);
    return PEER_OTHER;
}

/* All there may be: no loop. */
static inline void add_peer_words(struct questions *questions, const struct curl_peer *peer)
{
    memcpy(questions->words + questions->n_words, peer->words, sizeof(peer->words));
    questions->n_words += peer->n_words;
}

/*
 * Before the request all connections of the handle's own pool went to `peer`, it made none, and had its answer: then it had one
 * of them. HTTP/3 is left out: it has ways to connect that libcurl does not count.
 */
static inline bool has_same_peer(const struct questions *questions, const struct curl_peer *peer)
{
    const int64_t *answers = questions->answers;
    return peer->pool_before == CURL_POOL_ALIKE && peer->pool == CURL_POOL_UNKNOWN &&
           answers[ANSWER_CONNECTIONS] == 0 && answers[ANSWER_STATUS] > 0 &&
           answers[ANSWER_VERSION] <= CURL_HTTP_VERSION_2_0;
}

/*
 * The pool after a request that was asked for its peer. That is the end of the connection it made, where it had no other; of one that
 * failed, who knows.
 */
static void learn_pool(struct curl_peer *peer, const struct questions *questions, enum peer_answer answer,
                       enum curl_sent sent)
{
    int64_t n = questions->answers[ANSWER_CONNECTIONS];
    bool is_told = questions->is_ok && n == 1 && questions->answers[ANSWER_STATUS] > 0 &&
                   questions->answers[ANSWER_VERSION] <= CURL_HTTP_VERSION_2_0 && answer != PEER_NOT_KNOWN;
    if (peer->pool == CURL_POOL_SHARED)
        return;
    if (n == 0 && !(answer == PEER_OTHER && peer->pool_before == CURL_POOL_ALIKE))
        peer->pool = peer->pool_before;
    else if (is_told &&
             (peer->pool_before == CURL_POOL_EMPTY ||
              (peer->pool_before == CURL_POOL_ALIKE && answer == PEER_SAME && sent == CURL_SENT_ONCE)))
        peer->pool = CURL_POOL_ALIKE;
}

/* Its own place: most requests of the easy interface need not ask. */
static HOT __attribute__((noinline)) void find_peer(struct questions *questions, struct curl_state *state,
                                                    enum curl_sent sent)
{
    struct curl_peer unseen = {0}, *peer = state ? &state->peer : &unseen;
    enum peer_answer answer = ask_peer(questions, peer);
    if (answer != PEER_NOT_KNOWN)
        add_peer_words(questions, peer);
    if (questions->is_easy)
        learn_pool(peer, questions, answer, sent);
}

static inline void add_peer(struct questions *questions, struct curl_state *state, enum curl_sent sent)
{
    if (__builtin_expect(
            state && questions->is_easy && questions->is_ok && has_same_peer(questions, &state->peer), 1)) {
        add_peer_words(questions, &state->peer);
        state->peer.pool = CURL_POOL_ALIKE;
    } else {
        find_peer(questions, state, sent);
    }
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

/* What the library has to say, where it can be asked. The status; 0: none. */
static inline __attribute__((always_inline)) int64_t add_end(struct facts *facts, CURL *handle,
                                                             struct curl_state *state,
                                                             const struct curl_calls *calls, bool is_ok)
{
    struct questions questions; /* no more of it is set than is read */
    questions.handle = handle;
    questions.calls = calls;
    questions.n_words = 0;
    questions.is_ok = is_ok;
    questions.is_easy = state && !state->multi;
    questions.answers[ANSWER_STATUS] = questions.answers[ANSWER_CONNECTIONS] = -1;
    questions.answers[ANSWER_VERSION] = 0;
    uint8_t kind =
        state && state->url_bytes ? curl_url_kind_of(state) : add_unseen(facts, handle, state, calls);
    bool is_http = (kind & CURL_URL_IS_HTTP) != 0, is_brief = facts->always_only;
    enum curl_sent sent = CURL_SENT_ONCE;
    if (__builtin_expect(!(kind & CURL_URL_HAS_SCHEME), 0))
        facts_text(facts, WIRE_URL_SCHEME, read_text(handle, calls, CURLINFO_SCHEME));
    if (__builtin_expect(is_http && !is_brief, 1)) {
        sent = curl_headers_count(facts, handle, calls);
        ask_all(&questions, state, sent);
    } else if (is_http) {
        ask(&questions, ASKED_STATUS, ASKED_CONNECTIONS);
    } else if (!is_brief) {
        ask(&questions, ASKED_STARTTRANSFER, ASKED_UPLOADED);
    }
    if (__builtin_expect(questions.answers[ANSWER_STATUS] == CURL_UPGRADED, 0))
        ask(&questions, ASKED_END, N_ASKED);
    if (!is_brief)
        add_peer(&questions, state, sent);
    facts_encoded(facts, questions.words, questions.n_words);
    if (__builtin_expect(settings_get()->response_headers && is_http && !is_brief, 0))
        curl_headers_end(facts, handle, calls);
    return questions.answers[ANSWER_STATUS];
}

HOT enum wire_outcome curl_request_end(struct facts *facts, CURL *handle, struct curl_state *state,
                                       const struct curl_calls *calls, CURLcode code)
{
    if (__builtin_expect(code != CURLE_OK, 0))
        add_failure(facts, handle, state, calls, code);
    int64_t status = calls->getinfo ? add_end(facts, handle, state, calls, code == CURLE_OK) : 0;
    if (code != CURLE_OK)
        return WIRE_FAILED;
    return status >= 400 ? WIRE_REFUSED : WIRE_OK;
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

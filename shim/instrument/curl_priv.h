/*
 * curl_priv: what the curl_*.c files share: the flavours, the entry points, the state of a handle, one request.
 *
 * libcurl comes in flavours that differ in the version of their symbols, two of which may live in one process (facts
 * "interpose" 1.2). So every wrapper exists once per version node of shim/versions.map, and once as the base version
 * (OTELSHIM_PAD) for libraries without versions. All instances share one static body, which gets its own entry.
 *
 * Context: hot.
 */
#ifndef OTELSHIM_CURL_PRIV_H
#define OTELSHIM_CURL_PRIV_H

#define CURL_DISABLE_DEPRECATION /* CURLOPT_PUT and CURLOPT_HTTPPOST are still used by programs */
#include "instrument/instrument.h"
#include "propagate.h"
#include <curl/curl.h> /* prototypes and constants only */

/* ---- flavours and entry points ---- */

/* X(version node, how it is attached to the name, version of the real function, whatever else was given) */
#define CURL_FLAVOURS(X, ...)                             \
    X(OTELSHIM_PAD, "@@", "", __VA_ARGS__)                \
    X(CURL_OPENSSL_4, "@", "CURL_OPENSSL_4", __VA_ARGS__) \
    X(CURL_GNUTLS_3, "@", "CURL_GNUTLS_3", __VA_ARGS__)   \
    X(CURL_GNUTLS_4, "@", "CURL_GNUTLS_4", __VA_ARGS__)   \
    X(CURL_MBEDTLS_4, "@", "CURL_MBEDTLS_4", __VA_ARGS__) \
    X(CURL_WOLFSSL_4, "@", "CURL_WOLFSSL_4", __VA_ARGS__) \
    X(CURL_OPENSSL_3, "@", "CURL_OPENSSL_3", __VA_ARGS__) \
    X(CURL_NSS_3, "@", "CURL_NSS_3", __VA_ARGS__)         \
    X(CURL_NSS_4, "@", "CURL_NSS_4", __VA_ARGS__)

/* X(function, enum real_failure, whatever else was given). A new one is a row here and its instances in a file. */
#define CURL_FAILS REAL_RETURNS_2       /* CURLE_FAILED_INIT */
#define CURL_MULTI_FAILS REAL_RETURNS_4 /* CURLM_INTERNAL_ERROR */
static_assert(CURLE_FAILED_INIT == 2 && CURLM_INTERNAL_ERROR == 4, "what stands in fails as libcurl does");
#define CURL_FUNCTIONS(X, ...)                                 \
    X(curl_easy_init, REAL_RETURNS_NOTHING, __VA_ARGS__)       \
    X(curl_easy_duphandle, REAL_RETURNS_NOTHING, __VA_ARGS__)  \
    X(curl_easy_reset, REAL_RETURNS_NOTHING, __VA_ARGS__)      \
    X(curl_easy_cleanup, REAL_RETURNS_NOTHING, __VA_ARGS__)    \
    X(curl_easy_setopt, CURL_FAILS, __VA_ARGS__)               \
    X(curl_easy_perform, CURL_FAILS, __VA_ARGS__)              \
    X(curl_ws_send, CURL_FAILS, __VA_ARGS__)                   \
    X(curl_ws_recv, CURL_FAILS, __VA_ARGS__)                   \
    X(curl_multi_add_handle, CURL_MULTI_FAILS, __VA_ARGS__)    \
    X(curl_multi_remove_handle, CURL_MULTI_FAILS, __VA_ARGS__) \
    X(curl_multi_info_read, REAL_RETURNS_NOTHING, __VA_ARGS__) \
    X(curl_multi_cleanup, CURL_MULTI_FAILS, __VA_ARGS__)

#define CURL_FLAVOUR_NUMBER(node, ...) CURL_FLAVOUR_##node,
enum { CURL_FLAVOURS(CURL_FLAVOUR_NUMBER, ) N_CURL_FLAVOURS };
#define CURL_FUNCTION_NUMBER(function, ...) CURL_FUNCTION_##function,
enum { CURL_FUNCTIONS(CURL_FUNCTION_NUMBER, ) N_CURL_FUNCTIONS };

extern struct real_entry curl_entries[N_CURL_FLAVOURS][N_CURL_FUNCTIONS];
#define CURL_ENTRY(function, node) (&curl_entries[CURL_FLAVOUR_##node][CURL_FUNCTION_##function])

/* Begins the definition of one instance: its plain name is removed, what remains is function@node. */
#define CURL_INSTANCE(function, node, at)                                        \
    __asm__(".symver " #function "__" #node ", " #function at #node ", remove"); \
    EXPORTED __typeof__(function) function##__##node;

/* ---- a handle ---- */

/* Words libcurl's own method comes from, in the order the program gave them. */
enum curl_verb { CURL_VERB_GET, CURL_VERB_PUT, CURL_VERB_POST };

/* CURLOPT_CONNECT_ONLY. Only the first means that nothing is requested. */
enum curl_connect_only { CURL_REQUESTS = 0, CURL_CONNECTS_ONLY = 1, CURL_UPGRADES_ONLY = 2 };

/* CURLOPT_DEFAULT_PROTOCOL: what a URL without a scheme means. */
enum curl_default { CURL_DEFAULT_GUESSED, CURL_DEFAULT_HTTP, CURL_DEFAULT_OTHER };

/* Are URL and method those of the request before? Then they are facts of the handle (curl_target.c). */
enum curl_target { CURL_TARGET_NEW, CURL_TARGET_USED, CURL_TARGET_SHARED };

/*
 * The connections that curl_easy_perform may find open: those of the handle's own pool, which are those that its own requests made.
 * libcurl says how many each one made (CURLINFO_NUM_CONNECTS: one for each that came about), and to whom it went: so it is known
 * whether all of them go to one address. Taking one away changes nothing of that.
 */
enum curl_pool {
    CURL_POOL_UNKNOWN, /* a request went unrecorded, made two, was redirected …: until the handle's end */
    CURL_POOL_EMPTY,
    CURL_POOL_ALIKE, /* all of them go to `peer` */
    CURL_POOL_SHARED /* others put theirs in there: CURLOPT_SHARE, CURLOPT_DOH_URL */
};

/* Behind this answer the connection is the program's (WebSocket): the request was over when the answer began. */
#define CURL_UPGRADED 101

#define CURL_METHOD_BYTES 32u
#define CURL_USER_AGENT_BYTES 128u
#define CURL_PEER_BYTES 48u /* libcurl's own text has 45 characters at most */
#define CURL_PEER_WORDS (1 + CURL_PEER_BYTES / 8 + 2)

/* To whom the last request went: CURLINFO_PRIMARY_PORT and CURLINFO_PRIMARY_IP as facts, one behind the other; the address ends
 * with a NUL. Both belong to a connection: libcurl says of each request on it what it said of the first. */
struct curl_peer {
    uint8_t pool; /* enum curl_pool; of a request that runs: SHARED or UNKNOWN, for it may never come back */
    uint8_t pool_before; /* of the request that runs in curl_easy_perform */
    uint16_t n_words;    /* 0: it is not known */
    int32_t port;        /* 0: none */
    uint64_t words[CURL_PEER_WORDS];
};

/*
 * In connection->state: what the program told the handle. Written by the thread that uses the handle. A request of the easy interface
 * reads and writes the first line of memory, the one `peer` begins, and those of `own`: between two calls none stays in the cache.
 */
struct curl_state {
    struct curl_slist *headers; /* CURLOPT_HTTPHEADER: the program's list, never changed */
    void *url_handle;           /* CURLOPT_CURLU: overrides `url` */
    uint32_t url_bytes;
    uint8_t method_bytes;
    uint8_t verb;             /* enum curl_verb */
    uint8_t connect_only;     /* enum curl_connect_only */
    uint8_t default_protocol; /* enum curl_default */
    uint8_t url_kind;         /* CURL_URL_… of `url`; 0: to be read again */
    uint8_t target;           /* enum curl_target */
    bool has_no_body;
    bool is_injected;     /* libcurl's list begins with `nodes`: since a request, until somebody sees it */
    bool is_performing;   /* in curl_easy_perform, which has a private multi handle */
    bool is_body_unknown; /* no memory for `body`: none is followed */
    bool follows;         /* redirects; this and the next two only where OTELSHIM_PROPAGATE_EXCLUDE is set */
    bool has_prereq;      /* CURLOPT_PREREQFUNCTION of the program's own */
    bool watches_hops;    /* that option is ours */
    bool is_open;         /* its connection is counted as open: WebSocket, CONNECT_ONLY */
    bool has_user_agent;
    bool knows_total;    /* `total_us`; else it has to be asked */
    uint32_t timeout_ms; /* CURLOPT_TIMEOUT(_MS); 0: none */
    const void *multi;   /* CURLM of the request that is running: set while there is an operation */

    uint32_t connect_timeout_ms;
    void *prereq_data;        /* CURLOPT_PREREQDATA, the program's */
    uint64_t frame_left;      /* curl_ws_send: bytes of the frame that is being sent in pieces */
    struct curl_body *body;   /* curl_body.c; NULL: none was needed */
    int64_t total_before_us;  /* what getinfo still said of the request before */
    int64_t total_us;         /* what it says of the last one */
    struct interned url_mark; /* of `url`; its number is 0 where the URL changed */

    struct curl_peer peer;
    /* Head nodes in front of the program's list, which stay there between requests. Here and not on the stack: a longjmp
     * out of a callback leaves libcurl with a pointer to them, too (facts "interpose", trap 24). The first line lies behind them,
     * for that is what each request writes. */
    struct curl_slist nodes[PROPAGATE_MAX_HEADERS];
    struct propagate_own own;
    char user_agent[CURL_USER_AGENT_BYTES]; /* CURLOPT_USERAGENT, where it is asked for; NUL-terminated */
    char url[WIRE_STRING_MAX +
             8]; /* NUL-terminated; one byte more than a fact holds: then it is seen to be cut */
    char method[CURL_METHOD_BYTES];
    __typeof__(&curl_easy_getinfo) getinfo; /* where `watches_hops` */
};
static_assert(sizeof(struct curl_state) <= CONNECTION_STATE_BYTES, "fits the connection");

/* The library a handle came from: functions (NULL where it has none), and where its text lies. What each request needs comes first. */
struct curl_calls {
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_header) header;
    uintptr_t text_from, text_bytes;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_url_get) url_get;
    __typeof__(&curl_free) free;
};

/* libcurl's own call on the handle that curl_easy_perform runs on this thread: told without looking for the handle. The
 * usual call in a request of the easy interface, three times, each on a CPU that has done other things meanwhile: so it is told
 * in the wrapper itself, from one line of memory. */
static inline bool curl_is_performed(const CURL *handle, const void *call_site)
{
    const struct thread_performing *performing = &thread_peek()->performing;
    return performing->handle == handle && handle &&
           (uintptr_t)call_site - performing->text_from < performing->text_bytes;
}

/* The real function for such a call. NULL: it is another one, or not known yet. */
static inline void *curl_real_of_performed(const CURL *handle, const struct real_entry *entry,
                                           const void *call_site)
{
    return __builtin_expect(curl_is_performed(handle, call_site), 1)
               ? __atomic_load_n(&entry->function, __ATOMIC_ACQUIRE)
               : NULL;
}

/* The handle is another one from now on. */
static inline void curl_forget_performed(const CURL *handle)
{
    if (thread_peek()->performing.handle == handle) /* a longjmp left it there */
        thread_peek()->performing.handle = NULL;
}

/* real_is_internal(), where the caller is nearly always libcurl. */
static inline bool curl_is_internal(const struct real_entry *entry, const void *call_site)
{
    return real_is_in_library(entry, call_site) || real_is_internal(entry, call_site);
}

/* The state of a handle whose creation was seen, else NULL. `connection` may be NULL. */
static inline struct curl_state *curl_state_of(struct connection *connection)
{
    return connection && connection->instrumentation == INSTRUMENT_libcurl
               ? (struct curl_state *)(void *)connection->state
               : NULL;
}

/* ---- URLs, as libcurl reads them: curl_url.c ---- */

/* Is HTTP certain (http, https, ws, wss)? Headers go out with HTTP, but into the mail with SMTP. */
#define CURL_URL_IS_HTTP 1u
#define CURL_URL_HAS_SCHEME 2u
#define CURL_URL_IS_READ 4u /* always set */
uint8_t curl_url_kind(const char *url, enum curl_default default_protocol);

/* Of the handle's URL, read once for all its requests. */
static inline uint8_t curl_url_kind_of(struct curl_state *state)
{
    if (!state->url_kind)
        state->url_kind = curl_url_kind(state->url, (enum curl_default)state->default_protocol);
    return state->url_kind;
}

/* May trace context go to the host of this URL? `excluded`: OTELSHIM_PROPAGATE_EXCLUDE. */
bool curl_url_may_reach(const char *url, const char *excluded);
/* And with a request of the handle? */
bool curl_url_may_propagate(const struct curl_state *state, const char *excluded);

/* server.address, server.port and url.scheme of the URL, for what is counted without a span. */
void curl_url_add_server(struct facts *facts, const char *url);

/* ---- URL and method: curl_target.c ---- */

void curl_target_set_url(struct curl_state *state, const char *url);
/* Reads the program's CURLU, which it gave, into state->url. */
void curl_target_read_url(struct curl_state *state, const struct curl_calls *calls);
const char *curl_target_method(const struct curl_state *state);
static inline bool curl_is_http(struct curl_state *state)
{
    return (curl_url_kind_of(state) & CURL_URL_IS_HTTP) != 0;
}

/* Before the span or the operation begins, which takes the handle's facts with it. */
void curl_target_settle_slowly(struct connection *connection, struct curl_state *state);
static inline void curl_target_settle(struct connection *connection, struct curl_state *state,
                                      const struct curl_calls *calls)
{
    if (__builtin_expect(state->url_handle != NULL, 0))
        curl_target_read_url(state, calls);
    if (__builtin_expect(state->target != CURL_TARGET_SHARED, 0))
        curl_target_settle_slowly(connection, state);
}

/* Where they are not facts of the handle. */
void curl_target_add(struct facts *facts, struct curl_state *state, struct operation *operation);

/* ---- headers that are asked for, and how often was sent: curl_headers.c ---- */

/* From the program's list: allowed headers, Host, user agent. */
void curl_headers_begin(struct facts *facts, const struct curl_state *state);

/* Requests hidden in this one (redirects, retries, log-ins). */
enum curl_sent { CURL_SENT_ONCE, CURL_SENT_AGAIN /* or an old libcurl does not say */, CURL_SENT_ELSEWHERE };
enum curl_sent curl_headers_count_all(struct facts *facts, CURL *handle, const struct curl_calls *calls);

/* libcurl says which numbers of requests it has had; which header is asked for does not matter. Nearly always there was one. */
static inline enum curl_sent curl_headers_count(struct facts *facts, CURL *handle,
                                                const struct curl_calls *calls)
{
    struct curl_header *header;
    if (__builtin_expect(
            calls->header && calls->header(handle, "-", 0, CURLH_HEADER, 1, &header) == CURLHE_NOREQUEST, 1))
        return CURL_SENT_ONCE;
    return curl_headers_count_all(facts, handle, calls);
}

/* Allowed headers of the answer: where OTELSHIM_RESPONSE_HEADERS is set. */
void curl_headers_end(struct facts *facts, CURL *handle, const struct curl_calls *calls);

/* ---- context: curl_context.c ---- */

/*
 * Puts the headers of the span's context in front of the program's list. They stay there: the next request prints its own in their
 * place, without a word to libcurl. False: libcurl has the program's list (not HTTP, an excluded host, the program sends
 * its own context, propagation is off, the list is unknown).
 */
bool curl_request_inject_anew(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                              const struct wire_span_facts *facts);

/* The nodes are in libcurl's list since the last request, which went to the same URL, and one line is all they say. */
static inline bool curl_has_only_to_print(const struct curl_state *state)
{
    return state && state->is_injected && state->own.is_traceparent_alone && !state->headers &&
           state->target == CURL_TARGET_SHARED;
}

static inline bool curl_request_inject(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                                       const struct wire_span_facts *facts)
{
    if (__builtin_expect(!curl_has_only_to_print(state), 0))
        return curl_request_inject_anew(handle, state, calls, facts);
    propagate_print_again(facts->trace_id, facts->span_id, (uint8_t)facts->flags, &state->own);
    return true;
}

/* Gives libcurl the program's list back, if it has ours: before a request that is not recorded. */
void curl_request_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls);

/* ---- one request: curl_request.c ---- */

#define CURL_MAX_LIBRARIES 4u

/* One per library; filled once and published by `is_ready`. */
extern __attribute__((visibility("hidden"))) struct curl_loaded {
    struct {
        const struct real_library *library;
        uint32_t is_ready;
        struct curl_calls calls;
    } places[CURL_MAX_LIBRARIES];
    uint32_t n_places;
} curl_loaded;

/* The functions of the library that `entry` was resolved to. They live for ever, or in `spare`. */
const struct curl_calls *curl_find_calls(const struct real_entry *entry, struct curl_calls *spare);
static inline const struct curl_calls *curl_get_calls(const struct real_entry *entry,
                                                      struct curl_calls *spare)
{
    bool is_first = __atomic_load_n(&curl_loaded.places[0].is_ready, __ATOMIC_ACQUIRE) &&
                    curl_loaded.places[0].library == entry->library;
    return __builtin_expect(is_first, 1) ? &curl_loaded.places[0].calls : curl_find_calls(entry, spare);
}

/* URL, method, allowed headers, after curl_target_settle(). `state` may be NULL, here and below: then they are read when the
 * request is over. `operation`: where the URL goes in the multi interface; NULL: among the facts. */
static inline void curl_request_begin(struct facts *facts, struct curl_state *state,
                                      struct operation *operation)
{
    if (!state)
        return;
    if (state->target != CURL_TARGET_SHARED)
        curl_target_add(facts, state, operation);
    if ((state->headers || state->has_user_agent) && curl_is_http(state))
        curl_headers_begin(facts, state);
}

/* CURLINFO_TOTAL_TIME_T; -1 not known. It is another one as soon as a new request has got anywhere: until then getinfo
 * tells of the request before. */
int64_t curl_request_total_us(CURL *handle, const struct curl_calls *calls);

/* Did the request come to its end, though nobody asked how? False: it did not, or that cannot be known. */
bool curl_request_is_complete(CURL *handle, const struct curl_state *state, const struct curl_calls *calls);

/* What the library knows of the finished request. */
enum wire_outcome curl_request_end(struct facts *facts, CURL *handle, struct curl_state *state,
                                   const struct curl_calls *calls, CURLcode code);

/* Of a request that was given up: how much of it went out, where somebody may do again what has been done. */
void curl_request_add_sent(struct facts *facts, CURL *handle, const struct curl_state *state,
                           const struct curl_calls *calls);

/* Of a long or curl_off_t; -1: the library does not know. */
int64_t curl_request_number(CURL *handle, const struct curl_calls *calls, CURLINFO info);

/* ---- redirects, where OTELSHIM_PROPAGATE_EXCLUDE is set: curl_hops.c ---- */

static inline bool curl_hops_needs(CURLoption option)
{
    return option == CURLOPT_FOLLOWLOCATION || option == CURLOPT_PREREQFUNCTION ||
           option == CURLOPT_PREREQDATA;
}

/* After libcurl has taken one of these options. */
void curl_hops_learn(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                     CURLoption option, void *value);

/* A copy of a handle; `to`: its own state, NULL where it has none. */
void curl_hops_copy(CURL *copy, struct curl_state *to, const struct curl_state *from,
                    const struct curl_calls *calls);

/* ---- bodies, where they are asked for: curl_body.c ---- */

/* OTELSHIM_BODY_BYTES; 0 where nobody asks: then nothing below is called. Set when the first handle is made. */
extern __attribute__((visibility("hidden"))) uint32_t curl_body_bytes;
static inline uint32_t curl_wants_bodies(void)
{
    return __atomic_load_n(&curl_body_bytes, __ATOMIC_RELAXED);
}
void curl_body_learn(void);

/* An option that is not remembered otherwise. */
CURLcode curl_body_option(__typeof__(&curl_easy_setopt) real, CURL *handle, CURLoption option, void *value);
/* One that is: what the program sends. */
void curl_body_post(struct curl_state *state, CURLoption option, const char *text);

/* Before the request, with `facts` of a span or the operation; puts ours in front of the program's write function. */
void curl_body_begin(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                     struct facts *facts, struct operation *operation);
/* After the request: what came, among the facts of a span. The program's write function is libcurl's again. */
void curl_body_end(struct facts *facts, CURL *handle, struct curl_state *state,
                   const struct curl_calls *calls);
/* Gives libcurl the program's write function back, if it has ours. */
void curl_body_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls);

/* Of a handle's copy (`to` NULL: it is not followed), its reset, its end. */
void curl_body_copy(struct curl_state *to, const struct curl_state *from, CURL *copy,
                    const struct curl_calls *calls);
void curl_body_forget(struct curl_body *body);
void curl_body_destroy(struct curl_body *body);
/* Of an earlier life of the address, whose end was not seen. */
void curl_body_left(const CURL *handle);

/* ---- a request of the multi interface: curl_multi.c ---- */

/* Ends the request that is still running on the handle, if any: as abandoned, if it did not come to its end. */
void curl_multi_abandon(struct connection *connection, const struct curl_calls *calls);

/* ---- connections that are the program's own: curl_socket.c ---- */

/* The request is over: is its connection the program's to use now (CONNECT_ONLY, WebSocket)? */
void curl_socket_open(struct connection *connection, CURL *handle, const struct curl_calls *calls,
                      CURLcode code);
/* It is not any more. Nothing where it never was. */
void curl_socket_close_open(struct connection *connection);
static inline void curl_socket_close(struct connection *connection)
{
    struct curl_state *state = curl_state_of(connection);
    if (__builtin_expect(state && state->is_open, 0))
        curl_socket_close_open(connection);
}

#endif

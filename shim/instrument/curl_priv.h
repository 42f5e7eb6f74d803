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
    X(OTELSHIM_PAD, "@@", NULL, __VA_ARGS__)              \
    X(CURL_OPENSSL_4, "@", "CURL_OPENSSL_4", __VA_ARGS__) \
    X(CURL_GNUTLS_3, "@", "CURL_GNUTLS_3", __VA_ARGS__)   \
    X(CURL_GNUTLS_4, "@", "CURL_GNUTLS_4", __VA_ARGS__)   \
    X(CURL_MBEDTLS_4, "@", "CURL_MBEDTLS_4", __VA_ARGS__) \
    X(CURL_WOLFSSL_4, "@", "CURL_WOLFSSL_4", __VA_ARGS__) \
    X(CURL_OPENSSL_3, "@", "CURL_OPENSSL_3", __VA_ARGS__) \
    X(CURL_NSS_3, "@", "CURL_NSS_3", __VA_ARGS__)         \
    X(CURL_NSS_4, "@", "CURL_NSS_4", __VA_ARGS__)

/* X(function, what stands in when there is no real one). A new one is a row here and its instances in a file. */
#define CURL_FUNCTIONS(X)                                  \
    X(curl_easy_init, NULL)                                \
    X(curl_easy_duphandle, NULL)                           \
    X(curl_easy_reset, NULL)                               \
    X(curl_easy_cleanup, NULL)                             \
    X(curl_easy_setopt, curl_return_failure)               \
    X(curl_easy_perform, curl_return_failure)              \
    X(curl_multi_add_handle, curl_return_multi_failure)    \
    X(curl_multi_remove_handle, curl_return_multi_failure) \
    X(curl_multi_info_read, NULL)                          \
    X(curl_multi_cleanup, curl_return_multi_failure)

#define CURL_FLAVOUR_NUMBER(node, ...) CURL_FLAVOUR_##node,
enum { CURL_FLAVOURS(CURL_FLAVOUR_NUMBER, ) N_CURL_FLAVOURS };
#define CURL_FUNCTION_NUMBER(function, missing) CURL_FUNCTION_##function,
enum { CURL_FUNCTIONS(CURL_FUNCTION_NUMBER) N_CURL_FUNCTIONS };

extern struct real_entry curl_entries[N_CURL_FUNCTIONS][N_CURL_FLAVOURS];
#define CURL_ENTRY(function, node) (&curl_entries[CURL_FUNCTION_##function][CURL_FLAVOUR_##node])

/* Begins the definition of one instance: its plain name is removed, what remains is function@node. */
#define CURL_INSTANCE(function, node, at)                                        \
    __asm__(".symver " #function "__" #node ", " #function at #node ", remove"); \
    EXPORTED __typeof__(function) function##__##node;

/* ---- a handle ---- */

/* Words libcurl's own method comes from, in the order the program gave them. */
enum curl_verb { CURL_VERB_GET, CURL_VERB_PUT, CURL_VERB_POST };

#define CURL_METHOD_BYTES 32u
#define CURL_LINES_BYTES 384u

/* In connection->state: what the program told the handle. Written by the thread that uses the handle. */
struct curl_state {
    struct curl_slist *headers; /* CURLOPT_HTTPHEADER: the program's list, never changed */
    void *url_handle;           /* CURLOPT_CURLU: overrides `url` */
    uint32_t url_bytes;
    uint8_t method_bytes;
    uint8_t verb; /* enum curl_verb */
    bool has_no_body;
    bool is_connect_only;
    bool has_default_protocol; /* a URL without a scheme may mean anything */
    bool is_injected;          /* libcurl's list begins with `nodes` */
    bool is_performing;        /* in curl_easy_perform, which has a private multi handle */
    const void *multi;         /* CURLM of the request that is running: set while there is an operation */
    int64_t total_before_us;   /* what getinfo still said of the request before */
    char url[WIRE_STRING_MAX +
             8]; /* NUL-terminated; one byte more than a fact holds: then it is seen to be cut */
    char method[CURL_METHOD_BYTES];
    /* Head nodes in front of the program's list while a request runs. Here and not on the stack: a longjmp out of a
     * callback leaves libcurl with a pointer to them (facts "interpose", trap 24). */
    struct curl_slist nodes[PROPAGATE_MAX_HEADERS];
    char lines[CURL_LINES_BYTES];
};
static_assert(sizeof(struct curl_state) <= CONNECTION_STATE_BYTES, "fits the connection");

/* Functions of the library a handle came from. A pointer is NULL where the library has none. */
struct curl_calls {
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_url_get) url_get;
    __typeof__(&curl_free) free;
};

/* Stand in for a real function that returns a CURLcode, a CURLMcode. */
CURLcode curl_return_failure(void);
CURLMcode curl_return_multi_failure(void);

/* The state of a handle whose creation was seen, else NULL. `connection` may be NULL. */
struct curl_state *curl_state_of(struct connection *connection);

/* ---- one request: curl_request.c ---- */

/* The functions of the library that `entry` was resolved to. */
void curl_load_calls(struct curl_calls *ret_calls, const struct real_entry *entry);

/* Is HTTP certain? Headers may go out, and nothing is recorded of other protocols where that can be chosen. Reads the
 * program's CURLU. */
bool curl_request_is_http(struct curl_state *state, const struct curl_calls *calls);

/* URL and method. `state` may be NULL, here and below: then they are read when the request is over. */
void curl_request_begin(struct facts *facts, struct curl_state *state, const struct curl_calls *calls);

/* Puts the context's headers in front of the program's list. False: nothing was changed (not HTTP, the program sends
 * one of these headers itself, propagation is off, the list is unknown). */
bool curl_request_inject(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                         const struct span_context *context);

/* Gives libcurl the program's list back, if it has ours. */
void curl_request_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls);

/* CURLINFO_TOTAL_TIME_T; -1 not known. It is another one as soon as a new request has got anywhere: until then getinfo
 * tells of the request before. */
int64_t curl_request_total_us(CURL *handle, const struct curl_calls *calls);

/* What the library knows of the finished request. */
enum wire_outcome curl_request_end(struct facts *facts, CURL *handle, const struct curl_state *state,
                                   const struct curl_calls *calls, CURLcode code);

/* ---- a request of the multi interface: curl_multi.c ---- */

/* Ends the request that is still running on the handle, if any: as abandoned. */
void curl_multi_abandon(struct connection *connection, const struct curl_calls *calls);

#endif

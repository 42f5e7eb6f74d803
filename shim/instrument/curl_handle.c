/*
 * curl_handle: what a program tells a libcurl handle before a request; all flavours of libcurl.
 *
 *   remembers  curl_easy_setopt: URL, CURLU, method, header list, CONNECT_ONLY, time limits, whether others use its pool of
 *              connections, the user agent where it is asked for; everything else passes by
 *   opens      curl_easy_init, curl_easy_duphandle (the copy gets the program's header list, never our nodes)
 *   forgets    curl_easy_reset, curl_easy_cleanup
 *   not read   anything behind a pointer but the URL and the method, which libcurl copies as well
 *   traps      curl_multi_init and curl_easy_perform call curl_easy_init through the PLT, for handles of their own
 *              that nobody cleans up: these are not opened, nor are the copies that HTTP/2 push makes (refused ones
 *              are freed unseen; curl_multi.c has the others). The other calls are judged by the handle alone: libcurl's
 *              own (DoH) are on handles we do not know; one on a handle we know is the program's, even where a
 *              callback's tail call makes it look like libcurl's (facts "interpose" 1.6).
 */
#include "curl_priv.h"

#include "settings.h"
#include "text.h"
#include <stdarg.h>
#include <string.h>

#define ENTRY_ROW(function, failure_, wanted) \
    [CURL_FUNCTION_##function] = {.name = #function, .version = wanted, .failure = failure_},
#define ENTRY_ROWS(node, at, wanted, ...) [CURL_FLAVOUR_##node] = {CURL_FUNCTIONS(ENTRY_ROW, wanted)},

/* A program calls those of one flavour: they lie side by side. */
struct real_entry curl_entries[N_CURL_FLAVOURS][N_CURL_FUNCTIONS]
    __attribute__((aligned(64))) = {CURL_FLAVOURS(ENTRY_ROWS, )};

const struct instrumentation instrument_libcurl = {
    .name = "libcurl",
    .family = WIRE_HTTP,
    .entry_points = &curl_entries[0][0],
    .n_entry_points = N_CURL_FUNCTIONS * N_CURL_FLAVOURS,
};

/* ---- init, duphandle, reset, cleanup ---- */

static struct curl_state *open_handle(CURL *handle, const struct real_entry *entry)
{
    if (curl_wants_bodies() && handle)
        curl_body_left(handle);
    struct connection *connection =
        handle && lifecycle_is_active() ? connection_open(handle, INSTRUMENT_libcurl) : NULL;
    struct curl_state *state = curl_state_of(connection);
    if (state) {
        connection->library = entry->library;
        state->peer.pool = CURL_POOL_EMPTY;
        curl_body_learn();
    }
    return state;
}

static __attribute__((noinline)) CURL *init_handle(struct real_entry *entry, const void *call_site)
{
    __typeof__(&curl_easy_init) real = real_find(entry, call_site, NULL);
    CURL *handle = real();
    if (!real_is_internal(entry, call_site))
        (void)open_handle(handle, entry);
    return handle;
}

static __attribute__((noinline)) CURL *copy_handle(struct real_entry *entry, const void *call_site,
                                                   CURL *handle)
{
    __typeof__(&curl_easy_duphandle) real = real_find(entry, call_site, handle);
    CURL *copy = real(handle);
    int kept = errno;
    const struct curl_state *state = curl_state_of(connection_find(handle));
    if (copy && state) {
        struct curl_state *to = real_is_internal(entry, call_site) ? NULL : open_handle(copy, entry);
        struct curl_calls spare;
        const struct curl_calls *calls = curl_get_calls(entry, &spare);
        if (state->is_injected && calls->setopt) /* the copy has our nodes, too */
            (void)calls->setopt(copy, CURLOPT_HTTPHEADER, state->headers);
        if (to) {
            *to = *state;
            to->is_injected = to->is_performing = to->is_open = to->knows_total = false;
            to->multi = NULL;
            to->url_mark = (struct interned){0};
            to->target = CURL_TARGET_NEW;
            if (to->peer.pool != CURL_POOL_SHARED)
                to->peer.pool = CURL_POOL_EMPTY;
        }
        curl_hops_copy(copy, to, state, calls);
        if (state->body)
            curl_body_copy(to, state, copy, calls);
    }
    errno = kept;
    return copy;
}

static __attribute__((noinline)) void reset_handle(struct real_entry *entry, const void *call_site,
                                                   CURL *handle)
{
    __typeof__(&curl_easy_reset) real = real_find(entry, call_site, handle);
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    if (state && state->multi) {
        struct curl_calls spare;
        curl_multi_abandon(connection, curl_get_calls(entry, &spare));
    }
    curl_socket_close(connection);
    curl_forget_performed(handle);
    real(handle);
    if (state) {
        struct curl_body *body = state->body;
        struct curl_peer peer = state->peer; /* its connections stay, and its share */
        memset(state, 0, sizeof(*state));
        curl_body_forget(body);
        state->body = body;
        state->peer = peer;
    }
}

/* Closed before the real call: behind it, another thread may get the same address for a new handle. */
static __attribute__((noinline)) void close_handle(struct real_entry *entry, const void *call_site,
                                                   CURL *handle)
{
    __typeof__(&curl_easy_cleanup) real = real_find(entry, call_site, handle);
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    struct curl_body *body = state ? state->body : NULL;
    if (state && (state->is_injected || state->multi || body)) {
        struct curl_calls spare;
        const struct curl_calls *calls = curl_get_calls(entry, &spare);
        curl_multi_abandon(connection, calls);
        curl_request_restore(handle, state, calls);
    }
    curl_socket_close(connection);
    curl_forget_performed(handle);
    if (state)
        connection_close(handle);
    real(handle);
    if (body)
        curl_body_destroy(body);
}

/* ---- setopt ---- */

static void remember_user_agent(struct curl_state *state, const char *agent)
{
    if (!settings_get()->user_agent)
        return;
    text_append(state->user_agent, 0, sizeof(state->user_agent), agent ? agent : "");
    state->has_user_agent = *state->user_agent != 0;
}

static void remember_default_protocol(struct curl_state *state, const char *protocol)
{
    bool is_http = protocol && (text_equals_ignoring_case(protocol, "http") ||
                                text_equals_ignoring_case(protocol, "https"));
    state->default_protocol = !protocol ? CURL_DEFAULT_GUESSED
                              : is_http ? CURL_DEFAULT_HTTP
                                        : CURL_DEFAULT_OTHER;
    state->url_kind = 0;
    state->target = CURL_TARGET_NEW;
}

static void remember_method(struct curl_state *state, const char *method)
{
    size_t bytes = method ? strnlen(method, CURL_METHOD_BYTES - 1) : 0;
    if (bytes != state->method_bytes || memcmp(state->method, method ? method : "", bytes) != 0)
        state->target = CURL_TARGET_NEW;
    if (bytes)
        memcpy(state->method, method, bytes);
    state->method[bytes] = 0;
    state->method_bytes = (uint8_t)bytes;
}

/* In milliseconds; 0: none, or libcurl's own. */
static uint32_t read_timeout(void *value, uint32_t unit_ms)
{
    long number = (long)(uintptr_t)value;
    return number <= 0 ? 0 : number > (long)(UINT32_MAX / unit_ms) ? UINT32_MAX : (uint32_t)number * unit_ms;
}

/* What libcurl's own setopt does to its request method (lib/setopt.c). */
static void remember_verb(struct curl_state *state, enum curl_verb verb, bool has_body_again)
{
    if (state->verb != verb || (state->has_no_body && has_body_again))
        state->target = CURL_TARGET_NEW;
    state->verb = (uint8_t)verb;
    if (has_body_again)
        state->has_no_body = false;
}

static void remember_option(struct curl_state *state, CURLoption option, void *value)
{
    bool is_on = (long)(uintptr_t)value != 0;
    switch (option) {
    case CURLOPT_URL:
        curl_target_set_url(state, value);
        break;
    case CURLOPT_CURLU:
        state->url_handle = value;
        break;
    case CURLOPT_DEFAULT_PROTOCOL:
        remember_default_protocol(state, value);
        break;
    case CURLOPT_CUSTOMREQUEST:
        remember_method(state, value);
        break;
    case CURLOPT_USERAGENT:
        remember_user_agent(state, value);
        break;
    case CURLOPT_HTTPHEADER:
        state->headers = value;
        state->is_injected = false;
        break;
    case CURLOPT_CONNECT_ONLY:
        state->connect_only = (uint8_t)(uintptr_t)value;
        break;
    case CURLOPT_SHARE:
    case CURLOPT_DOH_URL:
        state->peer.pool = CURL_POOL_SHARED;
        break;
    case CURLOPT_TIMEOUT:
    case CURLOPT_TIMEOUT_MS:
        state->timeout_ms = read_timeout(value, option == CURLOPT_TIMEOUT ? 1000 : 1);
        break;
    case CURLOPT_CONNECTTIMEOUT:
    case CURLOPT_CONNECTTIMEOUT_MS:
        state->connect_timeout_ms = read_timeout(value, option == CURLOPT_CONNECTTIMEOUT ? 1000 : 1);
        break;
    case CURLOPT_NOBODY:
        state->has_no_body = is_on;
        state->target = CURL_TARGET_NEW;
        break;
    case CURLOPT_HTTPGET:
        if (is_on)
            remember_verb(state, CURL_VERB_GET, true);
        break;
    case CURLOPT_POST:
        remember_verb(state, is_on ? CURL_VERB_POST : CURL_VERB_GET, is_on);
        break;
    case CURLOPT_UPLOAD:
    case CURLOPT_PUT:
        remember_verb(state, is_on ? CURL_VERB_PUT : CURL_VERB_GET, is_on);
        break;
    case CURLOPT_POSTFIELDS:
    case CURLOPT_COPYPOSTFIELDS:
        remember_verb(state, CURL_VERB_POST, false);
        break;
    default: /* CURLOPT_HTTPPOST, CURLOPT_MIMEPOST */
        remember_verb(state, CURL_VERB_POST, true);
        break;
    }
}

static bool is_remembered(CURLoption option)
{
    switch (option) {
    case CURLOPT_URL:
    case CURLOPT_CURLU:
    case CURLOPT_DEFAULT_PROTOCOL:
    case CURLOPT_CUSTOMREQUEST:
    case CURLOPT_USERAGENT:
    case CURLOPT_HTTPHEADER:
    case CURLOPT_CONNECT_ONLY:
    case CURLOPT_SHARE:
    case CURLOPT_DOH_URL:
    case CURLOPT_TIMEOUT:
    case CURLOPT_TIMEOUT_MS:
    case CURLOPT_CONNECTTIMEOUT:
    case CURLOPT_CONNECTTIMEOUT_MS:
    case CURLOPT_NOBODY:
    case CURLOPT_HTTPGET:
    case CURLOPT_POST:
    case CURLOPT_UPLOAD:
    case CURLOPT_PUT:
    case CURLOPT_POSTFIELDS:
    case CURLOPT_COPYPOSTFIELDS:
    case CURLOPT_HTTPPOST:
    case CURLOPT_MIMEPOST:
        return true;
    default:
        return false;
    }
}

static __attribute__((noinline, cold)) void learn_of_hops(const struct real_entry *entry, CURL *handle,
                                                          CURLoption option, void *value)
{
    struct curl_state *state = curl_state_of(connection_find(handle));
    struct curl_calls spare;
    if (state && settings_get()->propagate_exclude)
        curl_hops_learn(handle, state, curl_get_calls(entry, &spare), option, value);
}

/* gdal makes 269 of these calls per transfer: no handle is looked up for what is not remembered (trap 34). */
static __attribute__((noinline)) CURLcode set_option(struct real_entry *entry, const void *call_site,
                                                     CURL *handle, CURLoption option, void *value)
{
    __typeof__(&curl_easy_setopt) real = real_find(entry, call_site, handle);
    if (!is_remembered(option)) {
        CURLcode code = __builtin_expect(curl_wants_bodies(), 0)
                            ? curl_body_option(real, handle, option, value)
                            : real(handle, option, value);
        if (curl_hops_needs(option) && code == CURLE_OK)
            learn_of_hops(entry, handle, option, value);
        return code;
    }
    CURLcode code = real(handle, option, value);
    struct curl_state *state = code == CURLE_OK ? curl_state_of(connection_find(handle)) : NULL;
    if (state)
        remember_option(state, option, value);
    if (state && __builtin_expect(curl_wants_bodies(), 0))
        curl_body_post(state, option, value);
    return code;
}

/* ---- the instances ---- */

#define INIT(node, at, ...)                                              \
    CURL_INSTANCE(curl_easy_init, node, at)                              \
    CURL *curl_easy_init__##node(void)                                   \
    {                                                                    \
        CALL_SITE;                                                       \
        return init_handle(CURL_ENTRY(curl_easy_init, node), call_site); \
    }
CURL_FLAVOURS(INIT, )

#define DUPHANDLE(node, at, ...)                                                      \
    CURL_INSTANCE(curl_easy_duphandle, node, at)                                      \
    CURL *curl_easy_duphandle__##node(CURL *handle)                                   \
    {                                                                                 \
        CALL_SITE;                                                                    \
        return copy_handle(CURL_ENTRY(curl_easy_duphandle, node), call_site, handle); \
    }
CURL_FLAVOURS(DUPHANDLE, )

#define RESET(node, at, ...)                                                \
    CURL_INSTANCE(curl_easy_reset, node, at)                                \
    void curl_easy_reset__##node(CURL *handle)                              \
    {                                                                       \
        CALL_SITE;                                                          \
        reset_handle(CURL_ENTRY(curl_easy_reset, node), call_site, handle); \
    }
CURL_FLAVOURS(RESET, )

#define CLEANUP(node, at, ...)                                                \
    CURL_INSTANCE(curl_easy_cleanup, node, at)                                \
    void curl_easy_cleanup__##node(CURL *handle)                              \
    {                                                                         \
        CALL_SITE;                                                            \
        close_handle(CURL_ENTRY(curl_easy_cleanup, node), call_site, handle); \
    }
CURL_FLAVOURS(CLEANUP, )

/* Always exactly one argument, as wide as a pointer on the machines we know: long, pointer or curl_off_t. */
#define SETOPT(node, at, ...)                                                                    \
    CURL_INSTANCE(curl_easy_setopt, node, at)                                                    \
    CURLcode curl_easy_setopt__##node(CURL *handle, CURLoption option, ...)                      \
    {                                                                                            \
        CALL_SITE;                                                                               \
        va_list arguments;                                                                       \
        va_start(arguments, option);                                                             \
        void *value = va_arg(arguments, void *);                                                 \
        va_end(arguments);                                                                       \
        return set_option(CURL_ENTRY(curl_easy_setopt, node), call_site, handle, option, value); \
    }
CURL_FLAVOURS(SETOPT, )
static_assert(sizeof(void *) == sizeof(curl_off_t), "one argument of pointer size carries every option");

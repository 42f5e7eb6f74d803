/*
 * curl_multi: requests that run side by side in a multi handle, all flavours of libcurl.
 *
 *   begins   curl_multi_add_handle: an operation on the easy handle, whose parent is taken there: what drives the
 *            transfers (curl_multi_perform, _socket_action, …) may be another thread's loop
 *   ends     curl_multi_info_read, when it hands out CURLMSG_DONE: later than the transfer's own end, which HTTP_END_US
 *            says. Before that: curl_multi_remove_handle, curl_multi_cleanup, curl_easy_cleanup, curl_easy_reset; as
 *            abandoned, unless the answer is seen to be whole
 *   copied   curl_request.c
 *   not seen CONNECT_ONLY 1. A handle whose creation was not seen (HTTP/2 push; one more than we can follow) is recorded
 *            when curl_multi_info_read hands it out, as begun CURLINFO_TOTAL_TIME ago: no context went out with it
 *   traps    curl_easy_perform adds its handle to a private multi handle, through the PLT on Debian: is_performing
 *            says so. curl_multi_info_read may never be called; curl_multi_remove_handle fails inside callbacks, and
 *            forgets what getinfo knows: asked before, counted only when it returned OK. DoH makes handles of libcurl's
 *            own, which curl_multi_info_read never hands out.
 */
#include "curl_priv.h"

#include "hot.h"

/* Of operations that are open; relaxed atomic. Spares curl_multi_cleanup the search. */
static HOT_WORD uint32_t n_running;

/* ---- one request ---- */

static CURL *handle_of(const struct connection *connection)
{
    return (CURL *)(uintptr_t)connection->handle;
}

/* After the real call, which refuses a handle that is running already; before anything is sent. */
static void begin_request(struct connection *connection, CURL *handle, const void *multi,
                          const struct curl_calls *calls)
{
    struct curl_state *state = curl_state_of(connection);
    curl_multi_abandon(connection, calls);
    curl_socket_close(connection);
    curl_target_settle(connection, state, calls);
    struct facts facts;
    struct operation *operation = state->connect_only == CURL_CONNECTS_ONLY
                                      ? NULL
                                      : operation_open(INSTRUMENT_libcurl, WIRE_CALL, connection, &facts);
    state->total_before_us = state->knows_total ? state->total_us
                             : operation        ? curl_request_total_us(handle, calls)
                                                : -1;
    state->knows_total = false;
    if (!operation) {
        curl_request_restore(handle, state, calls);
        return;
    }
    __atomic_store_n(&state->multi, multi, __ATOMIC_RELAXED);
    __atomic_fetch_add(&n_running, 1, __ATOMIC_RELAXED);
    curl_request_begin(&facts, state, operation);
    if (curl_request_inject(handle, state, calls, &operation->slot.span.facts))
        operation_mark_injected(operation);
    if (__builtin_expect(curl_wants_bodies(), 0))
        curl_body_begin(handle, state, calls, NULL, operation);
}

/* What is to be known of the request is among its facts already. */
static HOT void end_request(struct connection *connection, const struct curl_calls *calls,
                            enum wire_outcome outcome)
{
    struct curl_state *state = curl_state_of(connection);
    __atomic_store_n(&state->multi, NULL, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&n_running, 1, __ATOMIC_RELAXED);
    operation_close_all(connection, outcome);
    if (__builtin_expect(curl_wants_bodies(), 0))
        curl_body_restore(handle_of(connection), state, calls);
}

/* libcurl's clock runs from the first look at the transfer to its end: whoever asks how it went comes later. */
static HOT void add_end_time(struct facts *facts, CURL *handle, struct curl_state *state,
                             const struct curl_calls *calls)
{
    state->total_us = curl_request_total_us(handle, calls);
    state->knows_total = state->total_us > 0;
    if (state->knows_total)
        facts_int(facts, WIRE_HTTP_END_US, state->total_us);
}

static HOT enum wire_outcome copy_end(struct connection *connection, const struct curl_calls *calls,
                                      CURLcode code, bool is_over)
{
    struct curl_state *state = curl_state_of(connection);
    CURL *handle = handle_of(connection);
    struct operation *operation = operation_oldest(connection);
    if (!operation)
        return WIRE_OK; /* of the parent process, before a fork */
    struct facts facts = operation_facts(operation);
    enum wire_outcome outcome = curl_request_end(&facts, handle, state, calls, code);
    if (is_over)
        add_end_time(&facts, handle, state, calls);
    return outcome;
}

/*
 * Of a request that nobody asked about: it is over, or given up. One that has not even begun leaves what getinfo knew of
 * the one before it.
 */
static enum wire_outcome copy_so_far(struct connection *connection, const struct curl_calls *calls)
{
    struct curl_state *state = curl_state_of(connection);
    CURL *handle = handle_of(connection);
    if (state->total_before_us > 0 && state->total_before_us == curl_request_total_us(handle, calls))
        return WIRE_ABANDONED;
    enum wire_outcome outcome = copy_end(connection, calls, CURLE_OK, false);
    struct operation *operation = operation_oldest(connection);
    bool is_complete = curl_request_is_complete(handle, state, calls);
    struct facts facts;
    if (operation) {
        facts = operation_facts(operation);
        if (is_complete)
            add_end_time(&facts, handle, state, calls);
        else
            curl_request_add_sent(&facts, handle, state, calls);
    }
    return is_complete ? outcome : WIRE_ABANDONED;
}

void curl_multi_abandon(struct connection *connection, const struct curl_calls *calls)
{
    struct curl_state *state = curl_state_of(connection);
    if (state && state->multi)
        end_request(connection, calls, copy_so_far(connection, calls));
}

/* A handle that was not seen before, and is over: opened for this one span, because its header list is not known. */
static void record_unseen(CURL *handle, const struct curl_calls *calls, CURLcode code)
{
    struct connection *connection =
        lifecycle_is_active() ? connection_open(handle, INSTRUMENT_libcurl) : NULL;
    struct facts facts;
    struct operation *operation =
        connection ? operation_open(INSTRUMENT_libcurl, WIRE_CALL, connection, &facts) : NULL;
    if (operation) {
        int64_t total_us = curl_request_total_us(handle, calls);
        operation_set_age(operation, total_us > 0 ? (uint64_t)total_us * 1000u : 0);
        enum wire_outcome outcome = curl_request_end(&facts, handle, NULL, calls, code);
        operation_close(connection, operation, outcome);
    }
    connection_close(handle);
}

/* ---- the calls ---- */

static HOT __attribute__((noinline)) CURLMcode add_handle(struct real_entry *entry, const void *call_site,
                                                          CURLM *multi, CURL *handle)
{
    __typeof__(&curl_multi_add_handle) real = real_find(entry, call_site, handle);
    CURLMcode code = real(multi, handle);
    if (curl_is_performed(handle, call_site))
        return code;
    struct connection *connection = connection_find(handle);
    const struct curl_state *state = curl_state_of(connection);
    if (code != CURLM_OK || !state || (state->is_performing && curl_is_internal(entry, call_site)))
        return code;
    int kept = errno;
    struct curl_calls spare;
    begin_request(connection, handle, multi, curl_get_calls(entry, &spare));
    errno = kept;
    return code;
}

static HOT __attribute__((noinline)) CURLMcode remove_handle(struct real_entry *entry, const void *call_site,
                                                             CURLM *multi, CURL *handle)
{
    __typeof__(&curl_multi_remove_handle) real = real_find(entry, call_site, handle);
    if (curl_is_performed(handle, call_site))
        return real(multi, handle);
    struct connection *connection = connection_find(handle);
    const struct curl_state *state = curl_state_of(connection);
    if (!connection || !state || !state->multi) {
        CURLMcode code = real(multi, handle);
        if (code == CURLM_OK && !(state && state->is_performing))
            curl_socket_close(connection); /* libcurl closes what only connects */
        return code;
    }

    struct operation *operation = operation_oldest(connection);
    uint32_t staged_bytes = operation ? *operation_facts(operation).bytes : 0;
    struct curl_calls spare;
    const struct curl_calls *calls = curl_get_calls(entry, &spare);
    enum wire_outcome outcome = copy_so_far(connection, calls);
    CURLMcode code = real(multi, handle);
    int kept = errno;
    if (code == CURLM_OK)
        end_request(connection, calls, outcome);
    else if (operation)
        *operation_facts(operation).bytes = staged_bytes; /* it runs on: what was read is not its end */
    errno = kept;
    return code;
}

static HOT __attribute__((noinline)) void end_as_told(struct real_entry *entry, const CURLMsg *message,
                                                      bool is_internal)
{
    CURL *handle = message->easy_handle;
    CURLcode code = message->data.result;
    struct connection *connection = connection_find(handle);
    const struct curl_state *state = curl_state_of(connection);
    struct curl_calls spare;
    if (connection ? !state || (state->is_performing && is_internal) : is_internal)
        return;
    const struct curl_calls *calls = curl_get_calls(entry, &spare);
    if (!connection) {
        if (calls->getinfo)
            record_unseen(handle, calls, code);
        return;
    }
    if (state->multi) {
        enum wire_outcome outcome = copy_end(connection, calls, code, true);
        end_request(connection, calls, outcome);
    }
    if (state->connect_only)
        curl_socket_open(connection, handle, calls, code);
}

static HOT __attribute__((noinline)) CURLMsg *hand_out(struct real_entry *entry, const void *call_site,
                                                       CURLMsg *message)
{
    if (!message || message->msg != CURLMSG_DONE || !message->easy_handle)
        return message;
    int kept = errno;
    end_as_told(entry, message, curl_is_internal(entry, call_site));
    errno = kept;
    return message;
}

static HOT __attribute__((noinline)) CURLMsg *read_info(struct real_entry *entry, const void *call_site,
                                                        CURLM *multi, int *ret_n)
{
    __typeof__(&curl_multi_info_read) real = real_find(entry, call_site, NULL);
    CURLMsg *message = real(multi, ret_n);
    return message && curl_is_performed(message->easy_handle, call_site)
               ? message
               : hand_out(entry, call_site, message);
}

struct cleaned {
    const CURLM *multi;
    const struct curl_calls *calls;
};

static void abandon_of_multi(struct connection *connection, const void *argument)
{
    const struct cleaned *cleaned = argument;
    const struct curl_state *state = curl_state_of(connection);
    if (state && __atomic_load_n(&state->multi, __ATOMIC_RELAXED) == cleaned->multi)
        curl_multi_abandon(connection, cleaned->calls);
}

/* Before the real call: behind it another thread may get the same address for a new multi handle. */
static __attribute__((noinline)) CURLMcode clean_up(struct real_entry *entry, const void *call_site,
                                                    CURLM *multi)
{
    __typeof__(&curl_multi_cleanup) real = real_find(entry, call_site, NULL);
    if (multi && __atomic_load_n(&n_running, __ATOMIC_RELAXED) && !real_is_internal(entry, call_site)) {
        struct curl_calls spare;
        struct cleaned cleaned = {multi, curl_get_calls(entry, &spare)};
        connection_visit(INSTRUMENT_libcurl, abandon_of_multi, &cleaned);
    }
    return real(multi);
}

/* ---- the instances ---- */

/* Of a multi handle and an easy one: `own` is what we do, but for libcurl's own calls. */
#define OF_BOTH(node, at, flavour, function, own)                                      \
    CURL_INSTANCE(function, node, at)                                                  \
    HOT CURLMcode function##__##node(CURLM *multi, CURL *handle)                       \
    {                                                                                  \
        CALL_SITE;                                                                     \
        struct real_entry *entry = CURL_ENTRY(function, node);                         \
        __typeof__(&function) real = curl_real_of_performed(handle, entry, call_site); \
        return real ? real(multi, handle) : own(entry, call_site, multi, handle);      \
    }
CURL_FLAVOURS(OF_BOTH, curl_multi_add_handle, add_handle)
CURL_FLAVOURS(OF_BOTH, curl_multi_remove_handle, remove_handle)

#define INFO_READ(node, at, ...)                                                                      \
    CURL_INSTANCE(curl_multi_info_read, node, at)                                                     \
    HOT CURLMsg *curl_multi_info_read__##node(CURLM *multi, int *ret_n)                               \
    {                                                                                                 \
        CALL_SITE;                                                                                    \
        struct real_entry *entry = CURL_ENTRY(curl_multi_info_read, node);                            \
        const CURL *performed = thread_peek()->performing.handle;                                     \
        __typeof__(&curl_multi_info_read) real = curl_real_of_performed(performed, entry, call_site); \
        if (!real)                                                                                    \
            return read_info(entry, call_site, multi, ret_n);                                         \
        CURLMsg *message = real(multi, ret_n);                                                        \
        return __builtin_expect(message && message->easy_handle != performed, 0)                      \
                   ? hand_out(entry, call_site, message)                                              \
                   : message;                                                                         \
    }
CURL_FLAVOURS(INFO_READ, )

#define MULTI_CLEANUP(node, at, ...)                                             \
    CURL_INSTANCE(curl_multi_cleanup, node, at)                                  \
    CURLMcode curl_multi_cleanup__##node(CURLM *multi)                           \
    {                                                                            \
        CALL_SITE;                                                               \
        return clean_up(CURL_ENTRY(curl_multi_cleanup, node), call_site, multi); \
    }
CURL_FLAVOURS(MULTI_CLEANUP, )

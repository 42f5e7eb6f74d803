/*
 * curl_multi: requests that run side by side in a multi handle, all flavours of libcurl.
 *
 *   begins   curl_multi_add_handle: an operation on the easy handle, whose parent is taken there: what drives the
 *            transfers (curl_multi_perform, _socket_action, …) may be another thread's loop
 *   ends     curl_multi_info_read, when it hands out CURLMSG_DONE: later than the transfer's own end, which the
 *            exporter knows by HTTP_TOTAL_US. Before that, as abandoned: curl_multi_remove_handle,
 *            curl_multi_cleanup, curl_easy_cleanup, curl_easy_reset
 *   copied   curl_request.c
 *   not seen handles whose creation was not seen; protocols other than HTTP; CONNECT_ONLY
 *   traps    curl_easy_perform adds its handle to a private multi handle, through the PLT on Debian: is_performing
 *            says so. curl_multi_info_read may never be called; curl_multi_remove_handle fails inside callbacks, and
 *            forgets what getinfo knows: asked before, counted only when it returned OK.
 */
#include "curl_priv.h"

/* Of operations that are open; relaxed atomic. Spares curl_multi_cleanup the search. */
static uint32_t n_running;

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
    curl_request_restore(handle, state, calls);
    if (state->is_connect_only || !curl_request_is_http(state, calls))
        return;
    struct facts facts;
    struct operation *operation = operation_open(INSTRUMENT_libcurl, WIRE_CALL, connection, &facts);
    if (!operation)
        return;
    __atomic_store_n(&state->multi, multi, __ATOMIC_RELAXED);
    __atomic_fetch_add(&n_running, 1, __ATOMIC_RELAXED);
    state->total_before_us = curl_request_total_us(handle, calls);
    curl_request_begin(&facts, state, calls);
    struct span_context context = operation_context(operation);
    if (curl_request_inject(handle, state, calls, &context))
        operation_mark_injected(operation);
}

/* What is to be known of the request is among its facts already. */
static void end_request(struct connection *connection, const struct curl_calls *calls,
                        enum wire_outcome outcome)
{
    struct curl_state *state = curl_state_of(connection);
    __atomic_store_n(&state->multi, NULL, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&n_running, 1, __ATOMIC_RELAXED);
    operation_close_all(connection, outcome);
    curl_request_restore(handle_of(connection), state, calls);
}

static enum wire_outcome copy_end(struct connection *connection, const struct curl_calls *calls,
                                  CURLcode code)
{
    struct operation *operation = operation_oldest(connection);
    if (!operation)
        return WIRE_OK; /* of the parent process, before a fork */
    struct facts facts = operation_facts(operation);
    return curl_request_end(&facts, handle_of(connection), curl_state_of(connection), calls, code);
}

/* Of a request that was not finished. One that has not even begun leaves what getinfo knew of the one before it. */
static void copy_so_far(struct connection *connection, const struct curl_calls *calls)
{
    const struct curl_state *state = curl_state_of(connection);
    if (state->total_before_us <= 0 ||
        state->total_before_us != curl_request_total_us(handle_of(connection), calls))
        (void)copy_end(connection, calls, CURLE_OK);
}

void curl_multi_abandon(struct connection *connection, const struct curl_calls *calls)
{
    struct curl_state *state = curl_state_of(connection);
    if (!state || !state->multi)
        return;
    copy_so_far(connection, calls);
    end_request(connection, calls, WIRE_ABANDONED);
}

/* ---- the calls ---- */

static __attribute__((noinline)) CURLMcode add_handle(struct real_entry *entry, const void *call_site,
                                                      CURLM *multi, CURL *handle)
{
    __typeof__(&curl_multi_add_handle) real = real_find(entry, call_site, handle);
    CURLMcode code = real(multi, handle);
    struct connection *connection = connection_find(handle);
    const struct curl_state *state = curl_state_of(connection);
    if (code != CURLM_OK || !state || (state->is_performing && real_is_internal(entry, call_site)))
        return code;
    int kept = errno;
    struct curl_calls calls;
    curl_load_calls(&calls, entry);
    begin_request(connection, handle, multi, &calls);
    errno = kept;
    return code;
}

static __attribute__((noinline)) CURLMcode remove_handle(struct real_entry *entry, const void *call_site,
                                                         CURLM *multi, CURL *handle)
{
    __typeof__(&curl_multi_remove_handle) real = real_find(entry, call_site, handle);
    struct connection *connection = connection_find(handle);
    const struct curl_state *state = curl_state_of(connection);
    if (!connection || !state || !state->multi)
        return real(multi, handle);

    struct operation *operation = operation_oldest(connection);
    uint32_t staged_bytes = operation ? *operation_facts(operation).bytes : 0;
    struct curl_calls calls;
    curl_load_calls(&calls, entry);
    copy_so_far(connection, &calls);
    CURLMcode code = real(multi, handle);
    int kept = errno;
    if (code == CURLM_OK)
        end_request(connection, &calls, WIRE_ABANDONED);
    else if (operation)
        *operation_facts(operation).bytes = staged_bytes; /* it runs on: what was read is not its end */
    errno = kept;
    return code;
}

static __attribute__((noinline)) CURLMsg *read_info(struct real_entry *entry, const void *call_site,
                                                    CURLM *multi, int *ret_n)
{
    __typeof__(&curl_multi_info_read) real = real_find(entry, call_site, NULL);
    CURLMsg *message = real(multi, ret_n);
    if (!message || message->msg != CURLMSG_DONE || !message->easy_handle)
        return message;
    struct connection *connection = connection_find(message->easy_handle);
    const struct curl_state *state = curl_state_of(connection);
    if (!connection || !state || !state->multi)
        return message;
    int kept = errno;
    CURLcode code = message->data.result;
    struct curl_calls calls;
    curl_load_calls(&calls, entry);
    end_request(connection, &calls, copy_end(connection, &calls, code));
    errno = kept;
    return message;
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
        struct curl_calls calls;
        curl_load_calls(&calls, entry);
        struct cleaned cleaned = {multi, &calls};
        connection_visit(INSTRUMENT_libcurl, abandon_of_multi, &cleaned);
    }
    return real(multi);
}

/* ---- the instances ---- */

#define ADD(node, at, ...)                                                                    \
    CURL_INSTANCE(curl_multi_add_handle, node, at)                                            \
    CURLMcode curl_multi_add_handle__##node(CURLM *multi, CURL *handle)                       \
    {                                                                                         \
        CALL_SITE;                                                                            \
        return add_handle(CURL_ENTRY(curl_multi_add_handle, node), call_site, multi, handle); \
    }
CURL_FLAVOURS(ADD, )

#define REMOVE(node, at, ...)                                                                       \
    CURL_INSTANCE(curl_multi_remove_handle, node, at)                                               \
    CURLMcode curl_multi_remove_handle__##node(CURLM *multi, CURL *handle)                          \
    {                                                                                               \
        CALL_SITE;                                                                                  \
        return remove_handle(CURL_ENTRY(curl_multi_remove_handle, node), call_site, multi, handle); \
    }
CURL_FLAVOURS(REMOVE, )

#define INFO_READ(node, at, ...)                                                           \
    CURL_INSTANCE(curl_multi_info_read, node, at)                                          \
    CURLMsg *curl_multi_info_read__##node(CURLM *multi, int *ret_n)                        \
    {                                                                                      \
        CALL_SITE;                                                                         \
        return read_info(CURL_ENTRY(curl_multi_info_read, node), call_site, multi, ret_n); \
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

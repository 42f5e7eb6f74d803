/*
 * curl_easy: requests that block, all flavours of libcurl.
 *
 *   begins   curl_easy_perform
 *   ends     when that call returns
 *   copied   curl_request.c
 *   traps    CURLOPT_CONNECT_ONLY 1: nothing is requested (protocols of the program's own): no span. 2 is a WebSocket's
 *            upgrade: a request like others.
 *            A callback may longjmp out: the next event on the handle gives libcurl the program's write function back.
 *            libcurl itself adds the handle to a private multi handle: is_performing tells curl_multi.c.
 *            A handle that is running already, here (a callback calls us with its own handle) or in a multi handle, is
 *            refused by libcurl: a span of its own, which failed, and nothing of the running request is touched.
 */
#include "curl_priv.h"

static bool is_running(const struct curl_state *state)
{
    return state && (state->is_performing || state->multi);
}

/* Without a state, too, where nothing is recorded: libcurl's own calls in there are jumps (curl_priv.h). */
static inline CURLcode call_real(__typeof__(&curl_easy_perform) real, CURL *handle, struct curl_state *state,
                                 const struct curl_calls *calls)
{
    struct thread_performing *performing = &thread_peek()->performing, performing_before = *performing;
    bool was_performing = state && state->is_performing;
    if (state) {
        state->knows_total = false;
        state->is_performing = true;
        state->peer.pool_before = state->peer.pool;
        state->peer.pool = state->peer.pool == CURL_POOL_SHARED ? CURL_POOL_SHARED : CURL_POOL_UNKNOWN;
    }
    *performing = (struct thread_performing){handle, calls->text_from, calls->text_bytes};
    CURLcode code = real(handle);
    *performing = performing_before;
    if (state)
        state->is_performing = was_performing;
    return code;
}

static __attribute__((noinline, cold)) CURLcode perform_unrecorded(__typeof__(&curl_easy_perform) real,
                                                                   CURL *handle,
                                                                   struct connection *connection,
                                                                   const struct curl_calls *calls)
{
    struct curl_state *state = curl_state_of(connection);
    if (!is_running(state))
        curl_request_restore(handle, state, calls);
    CURLcode code = call_real(real, handle, state, calls);
    int kept = errno;
    if (state && state->connect_only)
        curl_socket_open(connection, handle, calls, code);
    errno = kept;
    return code;
}

/* Of a handle that is running: getinfo would tell of that request. */
static __attribute__((noinline, cold)) CURLcode perform_refused(__typeof__(&curl_easy_perform) real,
                                                                CURL *handle, struct span *span,
                                                                const struct curl_calls *calls)
{
    CURLcode code = real(handle);
    int kept = errno;
    struct curl_calls unasked = *calls;
    unasked.getinfo = NULL;
    span_end(span, curl_request_end(&span->facts, handle, NULL, &unasked, code));
    errno = kept;
    return code;
}

static HOT __attribute__((noinline)) CURLcode perform(struct real_entry *entry, const void *call_site,
                                                      CURL *handle)
{
    __typeof__(&curl_easy_perform) real = real_find(entry, call_site, handle);
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    bool was_running = is_running(state);
    struct curl_calls spare;
    const struct curl_calls *calls = curl_get_calls(entry, &spare);
    struct span span;
    if (!was_running)
        curl_socket_close(connection);
    if (state && !was_running)
        curl_target_settle(connection, state, calls);
    if (!handle || (state && state->connect_only == CURL_CONNECTS_ONLY) ||
        !span_begin(&span, INSTRUMENT_libcurl, WIRE_CALL, handle, state ? connection : NULL))
        return perform_unrecorded(real, handle, connection, calls);

    curl_request_begin(&span.facts, state, NULL);
    if (was_running)
        return perform_refused(real, handle, &span, calls);
    if (curl_request_inject(handle, state, calls, &span.open->facts))
        span_mark_injected(&span);
    if (__builtin_expect(curl_wants_bodies(), 0))
        curl_body_begin(handle, state, calls, &span.facts, NULL);

    CURLcode code = call_real(real, handle, state, calls);
    int kept = errno;
    enum wire_outcome outcome = curl_request_end(&span.facts, handle, state, calls, code);
    if (__builtin_expect(curl_wants_bodies(), 0))
        curl_body_end(&span.facts, handle, state, calls);
    span_end(&span, outcome);
    if (state && state->connect_only)
        curl_socket_open(connection, handle, calls, code);
    errno = kept;
    return code;
}

#define PERFORM(node, at, ...)                                                  \
    CURL_INSTANCE(curl_easy_perform, node, at)                                  \
    HOT CURLcode curl_easy_perform__##node(CURL *handle)                        \
    {                                                                           \
        CALL_SITE;                                                              \
        return perform(CURL_ENTRY(curl_easy_perform, node), call_site, handle); \
    }
CURL_FLAVOURS(PERFORM, )

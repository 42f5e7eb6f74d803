/*
 * curl_easy: requests that block, all flavours of libcurl.
 *
 *   begins   curl_easy_perform
 *   ends     when that call returns
 *   copied   curl_request.c
 *   traps    CURLOPT_CONNECT_ONLY: nothing is requested (websockets, protocols of the program's own): no span.
 *            A callback may longjmp out: the next event on the handle gives libcurl the program's header list back.
 *            libcurl itself adds the handle to a private multi handle: is_performing tells curl_multi.c.
 */
#include "curl_priv.h"

static CURLcode call_real(__typeof__(&curl_easy_perform) real, CURL *handle, struct curl_state *state)
{
    if (!state)
        return real(handle);
    state->is_performing = true;
    CURLcode code = real(handle);
    state->is_performing = false;
    return code;
}

static __attribute__((noinline)) CURLcode perform(struct real_entry *entry, const void *call_site,
                                                  CURL *handle)
{
    __typeof__(&curl_easy_perform) real = real_find(entry, call_site, handle);
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    struct curl_calls calls;
    struct span span;
    curl_load_calls(&calls, entry);
    curl_multi_abandon(connection, &calls);
    curl_request_restore(handle, state, &calls);
    if (!handle || (state && state->is_connect_only) ||
        !span_begin(&span, INSTRUMENT_libcurl, WIRE_CALL, handle, state ? connection : NULL))
        return call_real(real, handle, state);

    curl_request_begin(&span.facts, state, &calls);
    struct span_context context = span_context(&span);
    if (curl_request_inject(handle, state, &calls, &context))
        span_mark_injected(&span);

    CURLcode code = call_real(real, handle, state);
    int kept = errno;
    curl_request_restore(handle, state, &calls);
    span_end(&span, curl_request_end(&span.facts, handle, state, &calls, code));
    errno = kept;
    return code;
}

#define PERFORM(node, at, ...)                                                  \
    CURL_INSTANCE(curl_easy_perform, node, at)                                  \
    CURLcode curl_easy_perform__##node(CURL *handle)                            \
    {                                                                           \
        CALL_SITE;                                                              \
        return perform(CURL_ENTRY(curl_easy_perform, node), call_site, handle); \
    }
CURL_FLAVOURS(PERFORM, )

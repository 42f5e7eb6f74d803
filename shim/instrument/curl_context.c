/*
 * curl_context: the trace context's headers in a request of libcurl.
 *
 *   changed   CURLOPT_HTTPHEADER: nodes of ours in front of the program's list, which itself is not touched (libcurl keeps the
 *             pointer, it does not copy). They stay there for the next request: nobody can ask libcurl for its list, a copy of
 *             the handle and a request that is not recorded get the program's, and reset and cleanup do not look at it
 *   traps     a handle whose next request goes past us (a raw pointer to curl_easy_perform, where the others were ours) sends the
 *             context of the last one
 */
#include "curl_priv.h"

#include "settings.h"
#include <string.h>

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

bool curl_request_inject_anew(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                              const struct wire_span_facts *facts)
{
    struct span_context context = span_context_of(facts);
    bool has_baggage;
    if (!state || !calls->setopt)
        return false;
    if (!curl_is_http(state) || !may_add(state->headers, &has_baggage) || !may_propagate(state) ||
        !fill_nodes(state, &context, !has_baggage)) {
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

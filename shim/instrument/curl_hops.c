/*
 * curl_hops: a redirect that leads to a host on OTELSHIM_PROPAGATE_EXCLUDE. Where that is not set, nothing of this is called.
 *
 *   changed   CURLOPT_PREREQFUNCTION and its data, of a handle that follows redirects and has none of the program's: libcurl calls
 *             it before it prints each request (7.80), and then ours empties our nodes where the next host is on the list
 *   traps     with a function of the program's own, or an older libcurl, nobody tells of the hops: such a handle gets no
 *             context (curl_url_may_propagate). The program's data is given back together with its function, in any order
 */
#include "curl_priv.h"

#include "settings.h"

static void silence(struct curl_state *state)
{
    static char nothing[1]; /* neither a name nor a colon: libcurl passes over it */
    for (uint32_t i = 0; i < PROPAGATE_MAX_HEADERS; i++) {
        state->nodes[i].data = nothing;
        if (i + 1 == PROPAGATE_MAX_HEADERS || state->nodes[i].next != &state->nodes[i + 1])
            break;
    }
    state->target = CURL_TARGET_NEW; /* the next request prints all of them anew */
}

static int before_hop(void *handle, char *peer, char *local, int peer_port, int local_port)
{
    struct curl_state *state = curl_state_of(connection_find(handle));
    const char *excluded = settings_get()->propagate_exclude, *url = NULL;
    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    if (state && state->is_injected && excluded && state->getinfo &&
        state->getinfo(handle, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url &&
        !curl_url_may_reach(url, excluded))
        silence(state);
    return CURL_PREREQFUNC_OK;
}

static void watch(CURL *handle, struct curl_state *state, const struct curl_calls *calls)
{
    state->getinfo = calls->getinfo;
    state->watches_hops = calls->getinfo && calls->setopt &&
                          calls->setopt(handle, CURLOPT_PREREQFUNCTION, before_hop) == CURLE_OK &&
                          calls->setopt(handle, CURLOPT_PREREQDATA, handle) == CURLE_OK;
}

/* Libcurl has what the program said. */
static void unwatch(CURL *handle, bool has_prereq, void *data, const struct curl_calls *calls)
{
    (void)calls->setopt(handle, CURLOPT_PREREQDATA, data);
    if (!has_prereq)
        (void)calls->setopt(handle, CURLOPT_PREREQFUNCTION, NULL);
}

void curl_hops_learn(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                     CURLoption option, void *value)
{
    if (option == CURLOPT_FOLLOWLOCATION)
        state->follows = (long)(uintptr_t)value != 0;
    else if (option == CURLOPT_PREREQFUNCTION)
        state->has_prereq = value != NULL;
    else
        state->prereq_data = value;
    if (state->follows && !state->has_prereq)
        watch(handle, state, calls);
    else if (state->watches_hops) {
        unwatch(handle, state->has_prereq, state->prereq_data, calls);
        state->watches_hops = false;
    }
    state->target = CURL_TARGET_NEW;
}

void curl_hops_copy(CURL *copy, struct curl_state *to, const struct curl_state *from,
                    const struct curl_calls *calls)
{
    if (!from->watches_hops || !calls->setopt)
        return;
    if (to)
        watch(copy, to, calls);
    else
        unwatch(copy, false, from->prereq_data, calls);
}

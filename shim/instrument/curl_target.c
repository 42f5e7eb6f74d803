/*
 * curl_target: URL and method of a handle's requests, as facts.
 *
 *   copied    URL and method, among a request's own facts; from the second request on that has the same ones they are facts of the
 *             handle, which lie staged and are written once per chunk
 *   traps     a handle that is given another URL for each request never has facts of its own. Those of a connection that is the
 *             program's own (CONNECT_ONLY) are its server's: curl_socket.c
 */
#include "curl_priv.h"

#include "settings.h"
#include <string.h>

/* Its block has to leave an operation's 864 bytes room for LATER_FACTS_BYTES and LATER_HEADER_BYTES. */
#define SHARED_URL_BYTES 144u

void curl_target_set_url(struct curl_state *state, const char *url)
{
    size_t bytes = url ? strnlen(url, WIRE_STRING_MAX + 1) : 0;
    if (bytes == state->url_bytes && memcmp(state->url, url ? url : "", bytes) == 0)
        return;
    if (bytes)
        memcpy(state->url, url, bytes);
    state->url[bytes] = 0;
    state->url_bytes = (uint32_t)bytes;
    state->url_kind = 0;
    state->url_mark = (struct interned){0};
    state->target = CURL_TARGET_NEW;
}

void curl_target_read_url(struct curl_state *state, const struct curl_calls *calls)
{
    char *url = NULL;
    if (!calls->url_get || !calls->free ||
        calls->url_get(state->url_handle, CURLUPART_URL, &url, 0) != CURLUE_OK)
        return;
    curl_target_set_url(state, url);
    calls->free(url);
}

const char *curl_target_method(const struct curl_state *state)
{
    if (state->method_bytes)
        return state->method;
    if (state->has_no_body)
        return "HEAD";
    return state->verb == CURL_VERB_POST ? "POST" : state->verb == CURL_VERB_PUT ? "PUT" : "GET";
}

/* For the second time the same target is worth facts of the handle's own. */
void curl_target_settle_slowly(struct connection *connection, struct curl_state *state)
{
    bool is_again = state->target == CURL_TARGET_USED;
    if (is_again && (!state->url_bytes || state->url_bytes > SHARED_URL_BYTES || state->connect_only))
        return;
    struct facts facts = connection_facts(connection);
    state->target = is_again ? CURL_TARGET_SHARED : CURL_TARGET_USED;
    if (!is_again)
        return;
    facts_string(&facts, WIRE_URL_FULL, state->url, state->url_bytes);
    if (curl_is_http(state))
        facts_text(&facts, WIRE_HTTP_REQUEST_METHOD, curl_target_method(state));
}

/*
 * What the facts of the end may need: an operation has 864 bytes for all its facts, and status, peer and phases come
 * last. Where there is more of the URL it is written whole when the request is over.
 */
#define LATER_FACTS_BYTES 464u
#define LATER_HEADER_BYTES 192u /* besides, where headers are asked for */
static_assert(sizeof(struct wire_facts) + 2 * sizeof(struct wire_fact) + SHARED_URL_BYTES +
                      CURL_METHOD_BYTES + LATER_FACTS_BYTES + LATER_HEADER_BYTES <=
                  WIRE_OPERATION_STAGING_BYTES,
              "room for what comes later");

static void add_url(struct facts *facts, struct curl_state *state, struct operation *operation)
{
    const struct shim_settings *settings = settings_get();
    bool has_headers = settings->request_headers || settings->response_headers || settings->user_agent;
    if (!operation)
        facts_string(facts, WIRE_URL_FULL, state->url, state->url_bytes);
    else
        operation_text(operation, &state->url_mark, WIRE_URL_FULL, state->url, state->url_bytes,
                       LATER_FACTS_BYTES + (has_headers ? LATER_HEADER_BYTES : 0));
}

void curl_target_add(struct facts *facts, struct curl_state *state, struct operation *operation)
{
    if (state->url_bytes)
        add_url(facts, state, operation);
    if (curl_is_http(state))
        facts_text(facts, WIRE_HTTP_REQUEST_METHOD, curl_target_method(state));
}

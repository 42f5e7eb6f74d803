/*
 * curl_socket: connections that libcurl makes and the program then uses by itself: WebSocket, CURLOPT_CONNECT_ONLY.
 *
 *   opens     a request that ended with 101 where CONNECT_ONLY is 2; any success where it is 1
 *   closes    curl_ws_recv, curl_ws_send that fail; the handle's next request, removal from its multi handle, reset,
 *             cleanup. curl_easy_send, curl_easy_recv are not interposed: what they find closed is seen at cleanup
 *   counted   messages, not fragments; control frames (close, ping, pong) are none
 *   not seen  messages that a write callback is given (no CONNECT_ONLY): libcurl calls the program then, not we; raw mode
 *   traps     libcurl itself answers a ping by curl_ws_send, through the PLT on Debian. libcurl 7.88 does not mark the
 *             first of several fragments (CURLWS_CONT), and gives the last one no type; 8.x does both: counted is what
 *             has a type and no mark, which is one a message either way.
 */
#include "curl_priv.h"

#include "count.h"

#define CONTROL_FRAMES (CURLWS_CLOSE | CURLWS_PING | CURLWS_PONG)
#define UPGRADED 101

void curl_socket_open(struct connection *connection, CURL *handle, const struct curl_calls *calls,
                      CURLcode code)
{
    struct curl_state *state = curl_state_of(connection);
    if (!state || !state->connect_only || code != CURLE_OK || !calls->getinfo)
        return;
    if (state->connect_only == CURL_UPGRADES_ONLY &&
        curl_request_number(handle, calls, CURLINFO_RESPONSE_CODE) != UPGRADED)
        return;
    curl_request_read_url(state, calls); /* of one that only connects nobody has asked yet */
    struct facts facts = connection_facts(connection);
    curl_url_add_server(&facts, state->url);
    state->is_open = true;
    state->frame_left = 0;
    count_add(INSTRUMENT_libcurl, WIRE_OPEN_CONNECTIONS, 1, connection);
}

void curl_socket_close(struct connection *connection)
{
    struct curl_state *state = curl_state_of(connection);
    if (!state || !state->is_open)
        return;
    state->is_open = false;
    count_add(INSTRUMENT_libcurl, WIRE_OPEN_CONNECTIONS, -1, connection);
    (void)connection_facts(connection); /* later requests of the handle may go elsewhere */
}

/* ---- WebSocket ---- */

/* AGAIN: nothing to read, or no room to write. The others are mistakes of the program. */
static bool says_closed(CURLcode code)
{
    return code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
}

/* A frame may go out in pieces: `whole` is the frame's length where the first of them says it. */
static void count_sent(struct connection *connection, struct curl_state *state, size_t bytes, size_t sent,
                       curl_off_t whole, unsigned int flags)
{
    if (!(flags & CURLWS_OFFSET))
        state->frame_left = state->frame_left ? state->frame_left : bytes;
    else if (whole > 0)
        state->frame_left = (uint64_t)whole;
    state->frame_left -= sent < state->frame_left ? sent : state->frame_left;
    if (!state->frame_left && !(flags & CURLWS_CONT))
        count_add(INSTRUMENT_libcurl, WIRE_MESSAGES_SENT, 1, connection);
}

static __attribute__((noinline)) CURLcode send_frame(struct real_entry *entry, const void *call_site,
                                                     CURL *handle, const void *data, size_t bytes,
                                                     size_t *ret_sent, curl_off_t whole, unsigned int flags)
{
    __typeof__(&curl_ws_send) real = real_find(entry, call_site, handle);
    CURLcode code = real(handle, data, bytes, ret_sent, whole, flags);
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    if (!state || (flags & CONTROL_FRAMES))
        return code;
    if (says_closed(code))
        curl_socket_close(connection);
    else if (code == CURLE_OK && ret_sent && (flags & (CURLWS_TEXT | CURLWS_BINARY | CURLWS_OFFSET)))
        count_sent(connection, state, bytes, *ret_sent, whole, flags);
    return code;
}

/* libcurl 8 says const of what it hands out: one ABI. `meta` is read only after a success. */
static __attribute__((noinline)) CURLcode receive_frame(struct real_entry *entry, const void *call_site,
                                                        CURL *handle, void *data, size_t bytes,
                                                        size_t *ret_received, struct curl_ws_frame **ret_meta)
{
    __typeof__(&curl_ws_recv) real = real_find(entry, call_site, handle);
    CURLcode code = real(handle, data, bytes, ret_received, ret_meta);
    struct connection *connection = connection_find(handle);
    if (!curl_state_of(connection))
        return code;
    const struct curl_ws_frame *frame = code == CURLE_OK && ret_meta ? *ret_meta : NULL;
    bool has_type = frame && (frame->flags & (CURLWS_TEXT | CURLWS_BINARY));
    if (has_type && !frame->bytesleft && !(frame->flags & CURLWS_CONT))
        count_add(INSTRUMENT_libcurl, WIRE_MESSAGES_RECEIVED, 1, connection);
    else if (says_closed(code))
        curl_socket_close(connection);
    return code;
}

/* ---- the instances ---- */

#define WS_SEND(node, at, ...)                                                                             \
    CURL_INSTANCE(curl_ws_send, node, at)                                                                  \
    CURLcode curl_ws_send__##node(CURL *handle, const void *data, size_t bytes, size_t *ret_sent,          \
                                  curl_off_t whole, unsigned int flags)                                    \
    {                                                                                                      \
        CALL_SITE;                                                                                         \
        return send_frame(CURL_ENTRY(curl_ws_send, node), call_site, handle, data, bytes, ret_sent, whole, \
                          flags);                                                                          \
    }
CURL_FLAVOURS(WS_SEND, )

#define WS_RECV(node, at, ...)                                                                             \
    CURL_INSTANCE(curl_ws_recv, node, at)                                                                  \
    CURLcode curl_ws_recv__##node(CURL *handle, void *data, size_t bytes, size_t *ret_received,            \
                                  struct curl_ws_frame **ret_meta)                                         \
    {                                                                                                      \
        CALL_SITE;                                                                                         \
        return receive_frame(CURL_ENTRY(curl_ws_recv, node), call_site, handle, data, bytes, ret_received, \
                             ret_meta);                                                                    \
    }
CURL_FLAVOURS(WS_RECV, )

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

void curl_socket_open(struct connection *connection, CURL *handle, const struct curl_calls *calls,
                      CURLcode code)
{
    struct curl_state *state = curl_state_of(connection);
    if (!state || !state->connect_only || code != CURLE_OK || !calls->getinfo)
        return;
    if (state->connect_only == CURL_UPGRADES_ONLY &&
        curl_request_number(handle, calls, CURLINFO_RESPONSE_CODE) != CURL_UPGRADED)
        return;
    if (state->url_handle) /* of one that only connects nobody has asked yet */
        curl_target_read_url(state, calls);
    struct facts facts = connection_facts(connection);
    state->target = CURL_TARGET_NEW;
    curl_url_add_server(&facts, state->url);
    state->is_open = true;
    state->frame_left = 0;
    count_add(INSTRUMENT_libcurl, WIRE_OPEN_CONNECTIONS, 1, connection);
}

void curl_socket_close_open(struct connection *connection)
{
    curl_state_of(connection)->is_open = false;
    count_add(INSTRUMENT_libcurl, WIRE_OPEN_CONNECTIONS, -1, connection);
    (void)connection_facts(connection); /* later requests of the handle may go elsewhere */
}

/* ---- WebSocket ---- */

/* AGAIN: nothing to read, or no room to write. The others are mistakes of the program. */
static bool says_closed(CURLcode code)
{
    return code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
}

/* One call of curl_ws_send. */
struct piece {
    size_t bytes, sent;
    curl_off_t whole; /* length of the frame, where the first of its pieces says it */
    unsigned int flags;
};

static void count_sent(struct connection *connection, struct curl_state *state, const struct piece *piece)
{
    uint64_t left = state->frame_left;
    if (!(piece->flags & CURLWS_OFFSET))
        left = left ? left : piece->bytes; /* libcurl took a part of it: the program sends the rest */
    else if (piece->whole > 0)
        left = (uint64_t)piece->whole;
    state->frame_left = left - (piece->sent < left ? piece->sent : left);
    if (!state->frame_left && !(piece->flags & CURLWS_CONT))
        count_add(INSTRUMENT_libcurl, WIRE_MESSAGES_SENT, 1, connection);
}

static __attribute__((noinline)) void after_send(CURL *handle, CURLcode code, const struct piece *piece)
{
    struct connection *connection = connection_find(handle);
    struct curl_state *state = curl_state_of(connection);
    if (!state || (piece->flags & CONTROL_FRAMES))
        return;
    if (says_closed(code))
        curl_socket_close(connection);
    else if (code == CURLE_OK && (piece->flags & (CURLWS_TEXT | CURLWS_BINARY | CURLWS_OFFSET)))
        count_sent(connection, state, piece);
}

static __attribute__((noinline)) void after_receive(CURL *handle, CURLcode code,
                                                    const struct curl_ws_frame *frame)
{
    struct connection *connection = connection_find(handle);
    if (!curl_state_of(connection))
        return;
    bool has_type = code == CURLE_OK && frame && (frame->flags & (CURLWS_TEXT | CURLWS_BINARY));
    if (has_type && !frame->bytesleft && !(frame->flags & CURLWS_CONT))
        count_add(INSTRUMENT_libcurl, WIRE_MESSAGES_RECEIVED, 1, connection);
    else if (says_closed(code))
        curl_socket_close(connection);
}

/* ---- the instances ---- */

#define REAL_WS(function, node) \
    ((__typeof__(&function))real_find(CURL_ENTRY(function, node), call_site, handle))

#define WS_SEND(node, at, ...)                                                                    \
    CURL_INSTANCE(curl_ws_send, node, at)                                                         \
    CURLcode curl_ws_send__##node(CURL *handle, const void *data, size_t bytes, size_t *ret_sent, \
                                  curl_off_t whole, unsigned int flags)                           \
    {                                                                                             \
        CALL_SITE;                                                                                \
        CURLcode code = REAL_WS(curl_ws_send, node)(handle, data, bytes, ret_sent, whole, flags); \
        struct piece piece = {bytes, ret_sent ? *ret_sent : 0, whole, flags};                     \
        after_send(handle, code, &piece);                                                         \
        return code;                                                                              \
    }
CURL_FLAVOURS(WS_SEND, )

/* libcurl 8 says const of what it hands out: one ABI. It is read only after a success. */
#define WS_RECV(node, at, ...)                                                                    \
    CURL_INSTANCE(curl_ws_recv, node, at)                                                         \
    CURLcode curl_ws_recv__##node(CURL *handle, void *data, size_t bytes, size_t *ret_received,   \
                                  struct curl_ws_frame **ret_meta)                                \
    {                                                                                             \
        CALL_SITE;                                                                                \
        CURLcode code = REAL_WS(curl_ws_recv, node)(handle, data, bytes, ret_received, ret_meta); \
        after_receive(handle, code, ret_meta &&code == CURLE_OK ? *ret_meta : NULL);              \
        return code;                                                                              \
    }
CURL_FLAVOURS(WS_RECV, )

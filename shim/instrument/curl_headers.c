/*
 * curl_headers: X-Request-ID of a request, and headers that OTELSHIM_REQUEST_HEADERS and OTELSHIM_RESPONSE_HEADERS ask for;
 * the user agent; how many requests were hidden in one call.
 *
 *   copied    "Name: value" of the program's own list, and what curl_easy_header() (7.83) has of the last answer
 *   not read  headers that libcurl makes itself, but for CURLOPT_USERAGENT
 *   traps     "Name:" in the program's list takes a header away, "Name;" sends an empty one: neither is copied
 */
#include "curl_priv.h"

#include "settings.h"
#include "text.h"
#include <string.h>

#define NAME_BYTES 64u
#define REQUEST_ID "X-Request-ID" /* recorded without being asked for */
#define LINE_BYTES 512u
#define MAX_VALUES 8u      /* of one header of an answer */
#define MAX_REQUESTS 1000u /* CURLOPT_MAXREDIRS is 30 or, before 8.3, without limit */

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* Copies the next name of a comma list; false at its end. Names longer than any header's are passed over. */
static bool next_name(const char **list, char name[NAME_BYTES])
{
    const char *word;
    size_t bytes;
    while (text_next_word(list, &word, &bytes)) {
        if (bytes >= NAME_BYTES)
            continue;
        memcpy(name, word, bytes);
        name[bytes] = 0;
        return true;
    }
    return false;
}

/* The value of "Name: value", NULL when the line is not about `name` or has none. */
static const char *value_of(const char *line, const char *name)
{
    size_t bytes = strlen(name);
    if (!text_begins_ignoring_case(line, name) || line[bytes] != ':')
        return NULL;
    const char *value = skip_blanks(line + bytes + 1);
    return *value ? value : NULL;
}

static const char *find_value(const struct curl_slist *list, const char *name)
{
    for (; list; list = list->next) {
        const char *value = list->data ? value_of(list->data, name) : NULL;
        if (value)
            return value;
    }
    return NULL;
}

/* What is always looked for. The first letter tells nearly every line to be another one. */
static void add_known_headers(struct facts *facts, const struct curl_slist *item)
{
    const char *host = NULL;
    for (; item; item = item->next) {
        int first = item->data ? *item->data | 0x20 : 0;
        if (first == 'h' && !host) {
            host = value_of(item->data, "Host");
            if (host)
                facts_text(facts, WIRE_HTTP_HOST, host);
        } else if (first == 'x' && !facts->always_only && value_of(item->data, REQUEST_ID)) {
            facts_text(facts, WIRE_HTTP_REQUEST_HEADER, item->data);
        }
    }
}

/* Apart, so that requests of which nothing is asked need no room for names. */
static __attribute__((noinline)) void
add_request_headers(struct facts *facts, const struct curl_slist *headers, const char *wanted)
{
    char name[NAME_BYTES];
    while (next_name(&wanted, name))
        for (const struct curl_slist *item = headers; item; item = item->next)
            if (item->data && value_of(item->data, name) && !value_of(item->data, REQUEST_ID))
                facts_text(facts, WIRE_HTTP_REQUEST_HEADER, item->data);
}

void curl_headers_begin(struct facts *facts, const struct curl_state *state)
{
    const struct shim_settings *settings = settings_get();
    add_known_headers(facts, state->headers);
    if (facts->always_only)
        return;
    if (settings->request_headers && state->headers)
        add_request_headers(facts, state->headers, settings->request_headers);
    if (settings->user_agent) {
        const char *own = find_value(state->headers, "User-Agent");
        const char *agent = own ? own : state->user_agent;
        if (*agent)
            facts_text(facts, WIRE_USER_AGENT_ORIGINAL, agent);
    }
}

/* ---- the answer ---- */

static void add_response_header(struct facts *facts, const struct curl_header *header)
{
    char line[LINE_BYTES];
    size_t at = text_append(line, 0, sizeof(line), header->name);
    at = text_append(line, at, sizeof(line), ": ");
    at = text_append(line, at, sizeof(line), header->value);
    facts_string(facts, WIRE_HTTP_RESPONSE_HEADER, line, at);
}

/* Those of an upgrade are headers of an interim answer for libcurl, and the last there are. */
static void add_response_headers(struct facts *facts, CURL *handle, const struct curl_calls *calls,
                                 const char *wanted)
{
    bool is_upgrade = curl_request_number(handle, calls, CURLINFO_RESPONSE_CODE) == CURL_UPGRADED;
    unsigned kinds = is_upgrade ? CURLH_1XX : CURLH_HEADER | CURLH_TRAILER;
    char name[NAME_BYTES];
    struct curl_header *header;
    while (next_name(&wanted, name))
        for (size_t i = 0; i < MAX_VALUES; i++) {
            if (calls->header(handle, name, i, kinds, -1, &header) != CURLHE_OK)
                break;
            add_response_header(facts, header);
        }
}

/* The redirects among them, and the retries behind them, where libcurl tells those. */
static int64_t count_resends(CURL *handle, const struct curl_calls *calls, int64_t redirects)
{
    struct curl_header *header;
    int64_t resends = redirects > 0 ? redirects : 0;
    while (calls->header && resends < MAX_REQUESTS) {
        CURLHcode code = calls->header(handle, "-", 0, CURLH_HEADER, (int)resends + 1, &header);
        if (code != CURLHE_OK && code != CURLHE_MISSING)
            break;
        resends++;
    }
    return resends;
}

__attribute__((noinline, cold)) enum curl_sent curl_headers_count_all(struct facts *facts, CURL *handle,
                                                                      const struct curl_calls *calls)
{
    int64_t redirects = curl_request_number(handle, calls, CURLINFO_REDIRECT_COUNT);
    int64_t resends = count_resends(handle, calls, redirects);
    if (resends > 0)
        facts_int(facts, WIRE_HTTP_RESEND_COUNT, resends);
    if (redirects > 0)
        facts_int(facts, WIRE_HTTP_REDIRECT_COUNT, redirects);
    return redirects > 0 ? CURL_SENT_ELSEWHERE : !calls->header || resends ? CURL_SENT_AGAIN : CURL_SENT_ONCE;
}

void curl_headers_end(struct facts *facts, CURL *handle, const struct curl_calls *calls)
{
    const char *wanted = settings_get()->response_headers;
    if (__builtin_expect(wanted && calls->header, 0))
        add_response_headers(facts, handle, calls, wanted);
}

/*
 * curl_body: the beginnings of what a request sends and gets, where OTELSHIM_BODY_BYTES asks for them (for rules; the exporter
 * hands them on nowhere).
 *
 *   copied    CURLOPT_POSTFIELDS when the request begins, CURLOPT_COPYPOSTFIELDS when it is set; what libcurl hands to the
 *             program's write function, once the program took it
 *   changed   CURLOPT_WRITEFUNCTION and CURLOPT_WRITEDATA for the length of a request: a function of ours, which calls the program's
 *             with the same bytes and returns what that returns
 *   not seen  what a read function sends, forms (CURLOPT_MIMEPOST), WebSockets; answers where CURLOPT_HEADERDATA is set without a
 *             function (libcurl gives headers to the write function then, with that pointer)
 *   traps     a paused piece (CURL_WRITEFUNC_PAUSE) comes again: counted when it is taken. A write function that longjmps out leaves
 *             ours in place: the next event on the handle gives the program's back (curl_request_restore). What the program sets from
 *             inside a callback is taken note of, and libcurl keeps ours: before 7.86 it goes on with the function that it had,
 *             and the new pointer. Without a function of the program's libcurl calls fwrite() with its FILE, and without a
 *             pointer it hands stdout on: so does ours.
 */
#include "curl_priv.h"

#include "hot.h"
#include "settings.h"
#include "sys.h"
#include "text.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

HOT_WORD uint32_t curl_body_bytes;

/* A mapping of its own, of handles for which one was needed. Written by the thread that uses the handle. */
struct curl_body {
    curl_write_callback write; /* the program's; NULL: none, fwrite() */
    void *write_data;
    bool has_write_data, has_header_data, has_header_function;
    bool is_wrapped;    /* libcurl has ours */
    const char *post;   /* CURLOPT_POSTFIELDS: the program's memory; NULL none */
    int64_t post_bytes; /* CURLOPT_POSTFIELDSIZE; -1: up to its NUL */
    uint32_t n_copied;  /* CURLOPT_COPYPOSTFIELDS, in `request` since it was set; 0: none */
    uint64_t whole_copied;
    struct operation_annex annex; /* of the request that runs */
    char request[WIRE_STRING_MAX], response[WIRE_STRING_MAX];
};

enum { REQUEST, RESPONSE };

static struct curl_body *make(struct curl_state *state)
{
    if (state->body || state->is_body_unknown)
        return state->body;
    struct curl_body *body =
        sys_mmap(NULL, sizeof(*body), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (body)
        body->post_bytes = -1;
    else
        state->is_body_unknown =
            true; /* options passed by unseen: nothing of ours may stand in front of them */
    state->body = body;
    return body;
}

void curl_body_learn(void)
{
    uint32_t bytes = settings_get()->body_bytes;
    if (bytes && !curl_wants_bodies())
        __atomic_store_n(&curl_body_bytes, bytes, __ATOMIC_RELAXED);
}

/* ---- options ---- */

static bool is_body_option(CURLoption option)
{
    return option == CURLOPT_WRITEFUNCTION || option == CURLOPT_WRITEDATA || option == CURLOPT_HEADERDATA ||
           option == CURLOPT_HEADERFUNCTION || option == CURLOPT_POSTFIELDSIZE ||
           option == CURLOPT_POSTFIELDSIZE_LARGE;
}

static void note(struct curl_body *body, CURLoption option, void *value)
{
    switch (option) {
    case CURLOPT_WRITEFUNCTION:
        memcpy(&body->write, &value, sizeof(value));
        break;
    case CURLOPT_WRITEDATA:
        body->write_data = value;
        body->has_write_data = true;
        break;
    case CURLOPT_HEADERDATA:
        body->has_header_data = value != NULL;
        break;
    case CURLOPT_HEADERFUNCTION:
        body->has_header_function = value != NULL;
        break;
    default:
        body->post_bytes = (int64_t)(intptr_t)value;
        break;
    }
}

/* libcurl gives headers to the write function, with CURLOPT_HEADERDATA. */
static bool gets_headers(const struct curl_body *body)
{
    return body->has_header_data && !body->has_header_function;
}

CURLcode curl_body_option(__typeof__(&curl_easy_setopt) real, CURL *handle, CURLoption option, void *value)
{
    struct curl_state *state = is_body_option(option) ? curl_state_of(connection_find(handle)) : NULL;
    if (!state)
        return real(handle, option, value);
    const struct curl_calls calls = {.setopt = real};
    struct curl_body *body = make(state);
    bool is_ours =
        body && body->is_wrapped && (option == CURLOPT_WRITEFUNCTION || option == CURLOPT_WRITEDATA);
    CURLcode code = is_ours ? CURLE_OK : real(handle, option, value);
    if (code == CURLE_OK && body)
        note(body, option, value);
    if (body && gets_headers(body))
        curl_body_restore(handle, state, &calls);
    return code;
}

static uint32_t bounded(uint64_t bytes)
{
    return (uint32_t)(bytes < curl_wants_bodies() ? bytes : curl_wants_bodies());
}

/* Of the program's text; one byte more than is copied tells that there is more. */
static uint64_t post_bytes(const struct curl_body *body, const char *text)
{
    return body->post_bytes >= 0 ? (uint64_t)body->post_bytes : strnlen(text, curl_wants_bodies() + 1u);
}

void curl_body_post(struct curl_state *state, CURLoption option, const char *text)
{
    bool is_post = option == CURLOPT_POSTFIELDS || option == CURLOPT_COPYPOSTFIELDS ||
                   option == CURLOPT_HTTPPOST || option == CURLOPT_MIMEPOST;
    struct curl_body *body = is_post ? make(state) : NULL;
    if (!body)
        return;
    body->post = option == CURLOPT_POSTFIELDS ? text : NULL;
    body->n_copied = 0;
    if (option != CURLOPT_COPYPOSTFIELDS || !text)
        return;
    body->whole_copied = post_bytes(body, text);
    body->n_copied = bounded(body->whole_copied);
    memcpy(body->request, text, body->n_copied);
}

/* ---- a request ---- */

/* libcurl's own is stdout. */
static void *write_data_of(const struct curl_body *body)
{
    return body->has_write_data ? body->write_data : stdout;
}

/* libcurl calls it as it would the program's. */
static size_t write_body(char *data, size_t size, size_t n, void *user)
{
    struct curl_body *body = user;
    struct facts_part *part = &body->annex.parts[RESPONSE];
    size_t bytes = size * n;
    uint32_t kept = bounded(part->bytes + bytes) - part->bytes;
    memcpy(body->response + part->bytes, data, kept); /* before the program may write there */
    size_t taken = body->write ? body->write(data, size, n, write_data_of(body))
                               : fwrite(data, size, n, write_data_of(body));
    if (taken == bytes) {
        part->bytes += kept;
        part->whole += bytes;
    }
    return taken;
}

static void wrap(CURL *handle, struct curl_body *body, const struct curl_calls *calls)
{
    if (!calls->setopt || gets_headers(body) || calls->setopt(handle, CURLOPT_WRITEDATA, body) != CURLE_OK)
        return;
    body->is_wrapped = true;
    if (calls->setopt(handle, CURLOPT_WRITEFUNCTION, write_body) != CURLE_OK) {
        (void)calls->setopt(handle, CURLOPT_WRITEDATA, write_data_of(body));
        body->is_wrapped = false;
    }
}

static void give_back(CURL *handle, const struct curl_body *body, const struct curl_calls *calls)
{
    (void)calls->setopt(handle, CURLOPT_WRITEFUNCTION, body->write);
    (void)calls->setopt(handle, CURLOPT_WRITEDATA, write_data_of(body));
}

void curl_body_restore(CURL *handle, struct curl_state *state, const struct curl_calls *calls)
{
    struct curl_body *body = state->body;
    if (!body || !body->is_wrapped || !calls->setopt)
        return;
    give_back(handle, body, calls);
    body->is_wrapped = false;
}

static void copy_request(struct curl_body *body, const struct curl_state *state)
{
    struct facts_part *part = &body->annex.parts[REQUEST];
    if (state->verb != CURL_VERB_POST || state->has_no_body)
        return;
    part->whole = body->post ? post_bytes(body, body->post) : body->whole_copied;
    part->bytes = body->post ? bounded(part->whole) : body->n_copied;
    if (body->post)
        memcpy(body->request, body->post, part->bytes);
}

static bool is_socket(const char *url)
{
    return text_begins_ignoring_case(url, "ws:") || text_begins_ignoring_case(url, "wss:");
}

/* What later facts of a span need where its request's body is long. */
#define LATER_FACTS_BYTES 1024u

void curl_body_begin(CURL *handle, struct curl_state *state, const struct curl_calls *calls,
                     struct facts *facts, struct operation *operation)
{
    if (state)
        curl_body_restore(handle, state, calls); /* left by a longjmp */
    struct curl_body *body =
        state && (curl_url_kind_of(state) & CURL_URL_IS_HTTP) && !is_socket(state->url) ? make(state) : NULL;
    if (!body)
        return;
    body->annex = (struct operation_annex){
        .keys = {WIRE_HTTP_REQUEST_BODY, WIRE_HTTP_RESPONSE_BODY},
        .parts = {[REQUEST] = {.data = body->request}, [RESPONSE] = {.data = body->response}},
    };
    copy_request(body, state);
    if (operation)
        operation_set_annex(operation, &body->annex);
    else
        facts_beginning(facts, WIRE_HTTP_REQUEST_BODY, &body->annex.parts[REQUEST], LATER_FACTS_BYTES);
    wrap(handle, body, calls);
}

void curl_body_end(struct facts *facts, CURL *handle, struct curl_state *state,
                   const struct curl_calls *calls)
{
    if (!state || !state->body)
        return;
    curl_body_restore(handle, state, calls);
    facts_beginning(facts, WIRE_HTTP_RESPONSE_BODY, &state->body->annex.parts[RESPONSE], 0);
}

/* ---- the handle ---- */

/* The copy of a running handle has our function, too, even where we do not follow it (HTTP/2 push). */
void curl_body_copy(struct curl_state *to, const struct curl_state *from, CURL *copy,
                    const struct curl_calls *calls)
{
    const struct curl_body *body = from->body;
    struct curl_body *own = NULL;
    if (to)
        to->body = NULL;
    if (body && body->is_wrapped && calls->setopt)
        give_back(copy, body, calls);
    if (body && to)
        own = make(to);
    if (!own)
        return;
    *own = *body;
    own->is_wrapped = false;
}

void curl_body_forget(struct curl_body *body)
{
    if (!body)
        return;
    memset(body, 0, offsetof(struct curl_body, request));
    body->post_bytes = -1;
}

void curl_body_destroy(struct curl_body *body)
{
    (void)sys_munmap(body, sizeof(*body));
}

void curl_body_left(const CURL *handle)
{
    struct curl_state *state = curl_state_of(connection_find(handle));
    if (state && state->body)
        curl_body_destroy(state->body);
}

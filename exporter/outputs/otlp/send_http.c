/* send_http: see send_http.h. */
#include "outputs/otlp/send_http.h"

#include "trace_service.pb-c.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* OTLP spec, "User Agent": a distribution puts its own product in front. */
#define USER_AGENT "otelshim/" OTELSHIM_VERSION " OTel-OTLP-Exporter-C/" OTELSHIM_VERSION

struct sender {
    const struct delivery *delivery; /* its owner's */
    struct http_client *client;
    struct http_call *call; /* NULL: none under way */
    http_done_fn done;
    void *context;
    struct arena arena;
    const char *
        *headers; /* NULL-terminated; the last one, Content-Encoding, is taken out where it does not hold */
    uint32_t n_headers;
};

/* A decoded line break must not become a header of its own; ours are not the user's to set. */
static bool may_send(const struct header_line *header)
{
    static const char *const ours[] = {"Content-Type", "Content-Encoding", "Content-Length",
                                       "Transfer-Encoding"};
    for (const char *c = header->name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == ':' || *c == 0x7f)
            return false;
    for (const char *c = header->value; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return false;
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (strcasecmp(header->name, ours[i]) == 0)
            return false;
    return header->name[0] != 0;
}

struct sender *sender_create(struct loop *loop, const struct delivery *delivery)
{
    struct sender *sender = calloc(1, sizeof(*sender));
    if (!sender)
        abort();
    sender->delivery = delivery;
    sender->client = http_client_create(loop);
    sender->headers = arena_zalloc(&sender->arena, (delivery->n_headers + 3) * sizeof(*sender->headers));
    sender->headers[sender->n_headers++] = "Content-Type: application/x-protobuf";
    for (uint32_t i = 0; i < delivery->n_headers; i++) {
        const struct header_line *header = &delivery->headers[i];
        if (!may_send(header))
            continue;
        /* "Name;" is libcurl's way to send an empty value; "Name:" would take the header out */
        sender->headers[sender->n_headers++] =
            header->value[0] ? arena_printf(&sender->arena, "%s: %s", header->name, header->value)
                             : arena_printf(&sender->arena, "%s;", header->name);
    }
    return sender;
}

void sender_destroy(struct sender *sender)
{
    if (!sender)
        return;
    http_client_destroy(sender->client);
    arena_fini(&sender->arena);
    free(sender);
}

static void finished(void *context, const struct http_result *result)
{
    struct sender *sender = context;
    sender->call = NULL;
    sender->done(sender->context, result);
}

void sender_post(struct sender *sender, const struct body *body, bool is_gzip, uint32_t timeout_ms,
                 http_done_fn done, void *context)
{
    const struct delivery *delivery = sender->delivery;
    assert(!sender->call);
    sender->done = done;
    sender->context = context;
    sender->headers[sender->n_headers] = is_gzip ? "Content-Encoding: gzip" : NULL;
    struct http_request request = {
        .url = delivery->url,
        .headers = sender->headers,
        .body = body->bytes,
        .body_bytes = body->n_bytes,
        .timeout_ms = timeout_ms,
        .user_agent = USER_AGENT,
        .ca_file = delivery->certificate,
        .client_key = delivery->client_key,
        .client_certificate = delivery->client_certificate,
    };
    sender->call = http_post(sender->client, &request, finished, sender);
}

void sender_cancel(struct sender *sender)
{
    http_call_cancel(sender->call);
    sender->call = NULL;
}

static void copy_line(struct answer *answer, const char *text)
{
    snprintf(answer->message, sizeof(answer->message), "%s", text);
    for (char *c = answer->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
}

static void read_partial_success(const struct http_result *result, struct answer *answer)
{
    Otlp__ExportTraceServiceResponse *response =
        otlp__export_trace_service_response__unpack(NULL, result->body_bytes, (const uint8_t *)result->body);
    if (!response) /* not understood: delivered all the same */
        return;
    const Otlp__ExportTracePartialSuccess *partial = response->partial_success;
    if (partial) {
        answer->n_rejected = partial->rejected_spans > 0 ? (uint64_t)partial->rejected_spans : 0;
        copy_line(answer, partial->error_message);
    }
    otlp__export_trace_service_response__free_unpacked(response, NULL);
}

static bool is_text(const struct http_result *result)
{
    for (size_t i = 0; i < result->body_bytes && i < 100; i++) {
        unsigned char c = (unsigned char)result->body[i];
        if ((c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            return false;
    }
    return result->body_bytes > 0;
}

void sender_read_answer(const struct http_result *result, struct answer *ret_answer)
{
    *ret_answer = (struct answer){0};
    if (result->outcome != HTTP_ANSWERED) {
        copy_line(ret_answer, result->error);
        return;
    }
    if (result->status >= 200 && result->status < 300) {
        read_partial_success(result, ret_answer);
        return;
    }
    Otlp__RpcStatus *status =
        otlp__rpc_status__unpack(NULL, result->body_bytes, (const uint8_t *)result->body);
    if (status && status->message[0])
        copy_line(ret_answer, status->message);
    else if (is_text(result))
        copy_line(ret_answer, result->body);
    otlp__rpc_status__free_unpacked(status, NULL);
}

/*
 * send_http: one OTLP request over HTTP: URL, headers, certificates and deadline as the settings say.
 *
 * Context: loop.
 */
#ifndef OTELSHIM_SEND_HTTP_H
#define OTELSHIM_SEND_HTTP_H

#include "base/http_client.h"
#include "outputs/otlp/encode_trace.h"
#include "settings/settings.h"

struct sender;

struct sender *sender_create(struct loop *loop, const struct delivery *delivery);
/* NULL is fine. */
void sender_destroy(struct sender *sender);
/* The body must live until `done`. One at a time. */
void sender_post(struct sender *sender, const struct body *body, bool is_gzip, uint32_t timeout_ms,
                 http_done_fn done, void *context);
/* Fine when nothing is under way. `done` is not called any more. */
void sender_cancel(struct sender *sender);

/* What an answer says, of whatever signal: their fields have the same numbers. */
struct answer {
    uint64_t n_rejected;
    char message[160]; /* one line; "" none */
};
/* Partial success of a delivered batch; the message of a refusal, be it protobuf or text. */
void sender_read_answer(const struct http_result *result, struct answer *ret_answer);

#endif

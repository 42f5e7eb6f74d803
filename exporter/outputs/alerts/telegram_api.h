/*
 * telegram_api: one request of the Bot API: its URL, its body, its way there. What comes back is telegram_answer.h's.
 *
 * Context: loop. Ownership: all strings stay the caller's and are not needed once the function has returned. The token is part of the URL
 * and nowhere else: it is never logged, and no text that libcurl gives has a path in it.
 */
#ifndef OTELSHIM_TELEGRAM_API_H
#define OTELSHIM_TELEGRAM_API_H

#include "base/http_client.h"
#include "settings/alert_settings.h"

/* The server may hold a call for 3 s before it says that there are too many. */
#define TELEGRAM_TIMEOUT_MS 10000u
/* A document may be large, and the line slow. */
#define TELEGRAM_UPLOAD_TIMEOUT_MS 60000u

/* How a message goes out. Zeroed and NULL: not so. */
struct telegram_message {
    const char *chat; /* "-100123", "@name", "-100123/7" */
    const char *text; /* of a document: its caption */
    bool is_html;
    bool is_silent;
    const char *edits, *replies_to; /* message ids */
};

struct telegram_document {
    const char *text; /* its content; NULL: that of the file `path` */
    const char *path;
    const char *file_name;
};

struct telegram_request;

/* `done` gets the HTTP result once, later; the request is gone when it returns. Without a token: NULL. */
struct telegram_request *telegram_send_message(struct http_client *client,
                                               const struct alert_settings *settings,
                                               const struct telegram_message *message, http_done_fn done,
                                               void *context);
struct telegram_request *telegram_send_document(struct http_client *client,
                                                const struct alert_settings *settings,
                                                const struct telegram_message *message,
                                                const struct telegram_document *document, http_done_fn done,
                                                void *context);
/* Any method, with parameters as a query ("offset=1&limit=100") or NULL: getMe, getUpdates, getChat … */
struct telegram_request *telegram_call(struct http_client *client, const struct alert_settings *settings,
                                       const char *method, const char *query, http_done_fn done,
                                       void *context);
/* Not from within its own `done`. NULL is fine. */
void telegram_request_cancel(struct telegram_request *request);

#endif

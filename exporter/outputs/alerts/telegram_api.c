/* telegram_api: see telegram_api.h. */
#include "outputs/alerts/telegram_api.h"

#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 8u

struct telegram_request {
    struct http_call *call;
    http_done_fn done;
    void *context;
    char *url, *body;
};

/* ---- requests ---- */

static void free_request(struct telegram_request *request)
{
    explicit_bzero(request->url, strlen(request->url)); /* the token */
    free(request->url);
    free(request->body);
    free(request);
}

static void finished(void *context, const struct http_result *result)
{
    struct telegram_request *request = context;
    request->done(request->context, result);
    free_request(request);
}

static struct telegram_request *make_request(const struct alert_settings *settings, const char *method,
                                             const char *query, http_done_fn done, void *context)
{
    if (!settings->telegram_token || !settings->telegram_api_url)
        return NULL;
    struct telegram_request *request = calloc(1, sizeof(*request));
    if (!request)
        abort();
    size_t base_bytes = strlen(settings->telegram_api_url);
    while (base_bytes && settings->telegram_api_url[base_bytes - 1] == '/')
        base_bytes--;
    if (asprintf(&request->url, "%.*s/bot%s/%s%s%s", (int)base_bytes, settings->telegram_api_url,
                 settings->telegram_token, method, query ? "?" : "", query ? query : "") < 0)
        abort();
    request->done = done;
    request->context = context;
    return request;
}

static struct http_request http_request_of(const struct telegram_request *request,
                                           const struct alert_settings *settings)
{
    return (struct http_request){.url = request->url,
                                 .timeout_ms = TELEGRAM_TIMEOUT_MS,
                                 .user_agent = "otelshim/" OTELSHIM_VERSION,
                                 .ca_file = settings->telegram_certificate,
                                 .proxy = settings->telegram_proxy,
                                 .is_once = true};
}

void telegram_request_cancel(struct telegram_request *request)
{
    if (!request)
        return;
    http_call_cancel(request->call);
    free_request(request);
}

/* ---- messages ---- */

/* "-100123/7": the chat, and the topic; 0: none. A group's topic 1, "General", is the one of messages without. */
static long split_chat(const char *address, char *ret_chat, size_t max_bytes)
{
    const char *slash = strchr(address, '/');
    size_t n = slash ? (size_t)(slash - address) : strlen(address);
    long topic = slash ? strtol(slash + 1, NULL, 10) : 0;
    snprintf(ret_chat, max_bytes, "%.*s", (int)n, address);
    return topic > 1 ? topic : 0;
}

static json_t *reply_of(const struct telegram_message *message)
{
    return json_pack("{s:I, s:b}", "message_id", (json_int_t)strtoll(message->replies_to, NULL, 10),
                     "allow_sending_without_reply", 1);
}

static char *message_body(const struct telegram_message *message)
{
    char chat[100];
    long topic = split_chat(message->chat, chat, sizeof(chat));
    json_t *root = json_object();
    json_put_text(root, "chat_id", chat);
    json_put_text(root, "text", message->text);
    json_object_set_new(root, "link_preview_options", json_pack("{s:b}", "is_disabled", 1));
    if (message->is_html)
        json_put_text(root, "parse_mode", "HTML");
    if (message->edits) {
        json_object_set_new(root, "message_id", json_integer(strtoll(message->edits, NULL, 10)));
    } else {
        if (topic)
            json_object_set_new(root, "message_thread_id", json_integer(topic));
        json_put_flag(root, "disable_notification", message->is_silent);
        if (message->replies_to)
            json_object_set_new(root, "reply_parameters", reply_of(message));
    }
    char *body = json_write(root, NULL);
    json_decref(root);
    return body;
}

struct telegram_request *telegram_send_message(struct http_client *client,
                                               const struct alert_settings *settings,
                                               const struct telegram_message *message, http_done_fn done,
                                               void *context)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct telegram_request *request =
        make_request(settings, message->edits ? "editMessageText" : "sendMessage", NULL, done, context);
    if (!request)
        return NULL;
    request->body = message_body(message);
    struct http_request http = http_request_of(request, settings);
    http.headers = headers;
    http.body = request->body;
    http.body_bytes = strlen(request->body);
    request->call = http_post(client, &http, finished, request);
    return request;
}

/* What the phone does with it: a page opens in the browser, a text in the messenger. */
static const char *type_of(const char *file_name)
{
    const char *dot = strrchr(file_name, '.');
    return dot && strcmp(dot, ".html") == 0   ? "text/html"
           : dot && strcmp(dot, ".json") == 0 ? "application/json"
                                              : "text/plain; charset=utf-8";
}

struct telegram_request *telegram_send_document(struct http_client *client,
                                                const struct alert_settings *settings,
                                                const struct telegram_message *message,
                                                const struct telegram_document *document, http_done_fn done,
                                                void *context)
{
    struct telegram_request *request = make_request(settings, "sendDocument", NULL, done, context);
    if (!request)
        return NULL;
    char chat[100], topic_text[24];
    long topic = split_chat(message->chat, chat, sizeof(chat));
    snprintf(topic_text, sizeof(topic_text), "%ld", topic);
    json_t *reply = message->replies_to ? reply_of(message) : NULL;
    char *reply_text = reply ? json_write(reply, NULL) : NULL;
    json_decref(reply);
    struct http_part parts[MAX_FIELDS];
    uint32_t n = 0;
    parts[n++] = (struct http_part){.name = "chat_id", .text = chat};
    if (message->text)
        parts[n++] = (struct http_part){.name = "caption", .text = message->text};
    if (message->is_html)
        parts[n++] = (struct http_part){.name = "parse_mode", .text = "HTML"};
    if (message->is_silent)
        parts[n++] = (struct http_part){.name = "disable_notification", .text = "true"};
    if (topic)
        parts[n++] = (struct http_part){.name = "message_thread_id", .text = topic_text};
    if (reply_text)
        parts[n++] = (struct http_part){.name = "reply_parameters", .text = reply_text};
    parts[n++] = (struct http_part){.name = "document",
                                    .text = document->text,
                                    .path = document->path,
                                    .file_name = document->file_name,
                                    .type = type_of(document->file_name)};
    struct http_request http = http_request_of(request, settings);
    http.parts = parts;
    http.n_parts = n;
    http.timeout_ms = TELEGRAM_UPLOAD_TIMEOUT_MS;
    request->call = http_post(client, &http, finished, request);
    free(reply_text);
    return request;
}

struct telegram_request *telegram_call(struct http_client *client, const struct alert_settings *settings,
                                       const char *method, const char *query, http_done_fn done,
                                       void *context)
{
    struct telegram_request *request = make_request(settings, method, query, done, context);
    if (!request)
        return NULL;
    struct http_request http = http_request_of(request, settings);
    request->call = http_get(client, &http, finished, request);
    return request;
}

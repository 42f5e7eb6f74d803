/* history: see history.h. A ring; the file is written anew once it has twice as many lines. */
#include "outputs/alerts/history.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

#define NAME "history"
#define MAX_BYTES (2u << 20)

struct history {
    struct outbox *outbox;
    struct past_alert items[HISTORY_MAX];
    uint32_t first, n;
    uint32_t n_lines; /* in the file */
};

static void set_text(char *ret_text, size_t max_bytes, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    if (bytes >= max_bytes)
        bytes = utf8_valid_bytes(text, max_bytes - 1);
    if (bytes)
        memcpy(ret_text, text, bytes);
    ret_text[bytes] = 0;
}

static char *encode(const struct past_alert *past, size_t *ret_bytes)
{
    json_t *object = json_object();
    json_put_number(object, "sequence", past->sequence);
    json_put_number(object, "time_unix_ns", past->time_unix_ns);
    json_put_number(object, "raised_unix_ns", past->raised_unix_ns);
    json_put_text(object, "class", alert_class_name(past->class));
    json_put_number(object, "level", past->level);
    json_put_text(object, "problem", past->problem);
    json_put_text(object, "type", past->type);
    json_put_text(object, "service", past->service);
    json_put_text(object, "message", past->message);
    json_put_text(object, "kind", past->kind);
    json_put_text(object, "address", past->address);
    json_put_text(object, "state", past->state);
    char *text = json_write(object, ret_bytes);
    json_decref(object);
    return text;
}

static void append(struct history *history, const struct past_alert *past)
{
    history->items[(history->first + history->n) % HISTORY_MAX] = *past;
    if (history->n < HISTORY_MAX)
        history->n++;
    else
        history->first = (history->first + 1) % HISTORY_MAX;
}

static void rewrite(struct history *history)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    for (uint32_t i = 0; i < history->n; i++) {
        char *line = encode(&history->items[(history->first + i) % HISTORY_MAX], NULL);
        fprintf(out, "%s\n", line);
        free(line);
    }
    fclose(out);
    if (outbox_write_document(history->outbox, NAME, text, bytes) == 0)
        history->n_lines = history->n;
    free(text);
}

static bool decode(const json_t *object, struct past_alert *ret_past)
{
    struct past_alert past = {.sequence = json_get_number(object, "sequence"),
                              .time_unix_ns = json_get_number(object, "time_unix_ns"),
                              .raised_unix_ns = json_get_number(object, "raised_unix_ns"),
                              .class = alert_class_find(json_get_text(object, "class")),
                              .level = (enum alert_level)(json_get_number(object, "level") & 3)};
    set_text(past.problem, sizeof(past.problem), json_get_text(object, "problem"));
    set_text(past.type, sizeof(past.type), json_get_text(object, "type"));
    set_text(past.service, sizeof(past.service), json_get_text(object, "service"));
    set_text(past.message, sizeof(past.message), json_get_text(object, "message"));
    set_text(past.kind, sizeof(past.kind), json_get_text(object, "kind"));
    set_text(past.address, sizeof(past.address), json_get_text(object, "address"));
    set_text(past.state, sizeof(past.state), json_get_text(object, "state"));
    *ret_past = past;
    return past.class < N_ALERT_CLASSES && past.state[0];
}

struct history *history_create(struct outbox *outbox)
{
    struct history *history = calloc(1, sizeof(*history));
    char *text = NULL, *save = NULL;
    size_t bytes = 0;
    if (!history)
        abort();
    history->outbox = outbox;
    if (outbox_read_document(outbox, NAME, MAX_BYTES, &text, &bytes) != 0)
        return history;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct past_alert past;
        json_t *object = json_read(line, strlen(line), MAX_BYTES);
        history->n_lines++;
        if (decode(object, &past))
            append(history, &past);
        json_decref(object);
    }
    free(text);
    return history;
}

void history_destroy(struct history *history)
{
    free(history);
}

void history_add(struct history *history, const struct message *message, uint64_t sequence, const char *state)
{
    const struct alert *alert = &message->alert;
    struct past_alert past = {.sequence = sequence,
                              .time_unix_ns = clock_ns(CLOCK_REALTIME),
                              .raised_unix_ns = message->raised_unix_ns,
                              .class = alert->class,
                              .level = alert->level};
    set_text(past.problem, sizeof(past.problem), message->problem);
    set_text(past.type, sizeof(past.type), alert->type);
    set_text(past.service, sizeof(past.service), alert->service);
    set_text(past.message, sizeof(past.message),
             alert->message ? alert->message
             : alert->body  ? alert->body
                            : alert->title);
    set_text(past.kind, sizeof(past.kind), message->target.kind ? message->target.kind->name : NULL);
    set_text(past.address, sizeof(past.address), message->target.address);
    set_text(past.state, sizeof(past.state), state);
    append(history, &past);
    size_t bytes;
    char *text = encode(&past, &bytes);
    text[bytes] = '\n'; /* in place of its end: it is written by length */
    if (history->n_lines >= 2 * HISTORY_MAX)
        rewrite(history);
    else if (outbox_append_document(history->outbox, NAME, text, bytes + 1) == 0)
        history->n_lines++;
    free(text);
}

bool history_has_sequence(const struct history *history, uint64_t sequence)
{
    for (uint32_t i = 0; i < history->n; i++)
        if (history->items[i].sequence == sequence)
            return true;
    return false;
}

uint64_t history_newest(const struct history *history)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < history->n; i++)
        newest = history->items[i].sequence > newest ? history->items[i].sequence : newest;
    return newest;
}

bool history_has_problem(const struct history *history, const char *problem)
{
    for (uint32_t i = 0; i < history->n; i++)
        if (strcmp(history->items[i].problem, problem) == 0)
            return true;
    return false;
}

void history_each(const struct history *history, void (*found)(void *context, const struct past_alert *past),
                  void *context)
{
    for (uint32_t i = 0; i < history->n; i++)
        found(context, &history->items[(history->first + i) % HISTORY_MAX]);
}

/* alerts_print: what `otelshim alerts` shows. */
#include "outputs/alerts/alerts_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAITING 200u

struct printing {
    struct alerts *alerts;
    FILE *out;    /* as text */
    json_t *list; /* as JSON */
    uint64_t n;
};

static const char *one_line(struct arena *arena, const char *text, size_t max_bytes)
{
    char *copy = arena_copy(arena, text ? text : "", text ? strlen(text) : 0);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    if (strlen(copy) > max_bytes)
        copy[utf8_valid_bytes(copy, max_bytes)] = 0;
    return copy;
}

static void print_alert(struct printing *printing, const struct past_alert *past)
{
    struct arena arena = {.first = NULL};
    char time[64];
    printing->n++;
    compose_time(past->time_unix_ns, time, sizeof(time));
    if (printing->list) {
        json_t *object = json_object();
        json_put_number(object, "time_unix_ns", past->time_unix_ns);
        json_put_number(object, "raised_unix_ns", past->raised_unix_ns);
        json_put_text(object, "state", past->state);
        json_put_text(object, "class", alert_class_name(past->class));
        json_put_text(object, "type", past->type);
        json_put_text(object, "service", past->service);
        json_put_text(object, "message", past->message);
        json_put_text(object, "kind", past->kind);
        json_put_text(object, "address", past->address);
        json_array_append_new(printing->list, object);
    } else {
        fprintf(printing->out, "%s  %-9s %-9s %s%s%s%s%s  %s\n", time, past->state,
                alert_class_name(past->class), past->kind[0] ? past->kind : "-", past->kind[0] ? " " : "",
                past->address, past->service[0] ? "  " : "", past->service,
                one_line(&arena, past->type[0] ? past->type : "", 40));
        if (past->message[0])
            fprintf(printing->out, "    %s\n", one_line(&arena, past->message, 150));
    }
    arena_fini(&arena);
}

static void print_past(void *context, const struct past_alert *past)
{
    print_alert(context, past);
}

static void copy_text(char *ret_text, size_t max_bytes, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    if (bytes >= max_bytes)
        bytes = utf8_valid_bytes(text, max_bytes - 1);
    if (bytes)
        memcpy(ret_text, text, bytes);
    ret_text[bytes] = 0;
}

static void print_waiting(void *context, const struct message *message, const char *state)
{
    const struct alert *alert = &message->alert;
    struct past_alert past = {.time_unix_ns = message->raised_unix_ns,
                              .raised_unix_ns = message->raised_unix_ns,
                              .class = alert->class};
    copy_text(past.type, sizeof(past.type), alert->type);
    copy_text(past.service, sizeof(past.service), alert->service);
    copy_text(past.message, sizeof(past.message), alert->message ? alert->message : alert->body);
    copy_text(past.kind, sizeof(past.kind), message->target.kind->name);
    copy_text(past.address, sizeof(past.address), message->target.address);
    copy_text(past.state, sizeof(past.state), state);
    print_alert(context, &past);
}

static void print_json(json_t *object, FILE *out)
{
    char *text = json_write(object, NULL);
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

static void print_counts(struct alerts *alerts, FILE *out, json_t *object)
{
    struct alerts_counts counts;
    alerts_get_counts(alerts, &counts);
    const struct {
        const char *name;
        uint64_t n;
    } numbers[] = {{"raised", counts.raised},  {"sent", counts.sent},       {"suppressed", counts.suppressed},
                   {"muted", counts.muted},    {"ignored", counts.ignored}, {"dropped", counts.dropped},
                   {"folded", counts.folded},  {"edited", counts.edited},   {"waiting", counts.waiting},
                   {"refused", counts.refused}};
    const char *separator = "";
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (object) {
            json_put_number(object, numbers[i].name, numbers[i].n);
        } else if (numbers[i].n || (i < 2 && counts.raised)) { /* they are this exporter's */
            fprintf(out, "%s%s %" PRIu64, separator, numbers[i].name, numbers[i].n);
            separator = ", ";
        }
    if (*separator)
        fputs("\n", out);
    if (object && counts.last_error[0])
        json_put_text(object, "last_error", counts.last_error);
    else if (counts.last_error[0])
        fprintf(out, "last error: %s\n", counts.last_error);
}

/* Until when, how long that is, and how many problems wait to be told by the first one after it. */
static void print_mute(struct alerts *alerts, FILE *out, json_t *object)
{
    uint64_t now_ns = clock_ns(CLOCK_REALTIME), until_ns = alerts->muted_until_unix_ns, n = 0;
    char until[64];
    if (now_ns >= until_ns)
        return;
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));)
        n += entry->is_muted;
    compose_time(until_ns, until, sizeof(until));
    uint64_t left_s = (until_ns - now_ns + 999999999) / 1000000000;
    if (object) {
        json_put_number(object, "muted_until_unix_ns", until_ns);
        json_put_number(object, "muted_seconds_left", left_s);
        json_put_number(object, "muted_problems", n);
    } else {
        fprintf(out,
                "muted until %s (%" PRIu64 " s left), %" PRIu64
                " problems meanwhile; crashes and orders in doubt are sent, without a sound\n",
                until, left_s, n);
    }
}

void alerts_print(struct alerts *alerts, FILE *out, bool as_json)
{
    struct printing printing = {.alerts = alerts, .out = out, .list = as_json ? json_array() : NULL};
    json_t *object = as_json ? json_object() : NULL;
    history_each(alerts->history, print_past, &printing);
    queue_each(alerts->queue, MAX_WAITING, print_waiting, &printing);
    print_counts(alerts, out, object);
    print_mute(alerts, out, object);
    if (!as_json && !printing.n)
        fputs("none yet\n", out);
    if (!as_json)
        return;
    json_put_number(object, "schema", 1);
    json_object_set_new(object, "alerts", printing.list);
    print_json(object, out);
}

void alerts_print_dedup(struct alerts *alerts, FILE *out, bool as_json)
{
    uint64_t now_ns = clock_ns(CLOCK_REALTIME);
    json_t *list = as_json ? json_array() : NULL;
    struct arena arena = {.first = NULL};
    if (!as_json)
        fputs(dedup_count(alerts->dedup) ? "fingerprint         left   times  what\n"
                                         : "nothing is held back\n",
              out);
    for (struct entry *entry = NULL; (entry = dedup_next(alerts->dedup, entry));) {
        uint64_t left_s =
            entry->until_unix_ns > now_ns ? (entry->until_unix_ns - now_ns + 999999999) / 1000000000 : 0;
        if (!as_json) {
            fprintf(out, "%s %5" PRIu64 " s  %6" PRIu64 "  %s%s%s%s\n", entry->fingerprint, left_s, entry->n,
                    entry->service, entry->service[0] ? ": " : "", one_line(&arena, entry->summary, 100),
                    entry->is_elsewhere ? " (told by another machine)"
                    : entry->is_muted   ? " (muted: not told)"
                                        : "");
            continue;
        }
        json_t *object = json_object();
        json_put_text(object, "fingerprint", entry->fingerprint);
        json_put_number(object, "seconds_left", left_s);
        json_put_number(object, "times", entry->n);
        json_put_number(object, "suppressed", entry_untold(entry));
        json_put_text(object, "service", entry->service);
        json_put_text(object, "type", entry->type);
        json_put_text(object, "message", entry->summary);
        json_put_flag(object, "is_elsewhere", entry->is_elsewhere);
        json_put_flag(object, "is_muted", entry->is_muted);
        json_array_append_new(list, object);
    }
    arena_fini(&arena);
    if (!as_json)
        return;
    json_t *object = json_object();
    json_put_number(object, "schema", 1);
    json_object_set_new(object, "entries", list);
    print_json(object, out);
}

/*
 * history: what became of the last alerts: a line of JSON each, in the directory's file `history`.
 *
 * It is written before a message that was sent leaves the disk, so that a kill in between does not have it sent again.
 *
 * Context: loop. Bound: 400 lines in memory, twice as many on disk.
 */
#ifndef OTELSHIM_ALERT_HISTORY_H
#define OTELSHIM_ALERT_HISTORY_H

#include "outputs/alerts/message.h"
#include "outputs/alerts/outbox.h"

#define HISTORY_MAX 400u

struct history;

/* One alert for one target. */
struct past_alert {
    uint64_t sequence; /* of its message; 0: it had none */
    uint64_t time_unix_ns, raised_unix_ns;
    enum alert_class class;
    enum alert_level level;
    char problem[17];
    char type[80], service[64], message[160], kind[16], address[96];
    char state[16]; /* "sent", "kept" (nobody to tell), "muted", "dropped", "failed", "elsewhere" */
};

struct history *history_create(struct outbox *outbox);
void history_destroy(struct history *history);
/* `message` has no target kind where there was none. */
void history_add(struct history *history, const struct message *message, uint64_t sequence,
                 const char *state);
bool history_has_sequence(const struct history *history, uint64_t sequence);
uint64_t history_newest(const struct history *history); /* sequence; 0: none */
bool history_has_problem(const struct history *history, const char *problem);
/* Oldest first. */
void history_each(const struct history *history, void (*found)(void *context, const struct past_alert *past),
                  void *context);

#endif

/*
 * message: an alert, composed, on its way to one target; and its form on disk, one JSON object.
 *
 * Context: loop. Ownership: all of it lives in its arena.
 */
#ifndef OTELSHIM_ALERT_MESSAGE_H
#define OTELSHIM_ALERT_MESSAGE_H

#include "outputs/alerts/destination.h"

#define MESSAGE_MAX_BYTES (4u << 20)
#define MESSAGE_ID_BYTES 32u

struct message {
    struct arena arena;
    struct target target;
    struct alert alert;
    struct rich_text text;
    uint64_t raised_unix_ns;
    enum language language;
    uint32_t n_parts_sent;
    uint64_t group;   /* number of the first message of the same alert; 0: it is the only one */
    uint32_t n_group; /* how many there are */
    uint64_t n_shown; /* how many alerts its text speaks of; not on disk */
    char message_id[MESSAGE_ID_BYTES]; /* of its first part, once that is sent */
    char replies_to[MESSAGE_ID_BYTES]; /* "": nothing */
    char problem[17];                  /* the entry in the table of what was told (dedup.h); "": none */
};

/* Empty, its text in its own arena. */
struct message *message_create(void);
/* NULL is fine. */
void message_destroy(struct message *message);
/* Copies the alert, shortened where it is unreasonably large. */
void message_set_alert(struct message *message, const struct alert *alert);
/* Appends copies of all runs. */
void message_add_text(struct message *message, const struct rich_text *text);

/* On one line; the caller frees it. */
char *message_encode(const struct message *message, size_t *ret_bytes);
/* NULL: not a message, or for a kind of destination that there is not. */
struct message *message_decode(const char *bytes, size_t n_bytes);

/* Class and kind as they are written: "crash", "telegram". N_ALERT_CLASSES, NULL: unknown. */
const char *alert_class_name(enum alert_class class);
enum alert_class alert_class_find(const char *name);
const struct destination_kind *destination_find(const char *name);

#endif

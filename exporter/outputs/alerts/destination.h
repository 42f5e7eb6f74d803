/*
 * destination: what Telegram and a webhook have in common for the queue: somewhere one message at a time can be sent.
 *
 * One file per kind (telegram.c, webhook.c), one row in destinations.c. Context: loop.
 */
#ifndef OTELSHIM_ALERT_DESTINATION_H
#define OTELSHIM_ALERT_DESTINATION_H

#include "base/http_client.h"
#include "settings/settings.h"
#include "telemetry/alert.h"
#include "telemetry/rich_text.h"

/* Where to: all that is needed to send, so that it can be kept on disk but for secrets, which the settings have. */
struct target {
    const struct destination_kind *kind;
    char address[96]; /* chat id, "id/topic"; hash of a webhook's URL */
    char account
        [17]; /* hash of what the secret is: targets of one bot share its limits. Never the secret itself */
};

/* What goes out: made by compose.c from an alert. */
struct outgoing {
    const struct rich_text *text;
    const struct alert *alert; /* for JSON bodies; NULL: only text */
    const char *document;      /* path of a report that goes along; NULL none */
    bool is_silent;
    const char *edits;      /* id of the message that this replaces; NULL: a new one */
    const char *replies_to; /* NULL: none */
    uint32_t n_parts_sent;  /* what `sent` said last of this text; 0 at first */
};

enum sent_outcome {
    SENT, /* all of it */
    /*
     * A part is out (a long text has several, a document is one of its own): keep `n_parts_sent`, and send the same text again with it once
     * wait_ms() allows. So no part is ever sent twice.
     */
    SENT_PART,
    SENT_RETRY,   /* not now: after `retry_ms` */
    SENT_DEAD,    /* this target will not take anything for now: blocked, no such chat; the others may */
    SENT_REFUSED, /* nothing can be sent with this account: token revoked */
    SENT_BAD,     /* this message never can be */
};

struct sent {
    enum sent_outcome outcome;
    /* With SENT_RETRY: the request went out, and no answer came; the next attempt is marked as a possible repetition. */
    bool is_unsure;
    uint64_t retry_ms;
    uint32_t n_parts_sent;
    char message_id[32]; /* of the first part, told when that one is sent; "": none */
    char address[96];    /* "", or where the target has moved to, with SENT_RETRY: to be kept */
    char problem[300];   /* one line for people, no secret in it */
};

typedef void (*sent_fn)(void *context, const struct sent *sent);

struct destination_kind {
    const char *name; /* "telegram" */
    /* The targets of an alert of that class by these settings, up to max; how many. */
    uint32_t (*list)(const struct settings *settings, enum alert_class class, struct target *ret_targets,
                     uint32_t max);
    /* When the next message may go to the target by the destination's own rates, in milliseconds from now; 0: now. */
    uint64_t (*wait_ms)(const struct target *target, uint64_t now_ms);
    /*
     * Sends. `settings` are those of the program, or of the exporter for what an earlier one left behind: without the
     * account's secret in them the answer is SENT_RETRY. `done` comes once, later, unless cancelled.
     */
    void *(*send)(struct http_client *client, const struct settings *settings, const struct target *target,
                  const struct outgoing *outgoing, sent_fn done, void *context);
    void (*cancel)(void *call);
};

extern const struct destination_kind telegram_destination, webhook_destination;
/* NULL-terminated. */
extern const struct destination_kind *const destination_kinds[];

#endif

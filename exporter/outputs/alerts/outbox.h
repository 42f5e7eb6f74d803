/*
 * outbox: the directory of alerts: what waits, one file an alert and target, and what must outlive the exporter.
 *
 *     <state directory>/alerts[-N]/         locked by the exporter that uses it
 *         lock   state.json   history
 *         <sequence>-<class>.json           waits; 16 hexadecimal digits
 *         <sequence>-<class>.sending        a request with it was under way: whoever finds it does not know whether it arrived
 *         told/<entry>.json                 what was told of late (dedup.h)
 *
 * Written to the medium before the first attempt: file, then directory. Where it cannot be written the caller keeps it.
 *
 * Context: loop (short, on a local disk). Errors: negative errno.
 */
#ifndef OTELSHIM_ALERT_OUTBOX_H
#define OTELSHIM_ALERT_OUTBOX_H

#include "telemetry/alert.h"

struct outbox;

struct stored {
    uint64_t sequence;
    enum alert_class class;
    bool is_sending;
    uint64_t bytes;
};

/* `directory` is the state directory; NULL, or one that cannot be had: 0 files, everything fails with -EROFS. */
int outbox_open(struct outbox **ret_outbox, const char *directory);
void outbox_close(struct outbox *outbox);
/* "" where there is none. */
const char *outbox_path(const struct outbox *outbox);

/* Every message that is there, in no order; a file with another name is left alone. */
void outbox_each(struct outbox *outbox, void (*found)(void *context, const struct stored *stored),
                 void *context);
/* A new one, or another text of it (is_sending says under which name). Not lasting before outbox_sync(). */
int outbox_put(struct outbox *outbox, const struct stored *stored, const char *bytes, size_t n_bytes);
/* The names are on the medium. */
int outbox_sync(struct outbox *outbox);
/* Another name: stored->is_sending is what it was. */
int outbox_mark(struct outbox *outbox, const struct stored *stored, bool is_sending);
/* The caller frees. */
int outbox_read(struct outbox *outbox, const struct stored *stored, char **ret_bytes, size_t *ret_n_bytes);
void outbox_remove(struct outbox *outbox, const struct stored *stored);

/* Documents: "state.json", "told/….json". Replaced whole; not synced to the medium. */
int outbox_write_document(struct outbox *outbox, const char *name, const char *bytes, size_t n_bytes);
int outbox_read_document(struct outbox *outbox, const char *name, size_t max_bytes, char **ret_bytes,
                         size_t *ret_n_bytes);
void outbox_remove_document(struct outbox *outbox, const char *name);
int outbox_append_document(struct outbox *outbox, const char *name, const char *bytes, size_t n_bytes);
/* Names of what lies in told/, with it. */
void outbox_each_told(struct outbox *outbox, void (*found)(void *context, const char *name), void *context);

#endif

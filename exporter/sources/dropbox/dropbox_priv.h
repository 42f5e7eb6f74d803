/*
 * dropbox_priv: what the files of this folder share: boxes (directories), clients (mapped files), chunks.
 *
 *   dropbox.c   the interface of dropbox.h; whose turn it is
 *   watch.c     which directories; box.c one directory: made, locked;  listing.c its files
 *   client.c    one mapped file: opened, checked, closed, removed;  header.c its header area
 *   take.c      records out of its chunks, acknowledgements into it;  chunk.c the words, record.c the records
 *   episode.c   roots its threads did not write;  flight.c what it had open when it died;  slots.c reads both
 *   liveness.c  does its process live; pidfds of processes whose files are yet to be seen
 *   crash.c     its crash slot: has it moved
 *   bell.c      going to sleep and being woken;  offset.c what time it was
 *
 * Context: loop; bell_wait() runs in a thread of its own.
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_PRIV_H
#define OTELSHIM_SOURCE_DROPBOX_PRIV_H

#include "base/table.h"
#include "sources/dropbox/chunk.h"
#include "sources/dropbox/dropbox.h"
#include "sources/dropbox/header.h"
#include "sources/dropbox/offset.h"
#include "sources/dropbox/record.h"
#include <pthread.h>
#include <sys/types.h>

#define CLIENTS_PER_BOX 2048u          /* two descriptors each; the others wait their turn in the directory */
#define CLIENT_MEMORY_BYTES (4u << 20) /* shared facts remembered for one process */
#define BOX_PATH_BYTES 256u
#define BOX_NAME_BYTES 64u
#define BOX_BUCKETS 256u
#define MAX_EXPECTED 32u
#define MAX_DOORBELLS 128u /* futex_waitv(2) takes no more */
#define MS_NS 1000000ull

/* ---- one directory ---- */
struct box {
    struct box *next;
    char path[BOX_PATH_BYTES];
    uint32_t uid; /* its owner, and of every file in it */
    int fd, lock_fd, doorbell_fd;
    dev_t device;
    ino_t inode;
    int watch;                           /* inotify; -1 none */
    void *doorbell;                      /* its page, mapped read-only and never dereferenced: the futex */
    struct box_file *files[BOX_BUCKETS]; /* by inode */
    uint32_t n_files;
    uint32_t n_clients;
    uint64_t next_list_ns; /* inotify says sooner */
    bool must_list;
    bool is_awaited; /* a file in it was being made at the last listing */
    bool is_gone;    /* the path leads elsewhere now: only its open clients are served */
    bool is_adopted; /* somebody's private box that was left behind: removed once empty */
    bool was_full;   /* noted */
};

/* A file in a box, known by its inode; client NULL: refused, and said so. */
struct box_file {
    uint64_t inode;
    char name[BOX_NAME_BYTES];
    struct client *client;
    bool was_listed;
    struct box_file *next;
};

/* ---- one mapped file ---- */
struct chunk {
    uint64_t acknowledged; /* E as last written */
    uint64_t taken;        /* records up to here were handed on */
    uint64_t promised;     /* word of the last receipt; equal to acknowledged: none is out */
    uint64_t corrupt;      /* H that no honest host writes, counted once */
    struct record_memory *memory;
    bool must_remember; /* facts before `taken` were read by an earlier exporter only */
};

/* What became of the roots of one thread slot, as span ids. */
struct slot_roots {
    uint64_t done;     /* handed on last, from the slot or as a record */
    uint64_t promised; /* handed on last from the slot */
    uint64_t written;  /* R */
};

/* What a dead process left behind. */
struct remains;

enum liveness_how { LIVENESS_PIDFD, LIVENESS_LEASE };

struct client {
    struct dropbox *dropbox;
    struct box *box;
    struct box_file *file;
    struct process process;
    struct header_layout layout;
    void *memory; /* of process */
    char *secrets;
    uint64_t id;     /* serial << 16 | index in dropbox->clients */
    uint32_t number; /* the third part of its name */
    uint64_t bytes;
    int fd;                     /* read and write; read-only after a failed reopening */
    struct wire_exporter words; /* as last written */
    /* reading */
    struct chunk *chunks; /* the first n_chunks: those ever leased */
    uint32_t n_chunks;
    uint32_t n_owned, n_shared; /* of the first and second half of the pool, how many were ever leased */
    uint32_t next_chunk;        /* whose turn it is */
    uint32_t memory_bytes;
    bool is_drained;  /* nothing was left at the last look */
    bool is_broken;   /* it was cut short: not looked at again */
    bool has_started; /* E was read */
    bool is_starved;  /* there was no memory for what it has: taken at a later look */
    bool was_acknowledged;
    uint64_t pool_used; /* chunks with something unacknowledged, at the last look */
    struct dropbox_counts counts;
    uint32_t noted; /* CLIENT_NOTED_… */
    /* open spans */
    struct slot_roots *roots; /* the first n_roots slots */
    uint32_t n_roots;
    bool has_episodes;
    uint64_t next_flight_ns;
    struct remains *remains; /* once dead */
    uint64_t last_activity_ns;
    uint64_t crash_words; /* state and sequence of the crash slot that were told of last */
    /* life */
    enum liveness_how how;
    int pidfd; /* -1 none */
    bool is_dead, was_seen_alive, is_known;
    uint32_t state; /* WIRE_STATE_… at the last look */
    uint64_t next_check_ns, death_mono_ns;
    const char *death;
};

#define CLIENT_NOTED_CORRUPT 1u
#define CLIENT_NOTED_SHORT 2u

struct bell {
    pthread_mutex_t lock; /* over everything here: the waiting thread reads it */
    void *futexes[MAX_DOORBELLS];
    uint32_t values[MAX_DOORBELLS];
    uint32_t n;
    bool is_asleep; /* loop only */
};

/* See dropbox_expect(). */
struct expected {
    uint32_t pid; /* 0: none */
    int pidfd;
    uint64_t start_ticks;
};

struct dropbox {
    struct dropbox_events events;
    bool (*may_take)(void *context, const struct process *process);
    char extra_dir[BOX_PATH_BYTES];
    bool all_uids, only_extra;
    uint32_t uid;
    uint64_t pid_namespace;
    int epoll_fd, inotify_fd;
    struct box *boxes;
    uint64_t next_watch_ns;
    struct client **clients; /* with holes */
    uint32_t n_clients, max_clients, n_live;
    uint32_t next_client;
    struct expected expected[MAX_EXPECTED];
    uint32_t next_expected;
    uint64_t serial;
    struct offset_history offsets;
    uint64_t now_ns;
    struct bell bell;
    struct record_context context;
    uint64_t host_words[WIRE_MAX_CHUNKS];
    uint8_t lines[WIRE_MAX_CHUNKS * WIRE_CHUNK_LINE_BYTES];
    uint8_t area[WIRE_HEADER_BYTES];
    uint8_t bytes[WIRE_CHUNK_BYTES];
};

/* ---- dropbox.c ---- */
void note(struct dropbox *dropbox, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Words for a negative errno. */
const char *error_text(int error);
/* Hands a raw span on; its kind says which receipt. */
void hand_on(struct client *client, struct raw_span *raw, enum receipt_kind kind, uint32_t index,
             uint64_t word);

/* A count, a log, a measurement: whichever `record` is; the receipt is the chunk's. False: nobody takes such. */
bool hand_on_other(struct client *client, enum record_result result, struct record *record, uint32_t index,
                   uint64_t word);

/* ---- watch.c, box.c, listing.c ---- */
/* Opens what is to be served and is not yet. *ret_busy: another exporter serves one of them. */
uint32_t watch_open_boxes(struct dropbox *dropbox, bool *ret_busy, char problem[200]);
/* Which directories have news; and pidfds of whoever is making a file in them. */
void watch_read_events(struct dropbox *dropbox);
/* New and vanished directories and files. */
void watch_update(struct dropbox *dropbox);
/* Somebody rang: a file that was being made may be whole now. */
void watch_again(struct dropbox *dropbox);
/* 0, -EBUSY (locked by another), -EPERM (squatted), -errno. `may_make`: makes the directory. */
int box_open(struct dropbox *dropbox, const char *path, uint32_t uid, bool may_make, bool is_adopted);
void box_close(struct dropbox *dropbox, struct box *box);
int box_lock(struct box *box);
void box_unlock(struct box *box);
void box_list(struct dropbox *dropbox, struct box *box);
/* Is there a file in it that some client made, other than those that were refused? */
bool box_has_files(const struct box *box);
/* Takes lock, doorbell and the directory itself away; only what is ours and only if nothing else is in it. */
void box_remove(struct box *box);
void box_forget(struct box *box, struct box_file *file);
/* "<pid>-<start ticks>-<n>" */
bool box_parse_name(const char *name, uint32_t *ret_pid, uint64_t *ret_start_ticks, uint32_t *ret_number);

/* ---- client.c ---- */
/* 0; -EAGAIN (being made), -EMFILE and the like (later), else refused for ever, with *ret_reason. */
int client_open(struct dropbox *dropbox, struct box *box, struct box_file *file, const char **ret_reason);
/* Closes and frees; `is_delivered`: unlinks the file and says that the process is gone. */
void client_close(struct client *client, bool is_delivered);
struct client *client_find(const struct dropbox *dropbox, uint64_t id);
/* Exactly `n_bytes` at `offset`; false marks the client broken. */
bool client_read(struct client *client, void *ret_bytes, size_t n_bytes, uint64_t offset);
void client_write(struct client *client, const void *bytes, size_t n_bytes, uint64_t offset);
/* The exporter's words, as in client->words. */
void client_write_words(struct client *client);
/* Was the file opened for writing by, or mapped writable into, any process but us? True when that is not known. */
bool client_is_mapped(struct client *client);

/* ---- take.c ---- */
/* Reads E and H once, after opening. */
void take_start(struct client *client);
/* Hands on at most max_spans; client->is_drained says whether that was all. */
uint32_t take_records(struct client *client, uint32_t max_spans);
/* Only how full its pool is: nothing may be taken from it now. */
void take_measure(struct client *client);
/* Is anything there that was not handed on? */
bool take_has_news(struct client *client);
/* Everything handed on was acknowledged. Only meaningful when drained. */
bool take_is_acknowledged(const struct client *client);
void take_acknowledge(struct client *client, uint32_t index, uint64_t word);
/* After acknowledgements: wakes a host that waits for them. */
void take_wake_host(struct client *client);

/* ---- slots.c ---- */
#define SLOT_HEAD_BYTES offsetof(struct wire_thread_slot, open)
/* The first entry at or behind `index` that was ever used; their number when there is none. */
uint32_t slots_next_thread(const struct client *client, uint32_t index);
uint32_t slots_next_operation(const struct client *client, uint32_t index);
/* The first SLOT_HEAD_BYTES of a thread slot; a whole operation slot. */
bool slots_read_head(struct client *client, uint32_t slot, struct wire_thread_slot *ret_head);
bool slots_read_operation(struct client *client, uint32_t slot, struct wire_operation_slot *ret_operation);
/* Open spans right now. */
uint32_t slots_count_open(struct client *client);
/* Operations of the running episode, less those that others have ended. */
bool slots_has_open_calls(const struct wire_thread_slot *head);

/* ---- episode.c ---- */
uint64_t span_id_number(const uint8_t span_id[8]);
/* Episodes that seem over. Before reading H: the record of an earlier root of the slot is then read before the next. */
void episode_look(struct client *client);
/* After all records were handed on: roots of the episodes that were over. Returns how many. */
uint32_t episode_emit(struct client *client, uint32_t max_spans);
void episode_emit_root(struct client *client, uint32_t slot, const struct wire_thread_slot *head,
                       uint64_t end_ns, enum receipt_kind receipt, uint32_t index);
bool episode_has_root(const struct wire_episode *episode);
/* NULL when there is no such slot. */
struct slot_roots *episode_roots_of(struct client *client, uint32_t slot);
/* A ROOT record: true when it was handed on before, from its slot. */
bool episode_is_known_root(struct client *client, uint32_t slot, const uint8_t span_id[8]);
void episode_acknowledge(struct client *client, uint32_t slot, uint64_t id);
/* One may be over soon. */
bool episode_is_due(const struct client *client);

/* ---- flight.c ---- */
/* What a dead process had open; at most max_spans at a time. Only when drained. */
uint32_t flight_emit_remains(struct client *client, uint32_t max_spans);
void flight_acknowledge_death(struct client *client, uint32_t index);
/* Nothing of it is left to hand on. */
bool flight_is_handed_on(const struct client *client);
/* Nor to be acknowledged; roots too. */
bool flight_is_acknowledged(const struct client *client);
void flight_fini(struct client *client);

/* The spans that are open: whole ones, living or dead. */
void flight_each_open(struct client *client, void (*each)(void *context, const struct raw_span *raw),
                      void *context);

/* ---- crash.c ---- */
/* Tells of a crash slot that moved. */
void crash_look(struct client *client);

/* ---- liveness.c ---- */
/* A file of this process is being made. */
void liveness_expect(struct dropbox *dropbox, uint32_t pid, uint64_t start_ticks);
void liveness_forget_expected(struct dropbox *dropbox);
void liveness_start(struct client *client);
void liveness_stop(struct client *client);
/* Marks those whose pidfd says so dead. */
void liveness_collect(struct dropbox *dropbox);
/* Asks again, where no pidfd tells. */
void liveness_check(struct client *client);
void liveness_set_dead(struct client *client, const char *death);
/* The events of a death: after that of its beginning. */
void liveness_tell_death(struct client *client);

/* ---- bell.c ---- */
int bell_init(struct bell *bell);
void bell_fini(struct bell *bell);
/* The doorbells to wait on, read before the last look. */
void bell_collect(struct dropbox *dropbox);
void bell_barrier(void);
void bell_set_asleep(struct dropbox *dropbox, bool is_asleep);
void bell_ring_own(struct dropbox *dropbox);
void bell_wait(struct bell *bell, uint32_t timeout_ms);
/* Wakes whoever waits on the word at `offset` of the file. */
void bell_wake_file(int fd, uint64_t offset);

#endif

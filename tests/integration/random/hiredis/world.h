/*
 * world: what a world of hiredis is, and what its files say to each other.
 *
 * A tag is the command's first two words, as far as the exporter shows them.
 */
#ifndef TEST_RANDOM_HIREDIS_WORLD_H
#define TEST_RANDOM_HIREDIS_WORLD_H

#include "../../hiredis/poll_loop.h"
#include "../random.h"
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#define N_SYNC 4
#define N_ASYNC 3
#define MAX_PENDING 256

struct sync {
    redisContext *c;
    bool has_quit; /* the server closes: how its client notices is a matter of time */
    int n_pending;
    char pending[MAX_PENDING][TAG_BYTES];
};

struct sent;

struct async {
    redisAsyncContext *ac; /* NULL: none, or freed by hiredis */
    struct poll_loop loop;
    int n_pending;
    struct sent *pending[MAX_PENDING];
    bool is_ending; /* disconnecting or to be freed: takes nothing more */
};

struct world {
    struct base base;
    struct sync syncs[N_SYNC];
    struct async asyncs[N_ASYNC];
    int n_wanted; /* messages */
    bool is_done;
};

/* A command on its way. */
struct sent {
    struct world *w;
    struct async *async;
    char tag[TAG_BYTES];
    uint32_t action;
};

struct command {
    const char *words[8];
    int n_words;
    char text[4][48];
    char tag[TAG_BYTES];
};

/* ---- world.c ---- */

int server_port(void);
const char *server_socket_path(void);

/* ---- reply.c ---- */

bool reply_is_error(const redisReply *reply);
void reply_say(struct base *base, const redisReply *reply);
const char *reply_outcome(const char *tag, const redisReply *reply);

/* ---- command.c ---- */

/* Any that has one reply and waits for nothing. */
void command_choose(struct world *w, struct command *command);
void command_lengths(const struct command *command, size_t *lengths);
const char *command_format(const struct command *command);
#define WORDS(command) (command).words[0], (command).words[1], (command).words[2], (command).words[3]

/* ---- sync.c: one call ---- */

void sync_connect(struct world *w, struct sync *sync);
void sync_reconnect(struct world *w, struct sync *sync);
void sync_free(struct world *w, struct sync *sync);
void sync_call(struct world *w, struct sync *sync);
void sync_call_words(struct world *w, struct sync *sync, const char *text);
void sync_append(struct world *w, struct sync *sync);
void sync_append_pending(struct sync *sync, const char *tag);
void sync_get(struct world *w, struct sync *sync);
void sync_say_error(struct world *w, const struct sync *sync);
void sync_resolve_all(struct world *w, struct sync *sync, const char *outcome);
void sync_take_reply(struct world *w, struct sync *sync, redisReply *reply);

/* ---- sequence.c: calls that belong together ---- */

void sequence_step(struct world *w);

/* ---- async.c ---- */

void async_step(struct world *w);
void async_end(struct world *w, struct async *async, bool is_free);

#endif

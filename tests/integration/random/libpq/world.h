/*
 * world: what a world of libpq is, and what its files say to each other.
 *
 * A tag is the statement's text, unredacted: most have a number of their own. What has none goes by its operation.
 */
#ifndef TEST_RANDOM_LIBPQ_WORLD_H
#define TEST_RANDOM_LIBPQ_WORLD_H

#include "../random.h"
#include <libpq-fe.h>

#define N_CONNS 3
#define N_NAMES 4
#define MAX_QUERIES 128

/* What was sent and not answered to the end. */
struct query {
    char tag[TAG_BYTES];
    bool is_sync; /* PQpipelineSync: nobody's span */
    bool has_failed;
    bool is_last; /* its last result was seen */
};

struct conn {
    PGconn *pg;
    bool is_connecting, is_resetting;
    bool is_cut; /* the server ended it: how libpq notices is a matter of time */
    int n_queries, n_syncs;
    struct query queries[MAX_QUERIES];
    char texts[N_NAMES][TAG_BYTES]; /* of prepared statements, where known */
};

struct world {
    struct base base;
    struct conn conns[N_CONNS];
};

/* ---- result.c ---- */

bool result_is_failure(ExecStatusType status);
bool result_is_copy(ExecStatusType status);
void result_say(struct world *w, const struct conn *conn, const PGresult *result);
void result_say_state(struct world *w, const struct conn *conn);

/* ---- query.c: what was sent ---- */

void query_push(struct conn *conn, const char *tag, bool is_sync);
void query_pop(struct world *w, struct conn *conn, const char *outcome);
void query_pop_all(struct world *w, struct conn *conn, const char *outcome);
bool query_may_take(const struct conn *conn);
ExecStatusType query_take(struct world *w, struct conn *conn);
void query_take_some(struct world *w, struct conn *conn, uint32_t n);
void query_take_when_ready(struct world *w, struct conn *conn);

/* ---- conn.c ---- */

bool conn_is_fine(const struct conn *conn);
bool conn_is_pipelined(const struct conn *conn);
void conn_connect(struct world *w, struct conn *conn);
void conn_start(struct world *w, struct conn *conn);
void conn_poll(struct world *w, struct conn *conn);
void conn_give_up(struct world *w, struct conn *conn);
void conn_reset(struct world *w, struct conn *conn);
void conn_finish(struct world *w, struct conn *conn);
void conn_greet(struct world *w, struct conn *conn);
void conn_forget_names(struct conn *conn);

/* ---- statement.c ---- */

void statement_choose(struct world *w, char *text, size_t bytes);
void statement_choose_prepared(struct world *w, char *text);
const char *statement_name(uint32_t i);
const char *statement_tag(const struct conn *conn, uint32_t i);

/* ---- call.c: synchronous ---- */

void call_before(struct world *w, struct conn *conn);
void call_after(struct world *w, struct conn *conn, PGresult *result, const char *tag);
void call_exec(struct world *w, struct conn *conn);
void call_parameter(struct world *w, struct conn *conn);
void call_prepare(struct world *w, struct conn *conn);
void call_prepared(struct world *w, struct conn *conn);
void call_describe(struct world *w, struct conn *conn);
void call_deallocate(struct world *w, struct conn *conn);
void call_function(struct world *w, struct conn *conn);

/* ---- object.c, copy.c ---- */

void object_use(struct world *w, struct conn *conn);
void copy_through(struct world *w, struct conn *conn, ExecStatusType status);
void copy_exec(struct world *w, struct conn *conn);
void copy_old(struct world *w, struct conn *conn);
void copy_send(struct world *w, struct conn *conn);

/* ---- send.c: asynchronous ---- */

void send_done(struct world *w, struct conn *conn, int is_sent, const char *tag);
void send_one(struct world *w, struct conn *conn);
void send_and_take(struct world *w, struct conn *conn);
void send_pipeline(struct world *w, struct conn *conn);

#endif

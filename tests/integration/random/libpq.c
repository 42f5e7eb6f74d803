/*
 * Random calls of libpq: libpq SEED [STEPS]. See random.h.
 *
 * A tag is the statement's text, unredacted: most have a number of their own. What has none goes by its operation.
 */
#include "random.h"
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <poll.h>
#include <signal.h>

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

static struct world *world_create(struct base base)
{
    struct world *w = calloc(1, sizeof(*w));
    w->base = base;
    return w;
}

static struct base *base_of(struct world *w)
{
    return &w->base;
}

/* ---- results ---- */

static bool is_failure(ExecStatusType status)
{
    return status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR ||
           status == PGRES_PIPELINE_ABORTED;
}

static bool is_copy(ExecStatusType status)
{
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT;
}

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "-";
}

static void say_result(struct world *w, const struct conn *conn, const PGresult *result)
{
    struct base *base = &w->base;
    if (!result) {
        say(base, "no result");
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    say(base, "%s", PQresStatus(status));
    if (is_failure(status))
        say(base, " %s '%s'", field(result, PG_DIAG_SQLSTATE), field(result, PG_DIAG_MESSAGE_PRIMARY));
    if (is_failure(status) && !conn->is_cut)
        say(base, " '%s' '%s'", PQresultErrorMessage(result), PQerrorMessage(conn->pg));
    say(base, " %dx%d '%s' %d", PQntuples(result), PQnfields(result),
        PQcmdStatus((PGresult *)(uintptr_t)result), PQnparams(result));
    if (PQntuples(result) && PQnfields(result))
        say(base, " '%s'", PQgetvalue(result, PQntuples(result) - 1, 0));
}

static void say_state(struct world *w, const struct conn *conn)
{
    say(&w->base, " [%d %d %d]\n", conn->is_cut ? -1 : (int)PQstatus(conn->pg),
        conn->is_cut ? -1 : (int)PQtransactionStatus(conn->pg), (int)PQpipelineStatus(conn->pg));
}

/* ---- queries on their way ---- */

static void push(struct conn *conn, const char *tag, bool is_sync)
{
    struct query *query = &conn->queries[conn->n_queries++];
    *query = (struct query){.is_sync = is_sync};
    conn->n_syncs += is_sync;
    snprintf(query->tag, sizeof(query->tag), "%s", tag);
}

static void pop(struct world *w, struct conn *conn, const char *outcome)
{
    const struct query *query = &conn->queries[0];
    if (!query->is_sync)
        expect_span(&w->base, outcome ? outcome : failed_if(query->has_failed), query->tag);
    conn->n_syncs -= query->is_sync;
    memmove(&conn->queries[0], &conn->queries[1], (size_t)--conn->n_queries * sizeof(*query));
}

/* They get no answer any more. */
static void pop_all(struct world *w, struct conn *conn, const char *outcome)
{
    while (conn->n_queries)
        pop(w, conn, conn->queries[0].has_failed && outcome ? "ERROR" : outcome);
}

static bool is_pipelined(const struct conn *conn)
{
    return PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF;
}

/* What the oldest query's next result says; of it, whether there was one. */
static ExecStatusType take(struct world *w, struct conn *conn)
{
    PGresult *result = PQgetResult(conn->pg);
    ExecStatusType status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
    say(&w->base, "take ");
    say_result(w, conn, result);
    say_state(w, conn);
    if (!conn->n_queries) {
        PQclear(result);
        return status;
    }
    /* Sending into an aborted pipeline swallows the NULL between two queries. */
    if (result && is_pipelined(conn) && conn->queries[0].is_last && !conn->queries[0].is_sync)
        pop(w, conn, NULL);
    if (result && is_failure(status))
        conn->queries[0].has_failed = true;
    conn->queries[0].is_last = result && status != PGRES_SINGLE_TUPLE;
    if (!result || status == PGRES_PIPELINE_SYNC)
        pop(w, conn, NULL);
    PQclear(result);
    return status;
}

/* Would PQgetResult return? */
static bool may_take(const struct conn *conn)
{
    return conn->n_queries && (!is_pipelined(conn) || conn->n_syncs || PQstatus(conn->pg) == CONNECTION_BAD);
}

static void copy_through(struct world *w, struct conn *conn, ExecStatusType status);

static void take_some(struct world *w, struct conn *conn, uint32_t n)
{
    for (; n && may_take(conn); n--) {
        int n_before = conn->n_queries;
        ExecStatusType status = take(w, conn);
        if (n_before == conn->n_queries && is_copy(status))
            copy_through(w, conn, status);
        if (PQstatus(conn->pg) == CONNECTION_BAD && is_pipelined(conn) && n_before == conn->n_queries)
            break;
    }
}

/* ---- statements ---- */

static void choose(struct world *w, char *text, size_t bytes)
{
    int n = ++w->base.n_serial;
    static const char *const forms[][2] = {
        {"SELECT ", ""},
        {"SELECT ", "/0"},
        {"SELEC ", ""},
        {"INSERT INTO t VALUES (", ")"},
        {"INSERT INTO t SELECT generate_series(1,", ")"},
        {"SELECT n FROM t WHERE n > ", ""},
        {"SELECT ", "; SELECT 5"},
        {"SELECT 5; SELECT ", "/0; SELECT 6"},
        {"SELECT generate_series(1,", ")"},
        {"BEGIN /* ", " */"},
        {"COMMIT /* ", " */"},
        {"ROLLBACK /* ", " */"},
        {"SET search_path TO public, w", ""},
        {"DO $$ BEGIN RAISE NOTICE 'number ", "'; END $$"},
        {"SELECT '", "', 'it''s text -- no comment'"},
    };
    const char *const *form = forms[roll(&w->base, sizeof(forms) / sizeof(forms[0]))];
    snprintf(text, bytes, "%s%d%s", form[0], n, form[1]);
}

static void told(void *context, const PGresult *result)
{
    struct world *w = context;
    say(&w->base, "notice '%s'\n", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

/* Names are lost with the session. */
static void forget_names(struct conn *conn)
{
    memset(conn->texts, 0, sizeof(conn->texts));
}

static void greet(struct world *w, struct conn *conn)
{
    static const char text[] = "CREATE TEMP TABLE t (n int)";
    PQsetNoticeReceiver(conn->pg, told, w);
    PGresult *result = PQexec(conn->pg, text);
    expect_span(&w->base, failed_if(is_failure(PQresultStatus(result))), text);
    PQclear(result);
}

static const char *conninfo(uint32_t way)
{
    return way == 0 ? "port=9" : way == 1 ? "no_such_option=1" : way == 2 ? "dbname=nowhere" : "";
}

static bool is_fine(const struct conn *conn)
{
    return conn->pg && PQstatus(conn->pg) == CONNECTION_OK;
}

static void begin_life(struct world *w, struct conn *conn, PGconn *pg, const char *how)
{
    *conn = (struct conn){.pg = pg};
    say(&w->base, "%s: %d '%s'\n", how, (int)PQstatus(pg), pg ? PQerrorMessage(pg) : "");
    if (is_fine(conn))
        greet(w, conn);
}

static void connect_now(struct world *w, struct conn *conn)
{
    uint32_t way = roll(&w->base, 12);
    const char *const keywords[] = {"dbname", "application_name", NULL};
    const char *const values[] = {"trader", "random", NULL};
    PGconn *pg = way < 6   ? PQconnectdb(conninfo(way))
                 : way < 9 ? PQconnectdbParams(keywords, values, 0)
                           : PQsetdbLogin(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    expect_span(&w->base, failed_if(PQstatus(pg) != CONNECTION_OK), "postgresql connect");
    begin_life(w, conn, pg, "connected");
}

static PostgresPollingStatusType wait_for(PGconn *pg, PostgresPollingStatusType status)
{
    struct pollfd fd = {PQsocket(pg), status == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
    if (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
        poll(&fd, 1, 10000);
    return status;
}

/* To the end, or given up: after a step or two, the same number each time. */
static void poll_connection(struct world *w, struct conn *conn)
{
    bool is_left = one_in(&w->base, 5);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    for (int i = 0; status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED; i++) {
        if (is_left && i == 1) {
            say(&w->base, "still connecting\n");
            return;
        }
        wait_for(conn->pg, status);
        status = conn->is_resetting ? PQresetPoll(conn->pg) : PQconnectPoll(conn->pg);
    }
    conn->is_connecting = false;
    expect_span(&w->base, failed_if(status == PGRES_POLLING_FAILED), "postgresql connect");
    say(&w->base, "polled: %d '%s'\n", status, PQerrorMessage(conn->pg));
    if (is_fine(conn))
        greet(w, conn);
}

static void start_connection(struct world *w, struct conn *conn)
{
    uint32_t way = roll(&w->base, 8);
    const char *const keywords[] = {"dbname", NULL};
    const char *const values[] = {"trader", NULL};
    PGconn *pg = way < 5 ? PQconnectStart(conninfo(way)) : PQconnectStartParams(keywords, values, 0);
    *conn = (struct conn){.pg = pg};
    say(&w->base, "started: %d\n", PQstatus(pg) == CONNECTION_BAD);
    conn->is_connecting = PQstatus(pg) != CONNECTION_BAD;
    if (!conn->is_connecting)
        expect_span(&w->base, "ERROR", "postgresql connect");
    else
        poll_connection(w, conn);
}

static void give_up_connecting(struct world *w, struct conn *conn)
{
    if (conn->is_connecting)
        expect_span(&w->base, "ANY", "postgresql connect");
    conn->is_connecting = false;
}

static void finish(struct world *w, struct conn *conn)
{
    say(&w->base, "finish\n");
    give_up_connecting(w, conn);
    pop_all(w, conn, "ANY");
    PQfinish(conn->pg);
    *conn = (struct conn){0};
}

static void reset(struct world *w, struct conn *conn)
{
    give_up_connecting(w, conn);
    pop_all(w, conn, "ANY");
    forget_names(conn);
    conn->is_cut = false;
    conn->n_syncs = 0;
    if (one_in(&w->base, 2)) {
        conn->is_resetting = true;
        int is_started = PQresetStart(conn->pg);
        say(&w->base, "reset started: %d\n", is_started);
        conn->is_connecting = is_started;
        if (is_started)
            poll_connection(w, conn);
        else
            expect_span(&w->base, "ERROR", "postgresql connect");
        return;
    }
    PQreset(conn->pg);
    say(&w->base, "reset: %d '%s'\n", PQstatus(conn->pg), PQerrorMessage(conn->pg));
    expect_span(&w->base, failed_if(!is_fine(conn)), "postgresql connect");
    if (is_fine(conn))
        greet(w, conn);
}

/* ---- synchronous ---- */

/* A synchronous call drops what is left of earlier queries, but in pipeline mode, where it is refused. */
static void before_call(struct world *w, struct conn *conn)
{
    give_up_connecting(w, conn);
    if (!is_pipelined(conn))
        pop_all(w, conn, "ANY");
}

static void after_call(struct world *w, struct conn *conn, PGresult *result, const char *tag)
{
    ExecStatusType status = PQresultStatus(result);
    bool goes_on = result && is_copy(status);
    say(&w->base, "%s: ", tag);
    say_result(w, conn, result);
    say_state(w, conn);
    PQclear(result);
    if (goes_on) {
        push(conn, tag, false);
        if (!one_in(&w->base, 4))
            copy_through(w, conn, status);
    } else {
        expect_span(&w->base, failed_if(!result || is_failure(status)), tag);
    }
}

static void exec(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    choose(w, text, sizeof(text));
    before_call(w, conn);
    after_call(w, conn,
               one_in(&w->base, 3) ? PQexecParams(conn->pg, text, 0, NULL, NULL, NULL, NULL, 0)
                                   : PQexec(conn->pg, text),
               text);
}

static void exec_parameter(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], value[16];
    const char *values[] = {value};
    snprintf(value, sizeof(value), "%s%u", one_in(&w->base, 4) ? "x" : "", roll(&w->base, 9));
    snprintf(text, sizeof(text), "SELECT $1::int + %d", ++w->base.n_serial);
    before_call(w, conn);
    after_call(w, conn, PQexecParams(conn->pg, text, 1, NULL, values, NULL, NULL, 0), text);
}

static const char *name_of(uint32_t i)
{
    static const char *const names[N_NAMES] = {"p0", "p1", "p2", "p3"};
    return names[i];
}

static void choose_prepared(struct world *w, char *text)
{
    int n = ++w->base.n_serial;
    snprintf(text, TAG_BYTES - 8, "%s%d", one_in(&w->base, 6) ? "SELEC $1, " : "SELECT $1::int * ", n);
}

static void prepare(struct world *w, struct conn *conn)
{
    uint32_t i = roll(&w->base, N_NAMES);
    char text[TAG_BYTES], tag[TAG_BYTES + 10];
    choose_prepared(w, text);
    snprintf(tag, sizeof(tag), "PREPARE %s", text);
    before_call(w, conn);
    PGresult *result = PQprepare(conn->pg, name_of(i), text, 0, NULL);
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        snprintf(conn->texts[i], TAG_BYTES, "%s", text);
    after_call(w, conn, result, tag);
}

static const char *tag_of_name(const struct conn *conn, uint32_t i)
{
    return conn->texts[i][0] ? conn->texts[i] : "(unknown)";
}

static void exec_prepared(struct world *w, struct conn *conn)
{
    uint32_t i = roll(&w->base, N_NAMES);
    const char *values[] = {one_in(&w->base, 4) ? "x" : "7"};
    before_call(w, conn);
    after_call(w, conn, PQexecPrepared(conn->pg, name_of(i), 1, values, NULL, NULL, 0), tag_of_name(conn, i));
}

static void describe(struct world *w, struct conn *conn)
{
    before_call(w, conn);
    PGresult *result = one_in(&w->base, 3) ? PQdescribePortal(conn->pg, "no_portal")
                                           : PQdescribePrepared(conn->pg, name_of(roll(&w->base, N_NAMES)));
    after_call(w, conn, result, "DESCRIBE");
}

static void deallocate(struct world *w, struct conn *conn)
{
    const char *text = one_in(&w->base, 2) ? "DEALLOCATE ALL" : "DISCARD ALL";
    if (is_pipelined(conn))
        return;
    before_call(w, conn);
    PGresult *result = PQexec(conn->pg, text);
    forget_names(conn);
    after_call(w, conn, result, text);
    if (is_fine(conn) && PQtransactionStatus(conn->pg) == PQTRANS_IDLE && !strcmp(text, "DISCARD ALL"))
        greet(w, conn); /* it took the table along */
}

static void function(struct world *w, struct conn *conn)
{
    int sum = 0, bytes = 0;
    PQArgBlock args[2] = {{.len = 4, .isint = 1, .u = {.integer = 20}},
                          {.len = 4, .isint = 1, .u = {.integer = 22}}};
    if (conn->n_queries || conn->is_connecting)
        return;
    PGresult *result = PQfn(conn->pg, 177, &sum, &bytes, 1, args, 1 + (int)roll(&w->base, 2));
    say(&w->base, "sum %d ", sum);
    after_call(w, conn, result, "FUNCTION CALL");
}

/* ---- large objects ---- */

static void said(struct world *w, const char *name, long value, bool has_failed)
{
    say(&w->base, "%s %ld\n", name, has_failed ? -1 : value);
    expect_span(&w->base, failed_if(has_failed), name);
}

static void object(struct world *w, struct conn *conn)
{
    char bytes[32] = "";
    PGconn *pg = conn->pg;
    if (conn->n_queries || conn->is_connecting || is_pipelined(conn))
        return;
    Oid oid;
    if (one_in(&w->base, 2)) {
        oid = lo_creat(pg, INV_READ | INV_WRITE);
        said(w, "lo_creat", oid > 0, oid == 0);
    } else {
        oid = lo_create(pg, 0);
        said(w, "lo_create", oid > 0, oid == 0);
    }
    int fd = lo_open(pg, oid, INV_READ | INV_WRITE);
    said(w, "lo_open", 0, fd < 0);
    for (uint32_t i = roll(&w->base, 5); i; i--) {
        long value;
        switch (roll(&w->base, 6)) {
        case 0:
            value = lo_write(pg, fd, "large object", 12);
            said(w, "lo_write", value, value < 0);
            break;
        case 1:
            value = lo_lseek(pg, fd, 3, SEEK_SET);
            said(w, "lo_lseek", value, value < 0);
            break;
        case 2:
            value = lo_read(pg, fd, bytes, 8);
            said(w, "lo_read", value, value < 0);
            break;
        case 3:
            value = lo_tell64(pg, fd);
            said(w, "lo_tell64", value, value < 0);
            break;
        case 4:
            value = lo_truncate(pg, fd, 5);
            said(w, "lo_truncate", value, value < 0);
            break;
        default:
            value = lo_import(pg, "/no/such/file");
            said(w, "lo_import", value, value == 0);
        }
    }
    if (one_in(&w->base, 2)) {
        int value = lo_close(pg, fd);
        said(w, "lo_close", value, value < 0);
    }
    int value = lo_unlink(pg, oid);
    said(w, "lo_unlink", value, value < 0);
}

/* ---- COPY ---- */

static void copy_in(struct world *w, struct conn *conn)
{
    for (uint32_t i = roll(&w->base, 5); i; i--)
        say(&w->base, "put %d\n",
            PQputCopyData(conn->pg, one_in(&w->base, 9) ? "bad\n" : "17\n", one_in(&w->base, 9) ? 4 : 3));
    if (one_in(&w->base, 6))
        return; /* left open */
    say(&w->base, "end %d\n", PQputCopyEnd(conn->pg, one_in(&w->base, 3) ? "no more" : NULL));
}

static void copy_out(struct world *w, struct conn *conn)
{
    char *row;
    uint32_t n = one_in(&w->base, 3) ? roll(&w->base, 4) : 1000;
    int bytes = 0;
    while (n-- && (bytes = PQgetCopyData(conn->pg, &row, 0)) > 0)
        PQfreemem(row);
    say(&w->base, "copied out: %d\n", bytes);
}

/* The data; the results of the command are taken later, or never. */
static void copy_through(struct world *w, struct conn *conn, ExecStatusType status)
{
    status == PGRES_COPY_IN ? copy_in(w, conn) : copy_out(w, conn);
}

static void choose_copy(struct world *w, char *text, size_t bytes)
{
    int n = ++w->base.n_serial;
    if (one_in(&w->base, 2))
        snprintf(text, bytes, "COPY t FROM STDIN");
    else
        snprintf(text, bytes, "COPY (SELECT generate_series(1,%d)) TO STDOUT", n);
}

static void copy(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    choose_copy(w, text, sizeof(text));
    before_call(w, conn);
    after_call(w, conn, PQexec(conn->pg, text), text);
}

static void copy_old(struct world *w, struct conn *conn)
{
    static const char text[] = "COPY t FROM STDIN";
    if (is_pipelined(conn))
        return;
    before_call(w, conn);
    PGresult *result = PQexec(conn->pg, text);
    say(&w->base, "old copy: ");
    say_result(w, conn, result);
    bool is_begun = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    int has_failed = 1;
    if (is_begun) {
        PQputline(conn->pg, one_in(&w->base, 3) ? "bad\n" : "18\n");
        PQputline(conn->pg, "\\.\n");
        has_failed = PQendcopy(conn->pg);
    }
    say(&w->base, " ended %d\n", has_failed);
    expect_span(&w->base, failed_if(has_failed), text);
}

/* ---- asynchronous ---- */

static void sent(struct world *w, struct conn *conn, int is_sent, const char *tag)
{
    say(&w->base, "send %s: %d '%s'\n", tag, is_sent,
        is_sent || conn->is_cut ? "" : PQerrorMessage(conn->pg));
    if (!is_sent) {
        expect_span(&w->base, "ERROR", tag);
        return;
    }
    if (!is_pipelined(conn))
        pop_all(w, conn, "ANY"); /* were through, but for their NULL */
    push(conn, tag, false);
}

static void send_one(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], tag[TAG_BYTES + 10];
    const char *values[] = {one_in(&w->base, 6) ? "x" : "3"};
    uint32_t name = roll(&w->base, N_NAMES);
    give_up_connecting(w, conn);
    switch (roll(&w->base, 7)) {
    case 0:
    case 1:
        choose(w, text, sizeof(text));
        sent(w, conn, PQsendQuery(conn->pg, text), text);
        break;
    case 2:
        choose(w, text, sizeof(text));
        sent(w, conn, PQsendQueryParams(conn->pg, text, 0, NULL, NULL, NULL, NULL, 0), text);
        break;
    case 3: {
        choose_prepared(w, text);
        snprintf(tag, sizeof(tag), "PREPARE %s", text);
        int is_sent = PQsendPrepare(conn->pg, name_of(name), text, 0, NULL);
        sent(w, conn, is_sent, tag);
        if (is_sent && is_pipelined(conn))
            snprintf(conn->texts[name], TAG_BYTES, "%s", text);
        else if (is_sent)
            while (may_take(conn)) {
                ExecStatusType status = take(w, conn);
                if (status == PGRES_COMMAND_OK)
                    snprintf(conn->texts[name], TAG_BYTES, "%s", text);
            }
        break;
    }
    case 4:
    case 5:
        snprintf(tag, sizeof(tag), "%s", tag_of_name(conn, name));
        sent(w, conn, PQsendQueryPrepared(conn->pg, name_of(name), 1, values, NULL, NULL, 0), tag);
        break;
    default:
        sent(w, conn,
             one_in(&w->base, 2) ? PQsendDescribePrepared(conn->pg, name_of(name))
                                 : PQsendDescribePortal(conn->pg, "none"),
             "DESCRIBE");
    }
}

static void send_and_take(struct world *w, struct conn *conn)
{
    if (conn->n_queries > MAX_QUERIES - 4)
        return;
    send_one(w, conn);
    if (conn->n_queries && one_in(&w->base, 3))
        say(&w->base, "single row: %d\n", PQsetSingleRowMode(conn->pg));
    if (!is_pipelined(conn))
        take_some(w, conn, one_in(&w->base, 3) ? roll(&w->base, 4) : 1000);
}

/* As an event loop does. */
static void take_when_ready(struct world *w, struct conn *conn)
{
    while (may_take(conn) && is_fine(conn)) {
        while (PQisBusy(conn->pg)) {
            struct pollfd fd = {PQsocket(conn->pg), POLLIN, 0};
            PQflush(conn->pg);
            if (poll(&fd, 1, 10000) != 1 || !PQconsumeInput(conn->pg))
                break;
        }
        take_some(w, conn, 1);
        if (one_in(&w->base, 6))
            break;
    }
}

static void send_copy(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    if (is_pipelined(conn))
        return;
    choose_copy(w, text, sizeof(text));
    give_up_connecting(w, conn);
    sent(w, conn, PQsendQuery(conn->pg, text), text);
    take_some(w, conn, one_in(&w->base, 3) ? 1 : 1000);
}

static void sync_pipeline(struct world *w, struct conn *conn)
{
    int is_synced = PQpipelineSync(conn->pg);
    say(&w->base, "sync %d\n", is_synced);
    if (is_synced)
        push(conn, "", true);
}

static void pipeline(struct world *w, struct conn *conn)
{
    if (!is_pipelined(conn)) {
        int is_on = PQenterPipelineMode(conn->pg);
        say(&w->base, "enter pipeline %d\n", is_on);
        if (!is_on)
            return;
    }
    for (uint32_t i = 1 + roll(&w->base, 8); i && conn->n_queries < MAX_QUERIES - 10; i--) {
        send_one(w, conn);
        if (one_in(&w->base, 4))
            sync_pipeline(w, conn);
    }
    sync_pipeline(w, conn);
    take_some(w, conn, one_in(&w->base, 2) ? roll(&w->base, 12) : 10000);
    if (one_in(&w->base, 2)) {
        int is_off = PQexitPipelineMode(conn->pg);
        say(&w->base, "exit pipeline %d '%s'\n", is_off,
            is_off || conn->is_cut ? "" : PQerrorMessage(conn->pg));
        if (is_off)
            pop_all(w, conn, "ANY");
    }
}

/* ---- others ---- */

static void notify(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES];
    if (conn->n_queries || is_pipelined(conn) || conn->is_connecting ||
        PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return;
    snprintf(text, sizeof(text), "LISTEN w%d", w->base.number);
    after_call(w, conn, PQexec(conn->pg, text), text);
    snprintf(text, sizeof(text), "NOTIFY w%d, 'message %d'", w->base.number, ++w->base.n_serial);
    after_call(w, conn, PQexec(conn->pg, text), text);
    PQconsumeInput(conn->pg);
    PGnotify *note = PQnotifies(conn->pg);
    say(&w->base, "notified %s '%s'\n", note ? note->relname : "-", note ? note->extra : "-");
    PQfreemem(note);
    after_call(w, conn, PQexec(conn->pg, "UNLISTEN *"), "UNLISTEN *");
}

static void cancel(struct world *w, struct conn *conn)
{
    char text[TAG_BYTES], why[256];
    if (conn->n_queries || is_pipelined(conn) || conn->is_connecting ||
        PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        return;
    snprintf(text, sizeof(text), "SELECT pg_sleep(20), %d", ++w->base.n_serial);
    sent(w, conn, PQsendQuery(conn->pg, text), text);
    PGcancel *canceller = PQgetCancel(conn->pg);
    struct pollfd fd = {PQsocket(conn->pg), POLLIN, 0};
    int is_asked = canceller != NULL;
    while (is_asked && poll(&fd, 1, 10) == 0) /* it may not have begun yet */
        is_asked = PQcancel(canceller, why, sizeof(why));
    PQfreeCancel(canceller);
    say(&w->base, "cancelled %d\n", is_asked);
    take_some(w, conn, 100);
}

static void terminate(struct world *w, struct conn *conn)
{
    static const char text[] = "SELECT pg_terminate_backend(pg_backend_pid())";
    if (is_pipelined(conn))
        return;
    before_call(w, conn);
    conn->is_cut = true;
    PGresult *result = PQexec(conn->pg, text);
    say(&w->base, "terminated: %d\n", is_failure(PQresultStatus(result)));
    expect_span(&w->base, failed_if(is_failure(PQresultStatus(result))), text);
    PQclear(result);
}

/* ---- the world ---- */

static void on_failed(struct world *w, struct conn *conn)
{
    switch (roll(&w->base, 5)) {
    case 0:
        exec(w, conn);
        break;
    case 1:
        send_one(w, conn);
        break;
    case 2:
        finish(w, conn);
        break;
    default:
        reset(w, conn);
    }
}

static void on_connecting(struct world *w, struct conn *conn)
{
    switch (roll(&w->base, 4)) {
    case 0:
        finish(w, conn);
        break;
    case 1:
        reset(w, conn);
        break;
    default:
        poll_connection(w, conn);
    }
}

static void (*const actions[])(struct world *w, struct conn *conn) = {
    exec,          exec,          exec,     exec_parameter, prepare,       prepare,
    exec_prepared, exec_prepared, describe, deallocate,     function,      object,
    copy,          copy,          copy_old, send_copy,      send_and_take, send_and_take,
    pipeline,      pipeline,      pipeline, send_and_take,  send_and_take, take_when_ready,
    notify,        finish,        reset,    cancel,         terminate};

static void world_step(struct world *w)
{
    struct conn *conn = &w->conns[roll(&w->base, N_CONNS)];
    if (one_in(&w->base, 40))
        fork_child(&w->base);
    else if (!conn->pg)
        one_in(&w->base, 3) ? start_connection(w, conn) : connect_now(w, conn);
    else if (conn->is_connecting)
        on_connecting(w, conn);
    else if (!is_fine(conn))
        on_failed(w, conn);
    else
        actions[roll(&w->base, sizeof(actions) / sizeof(actions[0]))](w, conn);
}

static void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_CONNS; i++) {
        struct conn *conn = &w->conns[i];
        if (!conn->pg)
            continue;
        if (is_tidy) {
            finish(w, conn);
            continue;
        }
        if (conn->is_connecting)
            expect_span(&w->base, "OPEN", "postgresql connect");
        while (conn->n_queries)
            pop(w, conn, "OPEN");
    }
    if (is_tidy)
        free(w);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return random_main(argc, argv);
}

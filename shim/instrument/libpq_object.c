/*
 * libpq_object: PostgreSQL, functions that are called without a statement: PQfn, and large objects.
 *
 *   begins   PQfn; lo_open and all the others of libpq-fs.h's interface: a span for each call of the program
 *   ends     when that call returns
 *   copied   what the call is called; for PQfn the function's number; SQLSTATE of PQfn alone: the lo_… drop the result,
 *            and the connection's message is the server's words then
 *   not read arguments, the object's number, its bytes
 *   traps    lo_… are made of PQfn, and the first of them, lo_import and lo_export of several. On Debian these come
 *            back through the PLT, on Ubuntu (-Bsymbolic-functions) they do not: PQfn alone would show large objects on
 *            one and not on the other, and in pieces. So the lo_… are entry points, and PQfn from inside is internal.
 *            None of them drops what is left of earlier queries: they fail then.
 */
#include "instrument/libpq_priv.h"

struct object_call {
    struct span span;
    struct connection *connection;
    const struct real_entry *entry;
    const PGconn *conn;
};

static bool begin(struct object_call *call, const struct real_entry *entry, const PGconn *conn,
                  const char *operation)
{
    call->entry = entry;
    call->conn = conn;
    call->connection = lifecycle_is_active() ? libpq_connection_of(conn, entry) : NULL;
    if (!span_begin(&call->span, INSTRUMENT_libpq, WIRE_CALL, conn, call->connection))
        return false;
    facts_text(&call->span.facts, WIRE_DB_OPERATION_NAME, operation);
    return true;
}

static bool begin_object(struct object_call *call, const struct real_entry *entry, const PGconn *conn)
{
    return begin(call, entry, conn, entry->name);
}

static void end_object(struct object_call *call, bool is_done)
{
    if (!is_done)
        libpq_copy_silent_failure(&call->span.facts, libpq_calls_for(call->connection, call->entry),
                                  call->conn);
    span_end(&call->span, is_done ? WIRE_OK : WIRE_FAILED);
}

/* seven parameters are libpq's: NOLINTNEXTLINE(readability-function-size) */
EXPORTED PGresult *PQfn(PGconn *conn, int fnid, int *result_buf, int *result_len, int result_is_int,
                        const PQArgBlock *args, int nargs)
{
    CALL_SITE;
    __typeof__(&PQfn) real = REAL_OF(PQfn, conn);
    struct object_call call;
    if (IS_INTERNAL(PQfn) || !begin(&call, &entry_points[ENTRY_PQfn], conn, "FUNCTION CALL"))
        return real(conn, fnid, result_buf, result_len, result_is_int, args, nargs);

    facts_int(&call.span.facts, WIRE_DB_FUNCTION_OID, (Oid)fnid);
    PGresult *result = real(conn, fnid, result_buf, result_len, result_is_int, args, nargs);
    const struct libpq_calls *pq = libpq_calls_for(call.connection, call.entry);
    libpq_end_query(&call.span, pq, conn, result, libpq_status_of(pq, result));
    return result;
}

EXPORTED int lo_open(PGconn *conn, Oid lobjId, int mode)
{
    CALL_SITE;
    __typeof__(&lo_open) real = REAL_OF(lo_open, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_open) && begin_object(&call, &entry_points[ENTRY_lo_open], conn);
    int result = real(conn, lobjId, mode);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_close(PGconn *conn, int fd)
{
    CALL_SITE;
    __typeof__(&lo_close) real = REAL_OF(lo_close, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_close) && begin_object(&call, &entry_points[ENTRY_lo_close], conn);
    int result = real(conn, fd);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_read(PGconn *conn, int fd, char *buf, size_t len)
{
    CALL_SITE;
    __typeof__(&lo_read) real = REAL_OF(lo_read, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_read) && begin_object(&call, &entry_points[ENTRY_lo_read], conn);
    int result = real(conn, fd, buf, len);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_write(PGconn *conn, int fd, const char *buf, size_t len)
{
    CALL_SITE;
    __typeof__(&lo_write) real = REAL_OF(lo_write, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_write) && begin_object(&call, &entry_points[ENTRY_lo_write], conn);
    int result = real(conn, fd, buf, len);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_lseek(PGconn *conn, int fd, int offset, int whence)
{
    CALL_SITE;
    __typeof__(&lo_lseek) real = REAL_OF(lo_lseek, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_lseek) && begin_object(&call, &entry_points[ENTRY_lo_lseek], conn);
    int result = real(conn, fd, offset, whence);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED pg_int64 lo_lseek64(PGconn *conn, int fd, pg_int64 offset, int whence)
{
    CALL_SITE;
    __typeof__(&lo_lseek64) real = REAL_OF(lo_lseek64, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_lseek64) && begin_object(&call, &entry_points[ENTRY_lo_lseek64], conn);
    pg_int64 result = real(conn, fd, offset, whence);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED Oid lo_creat(PGconn *conn, int mode)
{
    CALL_SITE;
    __typeof__(&lo_creat) real = REAL_OF(lo_creat, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_creat) && begin_object(&call, &entry_points[ENTRY_lo_creat], conn);
    Oid result = real(conn, mode);
    if (is_recorded)
        end_object(&call, result != InvalidOid);
    return result;
}

EXPORTED Oid lo_create(PGconn *conn, Oid lobjId)
{
    CALL_SITE;
    __typeof__(&lo_create) real = REAL_OF(lo_create, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_create) && begin_object(&call, &entry_points[ENTRY_lo_create], conn);
    Oid result = real(conn, lobjId);
    if (is_recorded)
        end_object(&call, result != InvalidOid);
    return result;
}

EXPORTED int lo_tell(PGconn *conn, int fd)
{
    CALL_SITE;
    __typeof__(&lo_tell) real = REAL_OF(lo_tell, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_tell) && begin_object(&call, &entry_points[ENTRY_lo_tell], conn);
    int result = real(conn, fd);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED pg_int64 lo_tell64(PGconn *conn, int fd)
{
    CALL_SITE;
    __typeof__(&lo_tell64) real = REAL_OF(lo_tell64, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_tell64) && begin_object(&call, &entry_points[ENTRY_lo_tell64], conn);
    pg_int64 result = real(conn, fd);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_truncate(PGconn *conn, int fd, size_t len)
{
    CALL_SITE;
    __typeof__(&lo_truncate) real = REAL_OF(lo_truncate, conn);
    struct object_call call;
    bool is_recorded =
        !IS_INTERNAL(lo_truncate) && begin_object(&call, &entry_points[ENTRY_lo_truncate], conn);
    int result = real(conn, fd, len);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_truncate64(PGconn *conn, int fd, pg_int64 len)
{
    CALL_SITE;
    __typeof__(&lo_truncate64) real = REAL_OF(lo_truncate64, conn);
    struct object_call call;
    bool is_recorded =
        !IS_INTERNAL(lo_truncate64) && begin_object(&call, &entry_points[ENTRY_lo_truncate64], conn);
    int result = real(conn, fd, len);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED int lo_unlink(PGconn *conn, Oid lobjId)
{
    CALL_SITE;
    __typeof__(&lo_unlink) real = REAL_OF(lo_unlink, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_unlink) && begin_object(&call, &entry_points[ENTRY_lo_unlink], conn);
    int result = real(conn, lobjId);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

EXPORTED Oid lo_import(PGconn *conn, const char *filename)
{
    CALL_SITE;
    __typeof__(&lo_import) real = REAL_OF(lo_import, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_import) && begin_object(&call, &entry_points[ENTRY_lo_import], conn);
    Oid result = real(conn, filename);
    if (is_recorded)
        end_object(&call, result != InvalidOid);
    return result;
}

EXPORTED Oid lo_import_with_oid(PGconn *conn, const char *filename, Oid lobjId)
{
    CALL_SITE;
    __typeof__(&lo_import_with_oid) real = REAL_OF(lo_import_with_oid, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_import_with_oid) &&
                       begin_object(&call, &entry_points[ENTRY_lo_import_with_oid], conn);
    Oid result = real(conn, filename, lobjId);
    if (is_recorded)
        end_object(&call, result != InvalidOid);
    return result;
}

EXPORTED int lo_export(PGconn *conn, Oid lobjId, const char *filename)
{
    CALL_SITE;
    __typeof__(&lo_export) real = REAL_OF(lo_export, conn);
    struct object_call call;
    bool is_recorded = !IS_INTERNAL(lo_export) && begin_object(&call, &entry_points[ENTRY_lo_export], conn);
    int result = real(conn, lobjId, filename);
    if (is_recorded)
        end_object(&call, result >= 0);
    return result;
}

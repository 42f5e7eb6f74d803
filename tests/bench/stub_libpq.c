/* stub_libpq: a libpq whose calls return at once, so that what is left of a traced call is the shim's own. */
#include <libpq-fe.h>

/* As far apart as what malloc gives; used again after so many: nobody has as many open. */
#define CONNECTIONS 4096u
static struct {
    char bytes[64];
} connections[CONNECTIONS];
static unsigned n_connections;
static int result;

#define STUB __attribute__((visibility("default")))

STUB PGconn *PQconnectdb(const char *conninfo)
{
    (void)conninfo;
    return (PGconn *)&connections[__atomic_fetch_add(&n_connections, 1, __ATOMIC_RELAXED) % CONNECTIONS];
}
STUB void PQfinish(PGconn *conn)
{
    (void)conn;
}
STUB PGresult *PQexec(PGconn *conn, const char *query)
{
    (void)conn;
    (void)query;
    return (PGresult *)&result;
}
/* ---- sent and taken apart: every query has one result and the NULL behind it ---- */
static unsigned n_sent, n_taken;
static int is_pipelined, is_between;

STUB int PQenterPipelineMode(PGconn *conn)
{
    (void)conn;
    return is_pipelined = 1;
}
STUB PGpipelineStatus PQpipelineStatus(const PGconn *conn)
{
    (void)conn;
    return is_pipelined ? PQ_PIPELINE_ON : PQ_PIPELINE_OFF;
}
STUB int PQsendQuery(PGconn *conn, const char *query)
{
    (void)conn;
    (void)query;
    n_sent++;
    return 1;
}
STUB int PQsendQueryParams(PGconn *conn, const char *command, int n, const Oid *types,
                           const char *const *values, const int *lengths, const int *formats, int format)
{
    (void)n, (void)types, (void)values, (void)lengths, (void)formats, (void)format;
    return PQsendQuery(conn, command);
}
STUB PGresult *PQgetResult(PGconn *conn)
{
    (void)conn;
    if (is_between || n_taken == n_sent) {
        is_between = 0;
        return NULL;
    }
    n_taken++;
    is_between = 1;
    return (PGresult *)&result;
}
STUB ConnStatusType PQstatus(const PGconn *conn)
{
    (void)conn;
    return CONNECTION_OK;
}
STUB char *PQhost(const PGconn *conn)
{
    (void)conn;
    static char text[] = "db.example.test";
    return text;
}
STUB char *PQhostaddr(const PGconn *conn)
{
    (void)conn;
    static char text[] = "192.0.2.7";
    return text;
}
STUB char *PQport(const PGconn *conn)
{
    (void)conn;
    static char text[] = "5433";
    return text;
}
STUB char *PQdb(const PGconn *conn)
{
    (void)conn;
    static char text[] = "orders";
    return text;
}
STUB char *PQuser(const PGconn *conn)
{
    (void)conn;
    static char text[] = "trader";
    return text;
}
STUB char *PQerrorMessage(const PGconn *conn)
{
    (void)conn;
    static char text[] = "";
    return text;
}
STUB ExecStatusType PQresultStatus(const PGresult *res)
{
    (void)res;
    return PGRES_TUPLES_OK;
}
STUB int PQntuples(const PGresult *res)
{
    (void)res;
    return 3;
}
STUB char *PQcmdTuples(PGresult *res)
{
    (void)res;
    static char text[] = "3";
    return text;
}
STUB char *PQresultErrorField(const PGresult *res, int fieldcode)
{
    (void)res;
    (void)fieldcode;
    return NULL;
}
STUB void PQclear(PGresult *res)
{
    (void)res;
}

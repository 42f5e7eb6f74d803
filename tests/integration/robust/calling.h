/* calling: numbered calls into libpq, for programs of this folder. */
#ifndef OTELSHIM_TEST_CALLING_H
#define OTELSHIM_TEST_CALLING_H

#include <libpq-fe.h>
#include <stdio.h>

/* Calls number `from` to `to` of `thread`; how many came back. */
static inline unsigned call(PGconn *conn, unsigned thread, unsigned from, unsigned to)
{
    unsigned n = 0;
    for (unsigned i = from; i <= to; i++) {
        char query[128];
        snprintf(query, sizeof(query), "SELECT id FROM s_%u_%u WHERE id = 7", thread, i);
        PGresult *result = PQexec(conn, query);
        n += result != NULL;
        PQclear(result);
    }
    return n;
}

#endif

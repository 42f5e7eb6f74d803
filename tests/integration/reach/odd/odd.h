/* odd: what the programs of this folder share. They are built by reach.py, each with the flags its case is about. */
#ifndef OTELSHIM_TEST_ODD_H
#define OTELSHIM_TEST_ODD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libpq by its functions' addresses. */
struct pq {
    __typeof__(&PQconnectdb) connect;
    __typeof__(&PQexec) exec;
    __typeof__(&PQclear) clear;
    __typeof__(&PQfinish) finish;
};

static inline struct pq pq_by_name(void *handle)
{
    return (struct pq){
        (__typeof__(&PQconnectdb))dlsym(handle, "PQconnectdb"),
        (__typeof__(&PQexec))dlsym(handle, "PQexec"),
        (__typeof__(&PQclear))dlsym(handle, "PQclear"),
        (__typeof__(&PQfinish))dlsym(handle, "PQfinish"),
    };
}

/* Where the library keeps its result: which copy answered. */
static inline const char *library_of(const void *address)
{
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname)
        return "nowhere";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

/* Calls number `from` to `to` of `part`; prints how many came back, and from which library. */
static inline void pq_call(struct pq pq, unsigned part, unsigned from, unsigned to)
{
    unsigned n = 0;
    const char *library = "none";
    PGconn *conn = pq.connect("");
    for (unsigned i = from; conn && i <= to; i++) {
        char query[128];
        snprintf(query, sizeof(query), "SELECT id FROM s_%u_%u WHERE id = 7", part, i);
        PGresult *result = pq.exec(conn, query);
        n += result != NULL;
        library = library_of(result);
        pq.clear(result);
    }
    pq.finish(conn);
    printf("part %u: %u calls, %s\n", part, n, library);
}

#endif

/* before: another interposer of PQexec, in front of or behind ours; says at exit how many calls it saw. */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdio.h>

static unsigned n_calls;

__attribute__((visibility("default"))) PGresult *PQexec(PGconn *conn, const char *query)
{
    static PGresult *(*real)(PGconn *, const char *);
    if (!real)
        real = (__typeof__(real))dlsym(RTLD_NEXT, "PQexec");
    __atomic_fetch_add(&n_calls, 1, __ATOMIC_RELAXED);
    return real(conn, query);
}

__attribute__((destructor)) static void stop(void)
{
    fprintf(stderr, "%u calls seen\n", n_calls);
}

/* plugin: a module that is linked with libpq, or with another plugin (PLUGIN_INNER), and opened by name. */
#include "odd.h"

#define PLUGIN __attribute__((visibility("default")))

#ifdef PLUGIN_INNER
extern int plugin_inner(unsigned part, unsigned from, unsigned to);
PLUGIN int plugin_run(unsigned part, unsigned from, unsigned to)
{
    return plugin_inner(part, from, to) + 1;
}
#else
#ifndef PLUGIN_NAME
#define PLUGIN_NAME plugin_run
#endif
int PLUGIN_NAME(unsigned part, unsigned from, unsigned to);
PLUGIN int PLUGIN_NAME(unsigned part, unsigned from, unsigned to)
{
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, part, from, to);
    return 1;
}

/* By this object's RUNPATH, which goes by who called dlopen(). */
int open_neighbour(void);
PLUGIN int open_neighbour(void)
{
    void *handle = dlopen("libneighbour.so", RTLD_NOW);
    return handle && dlsym(handle, "neighbour") ? 1 : 0;
}
#endif

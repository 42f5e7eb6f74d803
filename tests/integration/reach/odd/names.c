/*
 * names: usage: names DIRECTORY: functions by dlsym(), libraries by dlopen(), in every way. DIRECTORY has libplugin.so, which opens
 * libneighbour.so by its own RUNPATH. Linked with nothing but libc.
 */
#include "odd.h"

static void probe(const char *when)
{
    (void)dlerror();
    void *found = dlsym(RTLD_DEFAULT, "PQexec");
    const char *error = dlerror();
    printf("%s: RTLD_DEFAULT %s, error %s\n", when, found ? "there" : "missing",
           error && strstr(error, "undefined symbol: PQexec") ? "says so"
           : error                                            ? error
                                                              : "none");
    void *program = dlopen(NULL, RTLD_NOW);
    found = dlsym(program, "PQexec");
    error = dlerror();
    printf("%s: the program %s, error %s\n", when, found ? "there" : "missing",
           error && strstr(error, "undefined symbol: PQexec") ? "says so"
           : error                                            ? error
                                                              : "none");
}

static void *open_libpq(int mode)
{
    void *handle = dlopen("libpq.so.5", mode);
    if (!handle)
        printf("dlopen: %s\n", dlerror());
    return handle;
}

int main(int argc, char **argv)
{
    char path[4096];
    probe("before");
    void *handle = open_libpq(RTLD_NOW | RTLD_LOCAL);
    if (argc < 2 || !handle)
        return 2;
    probe("local");
    pq_call(pq_by_name(handle), 1, 1, 5);

    void *missing = dlsym(handle, "PQnothing");
    printf("PQnothing %s: %s\n", missing ? "there" : "missing", dlerror());
    (void)dlopen("/no/such/library", RTLD_NOW);
    void *found = dlsym(handle, "PQexec");
    const char *error = dlerror();
    printf("PQexec %s: %s\n", found ? "there" : "missing", error ? error : "no error");
    found = dlsym(handle, "malloc"); /* its dependency's */
    printf("malloc %s\n", found == (void *)malloc ? "as linked" : "another");

    dlclose(handle);
    handle = open_libpq(RTLD_LAZY | RTLD_LOCAL);
    pq_call(pq_by_name(handle), 2, 1, 5);

    void *elsewhere = dlmopen(LM_ID_NEWLM, "libpq.so.5", RTLD_NOW);
    if (elsewhere)
        pq_call(pq_by_name(elsewhere), 3, 1, 5); /* another namespace: stays as it is */

    void *global = open_libpq(RTLD_NOW | RTLD_GLOBAL);
    probe("global");
    pq_call(pq_by_name(RTLD_DEFAULT), 4, 1, 5);
    pq_call(pq_by_name(global), 5, 1, 5);

    snprintf(path, sizeof(path), "%s/libplugin.so", argv[1]);
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*open_neighbour)(void) = plugin ? (int (*)(void))dlsym(plugin, "open_neighbour") : NULL;
    printf("neighbour %d\n", open_neighbour ? open_neighbour() : -1);
    return 4;
}

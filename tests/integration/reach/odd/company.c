/* company: an interposer that wraps dlsym() and dlopen(), as many do: in C. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

static unsigned n_symbols, n_objects;

static void *real(const char *name)
{
    static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"};
    void *found = NULL;
    for (unsigned i = 0; i < 3 && !found; i++)
        found = dlvsym(RTLD_NEXT, name, versions[i]);
    return found;
}

__attribute__((visibility("default"))) void *dlsym(void *handle, const char *name)
{
    void *(*next)(void *, const char *) = (void *(*)(void *, const char *))real("dlsym");
    __atomic_fetch_add(&n_symbols, 1, __ATOMIC_RELAXED);
    return next(handle, name);
}

__attribute__((visibility("default"))) void *dlopen(const char *file, int mode)
{
    void *(*next)(const char *, int) = (void *(*)(const char *, int))real("dlopen");
    __atomic_fetch_add(&n_objects, 1, __ATOMIC_RELAXED);
    return next(file, mode);
}

__attribute__((destructor)) static void stop(void)
{
    fprintf(stderr, "%s names, %s objects\n", n_symbols ? "some" : "no", n_objects ? "some" : "no");
}

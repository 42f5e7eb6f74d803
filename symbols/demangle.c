/*
 * demangle: readable names of C++ and Rust symbols.
 *
 * C++ by the __cxa_demangle of libstdc++, the compiler's own, loaded when the first such name is met: linking it would cost every
 * start of the exporter, and a demangler of our own would be the larger half of this folder. (libiberty's is GPL.) Where it is
 * missing, C++ names stay as they are. Rust's two schemes are demangle_rust.c.
 */
#include "demangle.h"
#include "symbols.h"

#include <dlfcn.h>
#include <string.h>

#define MAX_BYTES 8192u /* longer names are not worth their time: the output may grow exponentially */

typedef char *(*cxa_demangle_fn)(const char *name, char *buffer, size_t *bytes, int *status);

static char *demangle_cxx(const char *name)
{
    static cxa_demangle_fn cxa_demangle; /* set once: Threads: one at a time */
    static bool is_sought;
    int status = 0;
    if (!is_sought) {
        void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
        is_sought = true;
        if (library)
            *(void **)&cxa_demangle = dlsym(library, "__cxa_demangle");
    }
    return cxa_demangle ? cxa_demangle(name, NULL, NULL, &status) : NULL;
}

char *symbols_demangle(const char *name)
{
    if (strnlen(name, MAX_BYTES) == MAX_BYTES)
        return NULL;
    char *rust = demangle_rust(name);
    if (rust)
        return rust;
    return strncmp(name, "_Z", 2) == 0 ? demangle_cxx(name) : NULL;
}

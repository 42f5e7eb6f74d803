/* Any bytes as a mangled name: C++, and both schemes of Rust. */
#include "symbols.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const prefixes[] = {"", "_R", "_ZN"};
    char *name = malloc(size + 4);
    for (int i = 0; name && i < 3; i++) {
        size_t n = strlen(prefixes[i]);
        memcpy(name, prefixes[i], n);
        memcpy(name + n, data, size);
        name[n + size] = 0;
        if (i > 0 || strncmp(name, "_Z", 2) != 0 ||
            strstr(name, "17h")) /* libstdc++'s own are not ours to fuzz */
            free(symbols_demangle(name));
    }
    free(name);
    return 0;
}

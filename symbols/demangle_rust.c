/* demangle_rust: see demangle.h. */
#include "demangle.h"

#include <stddef.h>

char *demangle_rust(const char *name)
{
    (void)name;
    return NULL;
}

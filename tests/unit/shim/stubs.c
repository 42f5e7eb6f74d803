/* stubs: what unit tests of the shim's core link instead of lifecycle.c and loader.c: always active, no instrumentation. */
#include "lifecycle.h"
#include "real.h"
#include <string.h>

uint32_t lifecycle_state = LIFECYCLE_ACTIVE;

bool lifecycle_decide(void)
{
    return true;
}

/* A test that patches has its own entry points. */
struct real_entry *stub_entries;
unsigned n_stub_entries;

struct real_entry *real_entry_of(const char *name, const char *version)
{
    struct real_entry *base = NULL;
    for (unsigned i = 0; i < n_stub_entries; i++) {
        struct real_entry *entry = &stub_entries[i];
        if (strcmp(entry->name, name) != 0)
            continue;
        if (version && !strcmp(entry->version, version))
            return entry;
        base = *entry->version ? base : entry;
    }
    return base;
}

void lifecycle_after_writing(void)
{
}

/*
 * resource: what made the telemetry: service, process, host.
 *
 * Context: loop. Ownership: reference-counted by its process; immutable once made.
 */
#ifndef OTELSHIM_RESOURCE_H
#define OTELSHIM_RESOURCE_H

#include "telemetry/attribute.h"

struct resource {
    struct arena arena;
    struct attributes attributes;
    const char *schema_url;
    const char *service_name; /* also in attributes; for the console */
    uint32_t n_references;
};

struct resource *resource_reference(struct resource *resource);
/* NULL is fine. Frees it with its last reference. */
void resource_release(struct resource *resource);

#endif

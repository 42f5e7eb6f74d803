/* resource: see resource.h. Made by signals/spans/resource.c. */
#include "telemetry/resource.h"

#include <stdlib.h>

struct resource *resource_reference(struct resource *resource)
{
    resource->n_references++;
    return resource;
}

void resource_release(struct resource *resource)
{
    if (!resource || --resource->n_references > 0)
        return;
    arena_fini(&resource->arena);
    free(resource);
}

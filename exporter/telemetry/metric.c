/* metric: see metric.h. */
#include "telemetry/metric.h"

void metric_collection_fini(struct metric_collection *collection)
{
    arena_fini(&collection->arena);
    *collection = (struct metric_collection){.n_points = 0};
}

struct metric_resource *metric_add_resource(struct metric_collection *collection,
                                            const struct resource *resource)
{
    struct metric_resource *added = arena_zalloc(&collection->arena, sizeof(*added));
    added->resource = resource;
    added->previous = collection->last;
    collection->last = added;
    return added;
}

struct metric_scope *metric_add_scope(struct metric_collection *collection, struct metric_resource *resource,
                                      const char *name)
{
    struct metric_scope *added = arena_zalloc(&collection->arena, sizeof(*added));
    added->name = name;
    added->previous = resource->last;
    resource->last = added;
    return added;
}

struct metric *metric_add(struct metric_collection *collection, struct metric_scope *scope)
{
    struct metric *added = arena_zalloc(&collection->arena, sizeof(*added));
    added->previous = scope->last;
    scope->last = added;
    return added;
}

struct metric_point *metric_add_point(struct metric_collection *collection, struct metric *metric)
{
    struct metric_point *added = arena_zalloc(&collection->arena, sizeof(*added));
    added->previous = metric->last;
    metric->last = added;
    collection->n_points++;
    return added;
}

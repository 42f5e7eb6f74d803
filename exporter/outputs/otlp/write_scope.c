/* write_scope: see write_scope.h. */
#include "outputs/otlp/write_scope.h"

#include "outputs/otlp/write_span.h"

/* Field numbers of resource.proto and common.proto. */
enum { RESOURCE_ATTRIBUTES = 1, RESOURCE_DROPPED_ATTRIBUTES };
enum { SCOPE_NAME = 1, SCOPE_VERSION };

uint8_t *write_scope(struct writer *writer, uint8_t *at, const char *name)
{
    size_t before = writer_bytes(writer, at);
    at = write_text(writer, at, SCOPE_VERSION, OTELSHIM_VERSION);
    at = write_text(writer, at, SCOPE_NAME, name);
    return put_message(writer, at, OF_SCOPE_SCOPE, before);
}

uint8_t *write_resource(struct writer *writer, uint8_t *at, const struct resource *resource)
{
    size_t before = writer_bytes(writer, at);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    if (resource && resource->attributes.n_dropped)
        at = put_number(at, RESOURCE_DROPPED_ATTRIBUTES, resource->attributes.n_dropped);
    if (resource)
        at = write_attributes(writer, at, RESOURCE_ATTRIBUTES, &resource->attributes);
    at = writer_reserve(writer, at, WRITER_MAX_FIELD_BYTES);
    return put_message(writer, at, OF_RESOURCE_RESOURCE, before);
}

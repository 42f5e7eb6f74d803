/*
 * write_scope: what every signal's request says of where its telemetry came from: resource, scope, schema.
 *
 * Context: loop. As in writer.h, the last field comes first.
 */
#ifndef OTELSHIM_WRITE_SCOPE_H
#define OTELSHIM_WRITE_SCOPE_H

#include "outputs/otlp/writer.h"
#include "telemetry/resource.h"

/* Schema URL of the conventions that signals/ follows. */
#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* Numbers of ResourceSpans and ScopeSpans, ResourceMetrics and ScopeMetrics: they are the same. */
enum { OF_RESOURCE_RESOURCE = 1, OF_RESOURCE_SCOPES, OF_RESOURCE_SCHEMA_URL };
enum { OF_SCOPE_SCOPE = 1, OF_SCOPE_ITEMS, OF_SCOPE_SCHEMA_URL };

uint8_t *write_scope(struct writer *writer, uint8_t *at, const char *name);
uint8_t *write_resource(struct writer *writer, uint8_t *at, const struct resource *resource);

#endif

/*
 * resource: what is known of a traced process, as the resource of its telemetry (semantic conventions 1.44, "Resource").
 *
 * Context: loop, once per process: a few reads of small local files; no name service, no network.
 */
#ifndef OTELSHIM_SPANS_RESOURCE_H
#define OTELSHIM_SPANS_RESOURCE_H

#include "settings/settings.h"
#include "telemetry/process.h"
#include "telemetry/resource.h"

/*
 * With one reference, the caller's. What is detected yields to OTEL_RESOURCE_ATTRIBUTES, and that to OTEL_SERVICE_NAME.
 * service.instance.id is new with every call. service.version, where nobody says one, is the executable's (package, else build id),
 * unless that is an interpreter: its version would be taken for the program's.
 */
struct resource *resource_create(const struct process *process, const struct settings *settings);

#endif

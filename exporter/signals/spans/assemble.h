/*
 * assemble: a raw span becomes a span by the semantic conventions: name, kind, attributes, events, status.
 *
 * Besides the conventions' own there are these attributes and span events of ours (the conventions have none):
 *   otelshim.calls, otelshim.errors      of an episode's root: how many calls it holds, how many of them failed
 *   otelshim.abandoned                   true: left by longjmp, C++ throw or cancellation; its status is unset
 *   otelshim.ended_by                    exit, killed, exec: the span was open when its process ended that way; its status
 *                                        is Error and its error.type `process_ended`
 *   otelshim.http.redirect_count         hops that one call hid (url.full is the URL of the first)
 *   otelshim.db.affected_rows            rows that the statement changed
 *   span events otelshim.http.{dns.end, connect.end, tls.end, request.start, response.first_byte}
 *
 * Context: loop. Ownership: the span and all it points to live in the arena, but for its resource, which is the process's.
 */
#ifndef OTELSHIM_ASSEMBLE_H
#define OTELSHIM_ASSEMBLE_H

#include "settings/settings.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

/*
 * Sampled or not, before limits: what metrics are derived from. A short record lacks what only spans need. `settings` are
 * those of raw->process.
 */
struct span *assemble_call(struct arena *arena, const struct raw_span *raw, const struct settings *settings);

#endif

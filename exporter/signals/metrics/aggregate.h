/*
 * aggregate: the metrics of one process: series, and what they add up to.
 *
 *     stream   one metric of one scope; at most 2,000 attribute sets, the rest is one point `otel.metric.overflow`
 *     series   one attribute set of a stream
 *
 * Context: loop. Ownership: the set owns its series and a reference to its resource; a series stays valid until the set
 * goes, or until it has been idle for a delta collection and nobody holds it (series_hold).
 */
#ifndef OTELSHIM_AGGREGATE_H
#define OTELSHIM_AGGREGATE_H

#include "settings/settings.h"
#include "signals/metrics/exemplar.h"
#include "signals/metrics/instrument.h"
#include "telemetry/drops.h"
#include "telemetry/metric.h"
#include "telemetry/usage.h"

#define AGGREGATE_MAX_SERIES 2000u      /* of one stream (OTel spec, metrics SDK, "Cardinality limits") */
#define AGGREGATE_MAX_ALL_SERIES 20000u /* of all processes: then new ones overflow wherever they come from */
#define AGGREGATE_MAX_ATTRIBUTES 10u

struct measured;
struct metric_set;
struct series;
struct stream;

/* Settings are read here and not kept; everything begins at `start_unix_ns`. */
struct metric_set *metric_set_create(const struct settings *settings, struct resource *resource,
                                     uint64_t start_unix_ns);
/* NULL is fine. */
void metric_set_destroy(struct metric_set *set);

/*
 * The series of these attributes, made when there is none; the overflow one where there are too many. `scope_index` is
 * any number that stands for `scope` (an instrumentation's row); both are looked at together. Attributes are compared in
 * their order: the caller has one.
 */
struct series *metric_set_find(struct metric_set *set, enum instrument instrument, uint32_t scope_index,
                               const char *scope, const struct attribute *attributes, uint32_t n_attributes);
/* The stream of an instrument, made when there is none; `row` is kept and lasts as long as the set. */
struct stream *metric_set_stream(struct metric_set *set, const struct instrument_row *row,
                                 uint32_t scope_index, const char *scope);
/* As metric_set_find(). */
struct series *stream_find(struct metric_set *set, struct stream *stream, const struct attribute *attributes,
                           uint32_t n_attributes);
/* What stands for the series that are too many. */
struct series *stream_overflow(struct metric_set *set, struct stream *stream);
/* Another number once any series of any set was forgotten: a series that was found at this one is still valid. */
uint64_t metric_set_generation(void);
/* Its like under another metric of the same scope, found once. */
struct series *series_sibling(struct metric_set *set, struct series *series, enum instrument instrument);

/* While it is held it is not forgotten. */
void series_hold(struct series *series);
void series_drop(struct series *series);
/* One measurement of a histogram. `exemplar` NULL: it may not be one. */
void series_record(struct metric_set *set, struct series *series, double value,
                   const struct exemplar *exemplar);
/*
 * Up or down, by an integer or a double; once one double came the stream's points are doubles. Of a gauge the last one counts. A number of
 * open things never falls below 0: what an earlier exporter counted is not known.
 */
void series_add(struct metric_set *set, struct series *series, const struct measured *measured,
                const struct exemplar *exemplar);

/*
 * Appends what there is at `now_unix_ns`. `usage` NULL: the process is gone, or cannot be looked at. `is_last`: it is gone,
 * so nothing of it is open any more; and where nothing has changed since the last time, nothing is said.
 */
void metric_set_collect(struct metric_set *set, struct metric_collection *collection, uint64_t now_unix_ns,
                        const struct usage *usage, bool is_last);
/* What earlier exporters said already. */
void metric_set_begin_drops(struct metric_set *set, const uint64_t told[WIRE_MAX_DROPS]);
/* What the library says it could not record, as of now; said by the next collection. True: that is news. */
bool metric_set_note_drops(struct metric_set *set, const struct drops *drops);
/* As the last collection said them. */
const struct drops *metric_set_drops_said(const struct metric_set *set);
/*
 * Appends what was measured since the last collection, and changes nothing: what would be lost with this process. Exemplars
 * are left out; so are drops, unless the traced process `has_ended`: until then they stand in its file.
 */
void metric_set_peek(struct metric_set *set, struct metric_collection *collection, uint64_t now_unix_ns,
                     bool has_ended);
/* Something was measured since the last collection. */
bool metric_set_has_news(const struct metric_set *set);
/* Series of all sets. */
uint32_t metric_set_count_series(void);

#endif

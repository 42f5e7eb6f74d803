/*
 * exemplar: measurements that stand for those of their point: trace, span, value, time.
 *
 * One per bucket of an explicit histogram, 20 of an exponential one; which of a bucket's it is, is drawn evenly from those
 * since the last collection (OTel spec, metrics SDK, "AlignedHistogramBucketExemplarReservoir"). Context: loop.
 */
#ifndef OTELSHIM_EXEMPLAR_H
#define OTELSHIM_EXEMPLAR_H

#include "telemetry/metric.h"

#define EXEMPLAR_PEER_BYTES 46u /* INET6_ADDRSTRLEN; a longer one (a socket's path) is left out */

/* What is kept of a call. */
struct exemplar {
    double value;
    uint64_t time_unix_ns;
    uint8_t trace_id[16], span_id[8];
    uint16_t peer_port;             /* 0: none */
    char peer[EXEMPLAR_PEER_BYTES]; /* network.peer.address, NUL-terminated; "" none: points do not have it */
};

struct exemplar_slot;

/* A zeroed one is empty. Loop thread only. */
struct exemplars {
    struct exemplar_slot *slots; /* NULL until the first */
    uint32_t n_slots;
};

/* `n_slots`: buckets, or 0: those of an exponential histogram. */
void exemplars_offer(struct exemplars *exemplars, uint32_t n_slots, uint32_t bucket,
                     const struct exemplar *offered);
/* Into the arena, with times moved into (start, end]; empties the reservoir. */
void exemplars_take(struct exemplars *exemplars, struct arena *arena, uint64_t start_unix_ns,
                    uint64_t end_unix_ns, struct metric_point *point);
void exemplars_fini(struct exemplars *exemplars);

#endif

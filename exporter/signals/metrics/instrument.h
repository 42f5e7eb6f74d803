/*
 * instrument: every metric: name, unit, kind and buckets, by the semantic conventions 1.44.
 *
 * Two that the conventions do not have: otelshim.websocket.messages, counter, {message}: whole WebSocket messages, by
 * server.address, server.port and network.io.direction (transmit, receive); otelshim.drops, counter, {drop}: what the library
 * could not record, by otelshim.drop.reason (wire/drops.h). Named by the naming rules of OpenTelemetry (own namespace, plural
 * of what is counted, no unit and no `total` in the name).
 *
 * Context: any; constants only.
 */
#ifndef OTELSHIM_INSTRUMENT_H
#define OTELSHIM_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

enum instrument {
    INSTRUMENT_HTTP_REQUEST_DURATION,
    INSTRUMENT_DB_OPERATION_DURATION,
    INSTRUMENT_DB_RETURNED_ROWS,
    INSTRUMENT_HTTP_OPEN_CONNECTIONS,
    INSTRUMENT_DB_CONNECTION_COUNT,
    INSTRUMENT_WEBSOCKET_MESSAGES,
    INSTRUMENT_OLD_HTTP_DURATION, /* OTEL_SEMCONV_STABILITY_OPT_IN */
    INSTRUMENT_OLD_DB_CONNECTIONS,
    INSTRUMENT_PROCESS_CPU_TIME,
    INSTRUMENT_PROCESS_MEMORY_USAGE,
    INSTRUMENT_PROCESS_MEMORY_VIRTUAL,
    INSTRUMENT_PROCESS_THREAD_COUNT,
    INSTRUMENT_PROCESS_FILE_DESCRIPTOR_COUNT,
    INSTRUMENT_PROCESS_CONTEXT_SWITCHES,
    INSTRUMENT_PROCESS_PAGING_FAULTS,
    INSTRUMENT_PROCESS_DISK_IO,
    INSTRUMENT_PROCESS_UPTIME,
    INSTRUMENT_DROPS,
    N_INSTRUMENTS
};

enum instrument_kind {
    INSTRUMENT_HISTOGRAM,
    INSTRUMENT_COUNTER,
    INSTRUMENT_UP_DOWN_COUNTER,
    INSTRUMENT_CUSTOM_UP_DOWN_COUNTER, /* the program's own: may be below zero, and does not end with it */
    INSTRUMENT_GAUGE,
    INSTRUMENT_OBSERVED_COUNTER, /* asynchronous: read when it is asked for */
    INSTRUMENT_OBSERVED_UP_DOWN_COUNTER,
    INSTRUMENT_OBSERVED_GAUGE
};

struct instrument_row {
    const char *name, *unit, *description;
    const double *bounds; /* of a histogram */
    uint32_t n_bounds;
    enum instrument_kind kind;
};

const struct instrument_row *instrument_row(enum instrument instrument);

#endif

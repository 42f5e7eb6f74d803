/* instrument: see instrument.h. */
#include "signals/metrics/instrument.h"

#include <stddef.h>

static const double http_seconds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                      0.5,   0.75, 1,     2.5,  5,     7.5, 10};
static const double http_milliseconds[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                           500, 750, 1000, 2500, 5000, 7500, 10000};
static const double db_seconds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};
static const double rows[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

#define BOUNDS(list) (list), sizeof(list) / sizeof((list)[0])
#define NO_BOUNDS NULL, 0

static const struct instrument_row table[N_INSTRUMENTS] = {
    [INSTRUMENT_HTTP_REQUEST_DURATION] = {"http.client.request.duration", "s",
                                          "Duration of HTTP client requests.", BOUNDS(http_seconds),
                                          INSTRUMENT_HISTOGRAM},
    [INSTRUMENT_DB_OPERATION_DURATION] = {"db.client.operation.duration", "s",
                                          "Duration of database client operations.", BOUNDS(db_seconds),
                                          INSTRUMENT_HISTOGRAM},
    [INSTRUMENT_DB_RETURNED_ROWS] = {"db.client.response.returned_rows", "{row}",
                                     "The actual number of records returned by the database operation.",
                                     BOUNDS(rows), INSTRUMENT_HISTOGRAM},
    [INSTRUMENT_HTTP_OPEN_CONNECTIONS] = {"http.client.open_connections", "{connection}",
                                          "Number of outbound HTTP connections that are currently open.",
                                          NO_BOUNDS, INSTRUMENT_UP_DOWN_COUNTER},
    [INSTRUMENT_DB_CONNECTION_COUNT] = {"db.client.connection.count", "{connection}",
                                        "The number of connections that are currently open.", NO_BOUNDS,
                                        INSTRUMENT_UP_DOWN_COUNTER},
    [INSTRUMENT_WEBSOCKET_MESSAGES] = {"otelshim.websocket.messages", "{message}",
                                       "WebSocket messages sent and received whole.", NO_BOUNDS,
                                       INSTRUMENT_COUNTER},
    [INSTRUMENT_OLD_HTTP_DURATION] = {"http.client.duration", "ms",
                                      "Measures the duration of outbound HTTP requests.",
                                      BOUNDS(http_milliseconds), INSTRUMENT_HISTOGRAM},
    [INSTRUMENT_OLD_DB_CONNECTIONS] =
        {"db.client.connections.usage", "{connection}",
         "The number of connections that are currently in state described by the `state` attribute",
         NO_BOUNDS, INSTRUMENT_UP_DOWN_COUNTER},
    [INSTRUMENT_PROCESS_CPU_TIME] = {"process.cpu.time", "s",
                                     "Total CPU seconds broken down by different CPU modes.", NO_BOUNDS,
                                     INSTRUMENT_OBSERVED_COUNTER},
    [INSTRUMENT_PROCESS_MEMORY_USAGE] = {"process.memory.usage", "By",
                                         "The amount of physical memory in use.", NO_BOUNDS,
                                         INSTRUMENT_OBSERVED_UP_DOWN_COUNTER},
    [INSTRUMENT_PROCESS_MEMORY_VIRTUAL] = {"process.memory.virtual", "By",
                                           "The amount of committed virtual memory.", NO_BOUNDS,
                                           INSTRUMENT_OBSERVED_UP_DOWN_COUNTER},
    [INSTRUMENT_PROCESS_THREAD_COUNT] = {"process.thread.count", "{thread}", "Process threads count.",
                                         NO_BOUNDS, INSTRUMENT_OBSERVED_UP_DOWN_COUNTER},
    [INSTRUMENT_PROCESS_FILE_DESCRIPTOR_COUNT] = {"process.unix.file_descriptor.count", "{file_descriptor}",
                                                  "Number of unix file descriptors in use by the process.",
                                                  NO_BOUNDS, INSTRUMENT_OBSERVED_UP_DOWN_COUNTER},
    [INSTRUMENT_PROCESS_CONTEXT_SWITCHES] = {"process.context_switches", "{context_switch}",
                                             "Number of times the process has been context switched.",
                                             NO_BOUNDS, INSTRUMENT_OBSERVED_COUNTER},
    [INSTRUMENT_PROCESS_PAGING_FAULTS] = {"process.paging.faults", "{fault}",
                                          "Number of page faults the process has made.", NO_BOUNDS,
                                          INSTRUMENT_OBSERVED_COUNTER},
    [INSTRUMENT_PROCESS_DISK_IO] = {"process.disk.io", "By", "Disk bytes transferred.", NO_BOUNDS,
                                    INSTRUMENT_OBSERVED_COUNTER},
    [INSTRUMENT_PROCESS_UPTIME] = {"process.uptime", "s", "The time the process has been running.", NO_BOUNDS,
                                   INSTRUMENT_OBSERVED_GAUGE},
    [INSTRUMENT_DROPS] = {"otelshim.drops", "{drop}", "What the library could not record, by reason.",
                          NO_BOUNDS, INSTRUMENT_OBSERVED_COUNTER},
};

const struct instrument_row *instrument_row(enum instrument instrument)
{
    return &table[instrument];
}

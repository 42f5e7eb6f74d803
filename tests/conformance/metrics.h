/*
 * metrics: those of the OpenTelemetry semantic conventions 1.44.0 that we emit, copied as data from the specification, not from
 * our code. Included by tests/unit/test_instrument.c.
 *
 * CONVENTION_METRIC("name", "unit", KIND, a histogram's bounds…)
 */
CONVENTION_METRIC("http.client.request.duration", "s", HISTOGRAM, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                  0.5, 0.75, 1, 2.5, 5, 7.5, 10)
CONVENTION_METRIC("http.client.open_connections", "{connection}", UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("db.client.operation.duration", "s", HISTOGRAM, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5,
                  10)
CONVENTION_METRIC("db.client.response.returned_rows", "{row}", HISTOGRAM, 1, 2, 5, 10, 20, 50, 100, 200, 500,
                  1000, 2000, 5000, 10000)
CONVENTION_METRIC("db.client.connection.count", "{connection}", UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("process.cpu.time", "s", OBSERVED_COUNTER, 0)
CONVENTION_METRIC("process.memory.usage", "By", OBSERVED_UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("process.memory.virtual", "By", OBSERVED_UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("process.thread.count", "{thread}", OBSERVED_UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("process.unix.file_descriptor.count", "{file_descriptor}", OBSERVED_UP_DOWN_COUNTER, 0)
CONVENTION_METRIC("process.context_switches", "{context_switch}", OBSERVED_COUNTER, 0)
CONVENTION_METRIC("process.paging.faults", "{fault}", OBSERVED_COUNTER, 0)
CONVENTION_METRIC("process.disk.io", "By", OBSERVED_COUNTER, 0)
CONVENTION_METRIC("process.uptime", "s", OBSERVED_GAUGE, 0)

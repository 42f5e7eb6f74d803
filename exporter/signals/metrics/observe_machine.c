/*
 * observe_machine: hw.* (semantic conventions, hardware: development) and otelshim.host.*, of the host of the exporter's own resource.
 *
 * What conventions have no name for: otelshim.host.throttles and .throttle.time (x86: how often, how long, by scope core or package) and
 * otelshim.host.throttled (Raspberry Pi: 1 or 0, by reason, now or since boot). hw.status says the same to who knows neither.
 */
#include "signals/metrics/self.h"

#define SCOPE "otelshim.host"
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct observing {
    struct metric_collection *collection;
    struct metric_scope *scope;
    const struct machine_state *state;
    uint64_t now_unix_ns;
};

/* Made at its first point: OTLP wants no empty ones. */
struct observed {
    struct metric description;
    struct metric *metric;
};

static struct metric_point *add(struct observing *observing, struct observed *observed)
{
    if (!observed->metric) {
        struct metric *metric = metric_add(observing->collection, observing->scope),
                      *previous = metric->previous;
        *metric = observed->description;
        metric->previous = previous;
        metric->temporality = METRIC_CUMULATIVE;
        observed->metric = metric;
    }
    struct metric_point *point = metric_add_point(observing->collection, observed->metric);
    point->start_unix_ns = observed->metric->kind == METRIC_GAUGE ? 0 : observing->state->boot_unix_ns;
    point->time_unix_ns = observing->now_unix_ns;
    return point;
}

static void put(struct observing *observing, struct metric_point *point, const char *key, const char *text)
{
    if (*text)
        attribute_set_string(&point->attributes, &observing->collection->arena, key, text);
}

static void put_integer(struct metric_point *point, uint64_t number)
{
    point->is_integer = true;
    point->value.integer = number < INT64_MAX ? (int64_t)number : INT64_MAX;
}

/* ---- temperatures ---- */

static struct metric_point *add_temperature(struct observing *observing, struct observed *observed,
                                            const struct machine_temperature *temperature)
{
    struct metric_point *point = add(observing, observed);
    put(observing, point, "hw.id", temperature->id);
    put(observing, point, "hw.name", temperature->name);
    put(observing, point, "hw.sensor_location", temperature->location);
    return point;
}

static void say_temperatures(struct observing *observing)
{
    const struct machine_state *state = observing->state;
    struct observed celsius = {.description = {.name = "hw.temperature",
                                               .unit = "Cel",
                                               .description = "Temperature in degrees Celsius.",
                                               .kind = METRIC_GAUGE}};
    for (uint32_t i = 0; i < state->n_temperatures; i++)
        add_temperature(observing, &celsius, &state->temperatures[i])->value.number =
            state->temperatures[i].celsius;
}

static void say_limits(struct observing *observing)
{
    const struct machine_state *state = observing->state;
    struct observed limits = {.description = {.name = "hw.temperature.limit",
                                              .unit = "Cel",
                                              .description = "Temperature limit in degrees Celsius.",
                                              .kind = METRIC_GAUGE}};
    for (uint32_t i = 0; i < state->n_temperatures; i++) {
        const struct machine_temperature *temperature = &state->temperatures[i];
        if (temperature->has_critical) {
            struct metric_point *point = add_temperature(observing, &limits, temperature);
            put(observing, point, "hw.limit_type", "high.critical");
            point->value.number = temperature->critical;
        }
        if (temperature->has_degraded) {
            struct metric_point *point = add_temperature(observing, &limits, temperature);
            put(observing, point, "hw.limit_type", "high.degraded");
            point->value.number = temperature->degraded;
        }
    }
}

/* ---- processors ---- */

static void say_speeds(struct observing *observing)
{
    const struct machine_state *state = observing->state;
    struct observed limits = {.description = {.name = "hw.cpu.speed.limit",
                                              .unit = "Hz",
                                              .description = "CPU maximum frequency.",
                                              .kind = METRIC_GAUGE}};
    for (uint32_t i = 0; i < state->n_speeds; i++) {
        const char *const types[] = {"max", "throttled"};
        const int64_t values[] = {state->speeds[i].max_hz, state->speeds[i].limit_hz};
        for (size_t k = 0; k < N_OF(types); k++) {
            struct metric_point *point = add(observing, &limits);
            put(observing, point, "hw.id", state->speeds[i].id);
            put(observing, point, "hw.limit_type", types[k]);
            put_integer(point, (uint64_t)values[k]);
        }
    }
}

static void say_states(struct observing *observing, struct observed *status, const char *type,
                       bool is_degraded)
{
    const char *const states[] = {"ok", "degraded"};
    for (size_t i = 0; i < N_OF(states); i++) {
        struct metric_point *point = add(observing, status);
        put(observing, point, "hw.id", type);
        put(observing, point, "hw.type", type);
        put(observing, point, "hw.state", states[i]);
        put_integer(point, is_degraded == (i == 1));
    }
}

static void say_status(struct observing *observing)
{
    const struct machine_state *state = observing->state;
    struct observed status = {
        .description = {.name = "hw.status",
                        .unit = "1",
                        .description =
                            "Operational status: 1 (true) or 0 (false) for each of the possible states.",
                        .kind = METRIC_SUM}};
    const uint32_t slow = MACHINE_FREQUENCY_CAPPED | MACHINE_THROTTLED | MACHINE_SOFT_TEMPERATURE_LIMIT;
    if (state->has_cooling || state->has_firmware)
        say_states(observing, &status, "cpu", state->is_cooled || (state->firmware & slow));
    if (state->has_voltage_alarm || state->has_firmware)
        say_states(observing, &status, "voltage",
                   state->is_under_voltage || (state->firmware & MACHINE_UNDER_VOLTAGE));
}

static void say_throttles(struct observing *observing)
{
    const struct machine_state *state = observing->state;
    const char *const scopes[] = {"core", "package"};
    const uint64_t counts[] = {state->core_throttles, state->package_throttles},
                   times[] = {state->core_throttled_ms, state->package_throttled_ms};
    struct observed throttles = {.description = {.name = "otelshim.host.throttles",
                                                 .unit = "{throttle}",
                                                 .description =
                                                     "How often processors were slowed down for being hot.",
                                                 .kind = METRIC_SUM,
                                                 .is_monotonic = true}},
                    time = {
                        .description = {.name = "otelshim.host.throttle.time",
                                        .unit = "s",
                                        .description = "How long processors were slowed down for being hot.",
                                        .kind = METRIC_SUM,
                                        .is_monotonic = true}};
    for (size_t i = 0; i < N_OF(scopes) && state->has_throttles; i++) {
        struct metric_point *point = add(observing, &throttles);
        put(observing, point, "otelshim.throttle.scope", scopes[i]);
        put_integer(point, counts[i]);
    }
    for (size_t i = 0; i < N_OF(scopes) && state->has_throttle_times; i++) {
        struct metric_point *point = add(observing, &time);
        put(observing, point, "otelshim.throttle.scope", scopes[i]);
        point->value.number = (double)times[i] / 1000;
    }
}

static void say_firmware(struct observing *observing)
{
    static const struct {
        uint32_t bit;
        const char *reason;
    } reasons[] = {{MACHINE_UNDER_VOLTAGE, "under_voltage"},
                   {MACHINE_FREQUENCY_CAPPED, "frequency_capped"},
                   {MACHINE_THROTTLED, "throttled"},
                   {MACHINE_SOFT_TEMPERATURE_LIMIT, "soft_temperature_limit"}};
    const uint32_t bits[] = {observing->state->firmware, MACHINE_SINCE_BOOT(observing->state->firmware)};
    const char *const periods[] = {"now", "boot"};
    struct observed throttled = {
        .description = {.name = "otelshim.host.throttled",
                        .unit = "1",
                        .description =
                            "What the firmware says: 1 (true) or 0 (false), by reason, now or since boot.",
                        .kind = METRIC_SUM}};
    for (size_t i = 0; i < N_OF(reasons) && observing->state->has_firmware; i++)
        for (size_t k = 0; k < N_OF(periods); k++) {
            struct metric_point *point = add(observing, &throttled);
            put(observing, point, "otelshim.throttle.reason", reasons[i].reason);
            put(observing, point, "otelshim.throttle.since", periods[k]);
            put_integer(point, (bits[k] & reasons[i].bit) != 0);
        }
}

void observe_machine(struct metric_collection *collection, const struct machine_state *state,
                     uint64_t now_unix_ns)
{
    if (!collection->last)
        return;
    struct metric_scope *scope = metric_add_scope(collection, collection->last, SCOPE);
    struct observing observing = {collection, scope, state, now_unix_ns};
    say_temperatures(&observing);
    say_limits(&observing);
    say_speeds(&observing);
    say_status(&observing);
    say_throttles(&observing);
    say_firmware(&observing);
    if (!scope->last)
        collection->last->last = scope->previous;
}

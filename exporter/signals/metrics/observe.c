/*
 * observe: process.*, from what the kernel says of a process at the time of a collection; and what the library could not record.
 *
 * Its counters began with the process, so cumulative ones have its start, whichever exporter says them. A delta is what
 * was added since the last collection; the first has nothing to be compared with and only says from when on.
 */
#include "signals/metrics/aggregate_priv.h"

#include <string.h>

struct observing {
    struct metric_set *set;
    struct metric_collection *collection;
    struct metric_scope *scope;
    const struct usage *usage;
    uint64_t now_unix_ns;
};

static struct metric_point *add_point(struct observing *observing, struct metric *metric, const char *key,
                                      const char *value)
{
    struct metric_point *point = metric_add_point(observing->collection, metric);
    bool is_delta = metric->temporality == METRIC_DELTA;
    if (key)
        attribute_set_string(&point->attributes, &observing->collection->arena, key, value);
    point->start_unix_ns = metric->kind == METRIC_GAUGE ? 0
                           : is_delta                   ? observing->set->collected_unix_ns
                                                        : observing->set->process_start_unix_ns;
    point->time_unix_ns = observing->now_unix_ns;
    return point;
}

static struct metric *add(struct observing *observing, enum instrument instrument)
{
    return collect_metric(observing->collection, observing->scope, observing->set,
                          instrument_row(instrument));
}

static void say_level(struct observing *observing, enum instrument instrument, int64_t level)
{
    struct metric_point *point = add_point(observing, add(observing, instrument), NULL, NULL);
    point->is_integer = true;
    point->value.integer = level;
}

/* Two counters of one metric, told apart by one attribute. */
struct pair {
    enum instrument instrument;
    uint32_t known;
    const char *key, *values[2];
    size_t at[2]; /* into struct usage */
};

#define AT(member) offsetof(struct usage, member)
static const struct pair pairs[] = {
    {INSTRUMENT_PROCESS_CPU_TIME, USAGE_CPU, "cpu.mode", {"user", "system"}, {AT(user_s), AT(system_s)}},
    {INSTRUMENT_PROCESS_CONTEXT_SWITCHES,
     USAGE_SWITCHES,
     "process.context_switch.type",
     {"voluntary", "involuntary"},
     {AT(voluntary_switches), AT(involuntary_switches)}},
    {INSTRUMENT_PROCESS_PAGING_FAULTS,
     USAGE_FAULTS,
     "system.paging.fault.type",
     {"major", "minor"},
     {AT(major_faults), AT(minor_faults)}},
    {INSTRUMENT_PROCESS_DISK_IO,
     USAGE_IO,
     "disk.io.direction",
     {"read", "write"},
     {AT(read_bytes), AT(written_bytes)}},
};

static void set_step(const struct observing *observing, const struct pair *pair, size_t at, bool is_delta,
                     struct metric_point *point)
{
    const char *now = (const char *)observing->usage + at,
               *before = (const char *)&observing->set->before + at;
    if (pair->instrument == INSTRUMENT_PROCESS_CPU_TIME) {
        double number, earlier = 0;
        memcpy(&number, now, sizeof(number));
        if (is_delta)
            memcpy(&earlier, before, sizeof(earlier));
        point->value.number = number > earlier ? number - earlier : 0;
        return;
    }
    int64_t number, earlier = 0;
    memcpy(&number, now, sizeof(number));
    if (is_delta)
        memcpy(&earlier, before, sizeof(earlier));
    point->is_integer = true;
    point->value.integer = number > earlier ? number - earlier : 0;
}

static void say_pair(struct observing *observing, const struct pair *pair)
{
    bool is_delta = temporality_of(observing->set, instrument_row(pair->instrument)->kind) == METRIC_DELTA;
    bool was_known = observing->set->before.known & pair->known;
    if (!(observing->usage->known & pair->known) || (is_delta && !was_known))
        return;
    struct metric *metric = add(observing, pair->instrument);
    for (uint32_t i = 0; i < 2; i++)
        set_step(observing, pair, pair->at[i], is_delta,
                 add_point(observing, metric, pair->key, pair->values[i]));
}

static void say_process(struct observing *observing)
{
    const struct usage *usage = observing->usage;
    if (!observing->set->process_start_unix_ns) /* worked out from clocks, so not twice the same */
        observing->set->process_start_unix_ns = usage->start_unix_ns;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        say_pair(observing, &pairs[i]);
    if (usage->known & USAGE_MEMORY) {
        say_level(observing, INSTRUMENT_PROCESS_MEMORY_USAGE, usage->resident_bytes);
        say_level(observing, INSTRUMENT_PROCESS_MEMORY_VIRTUAL, usage->virtual_bytes);
    }
    if (usage->known & USAGE_THREADS)
        say_level(observing, INSTRUMENT_PROCESS_THREAD_COUNT, usage->threads);
    if (usage->known & USAGE_DESCRIPTORS)
        say_level(observing, INSTRUMENT_PROCESS_FILE_DESCRIPTOR_COUNT, usage->descriptors);
    if (usage->known & USAGE_UPTIME)
        add_point(observing, add(observing, INSTRUMENT_PROCESS_UPTIME), NULL, NULL)->value.number =
            usage->uptime_s;
    observing->set->before = *usage;
}

struct drop {
    const char *reason;
    uint64_t n, said, since_unix_ns;
};

static void say_drop(struct observing *observing, struct metric **metric, const struct drop *drop)
{
    bool is_delta = temporality_of(observing->set, INSTRUMENT_OBSERVED_COUNTER) == METRIC_DELTA;
    uint64_t before = is_delta ? drop->said : 0;
    if (drop->n <= before)
        return;
    if (!*metric)
        *metric = add(observing, INSTRUMENT_DROPS);
    struct metric_point *point = add_point(observing, *metric, "otelshim.drop.reason", drop->reason);
    if (!is_delta)
        point->start_unix_ns = drop->since_unix_ns;
    point->is_integer = true;
    point->value.integer = drop->n - before < INT64_MAX ? (int64_t)(drop->n - before) : INT64_MAX;
}

/*
 * The library's own counters outlive an exporter: cumulative ones began with the file, whoever says them; of deltas the file remembers
 * what was said. What could not be read is each exporter's own count.
 */
static void say_drops(struct observing *observing)
{
    const struct metric_set *set = observing->set;
    const struct drops *now = &set->drops, *said = &set->drops_said;
    struct drop unknown = {.reason = "other", .since_unix_ns = now->since_unix_ns};
    struct metric *metric = NULL;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++) {
        if (drops_name(i)) {
            say_drop(observing, &metric,
                     &(struct drop){drops_name(i), now->counts[i], said->counts[i], now->since_unix_ns});
            continue;
        }
        unknown.n += now->counts[i];
        unknown.said += said->counts[i];
    }
    say_drop(observing, &metric, &unknown);
    say_drop(observing, &metric, &(struct drop){"corrupt", now->corrupt, said->corrupt, set->start_unix_ns});
}

void observe_drops(struct metric_set *set, struct metric_collection *collection,
                   struct metric_resource *resource, uint64_t now_unix_ns)
{
    struct metric_scope *scope = metric_add_scope(collection, resource, "otelshim");
    struct observing observing = {
        .set = set, .collection = collection, .scope = scope, .now_unix_ns = now_unix_ns};
    say_drops(&observing);
    if (!scope->last)
        resource->last = scope->previous;
}

void metric_set_begin_drops(struct metric_set *set, const uint64_t told[WIRE_MAX_DROPS])
{
    memcpy(set->drops_said.counts, told, sizeof(set->drops_said.counts));
}

bool metric_set_note_drops(struct metric_set *set, const struct drops *drops)
{
    set->drops = *drops;
    bool is_news = drops->corrupt != set->drops_said.corrupt ||
                   memcmp(drops->counts, set->drops_said.counts, sizeof(drops->counts)) != 0;
    set->has_news |= is_news;
    return is_news;
}

const struct drops *metric_set_drops_said(const struct metric_set *set)
{
    return &set->drops_said;
}

void observe(struct metric_set *set, struct metric_collection *collection, struct metric_resource *resource,
             uint64_t now_unix_ns, const struct usage *usage)
{
    struct metric_scope *scope = metric_add_scope(collection, resource, "otelshim");
    struct observing observing = {
        .set = set, .collection = collection, .scope = scope, .usage = usage, .now_unix_ns = now_unix_ns};
    if (usage)
        say_process(&observing);
    say_drops(&observing);
    if (!scope->last)
        resource->last = scope->previous;
}

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

/*
 * The library's own counters, which outlive an exporter: cumulative ones began with the file, whoever says them. The first delta has
 * everything: of two exporters of one program both may have said some of it, but none is left unsaid.
 */
static void say_drops(struct observing *observing)
{
    struct metric_set *set = observing->set;
    bool is_delta = temporality_of(set, INSTRUMENT_OBSERVED_COUNTER) == METRIC_DELTA;
    struct metric *metric = NULL;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++) {
        uint64_t n = set->drops.counts[i], before = is_delta ? set->drops_said.counts[i] : 0;
        if (n <= before || !drops_name(i))
            continue;
        if (!metric)
            metric = add(observing, INSTRUMENT_DROPS);
        struct metric_point *point = add_point(observing, metric, "otelshim.drop.reason", drops_name(i));
        if (!is_delta)
            point->start_unix_ns = set->drops.since_unix_ns;
        point->is_integer = true;
        point->value.integer = (int64_t)(n - before);
    }
    set->drops_said = set->drops;
}

void metric_set_note_drops(struct metric_set *set, const struct drops *drops)
{
    set->drops = *drops;
    set->has_news |= memcmp(set->drops.counts, set->drops_said.counts, sizeof(set->drops.counts)) != 0;
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

/* custom: see custom.h. */
#include "signals/metrics/custom.h"

#include "base/table.h"
#include "signals/logs/logs.h"
#include "signals/metrics/aggregate_priv.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAME 255u
#define MAX_UNIT 63u
#define MAX_KEYS 4096u /* different ones in all attributes of a process: beyond that measurements overflow */
#define SCOPE_INDEX UINT32_MAX

/* OTel spec, metrics SDK, "Explicit Bucket Histogram Aggregation". */
static const double default_bounds[] = {0,   5,   10,   25,   50,   75,   100,  250,
                                        500, 750, 1000, 2500, 5000, 7500, 10000};

struct instrument_of {
    UT_hash_handle hh, hh_name;
    char *identity; /* kind, name in small letters, unit */
    char *name_key; /* name in small letters: of the first of that name */
    struct instrument_row row;
    struct stream *stream;
};

/* Attribute keys are told apart by their address (aggregate.c), so each is kept once. */
struct known_key {
    UT_hash_handle hh;
    char text[];
};

enum note { NOTE_NAME, NOTE_NEGATIVE, NOTE_NOT_FINITE, NOTE_INSTRUMENTS, NOTE_KEYS };

struct custom {
    struct instrument_of *by_identity, *by_name;
    struct known_key *keys;
    uint32_t n_instruments, n_keys;
    uint32_t said; /* bits of enum note */
};

static const char *const kind_words[] = {
    [WIRE_COUNTER] = "counter",
    [WIRE_UP_DOWN_COUNTER] = "up-down counter",
    [WIRE_GAUGE] = "gauge",
    [WIRE_HISTOGRAM] = "histogram",
};
static const enum instrument_kind kinds[] = {
    [WIRE_COUNTER] = INSTRUMENT_COUNTER,
    [WIRE_UP_DOWN_COUNTER] = INSTRUMENT_CUSTOM_UP_DOWN_COUNTER,
    [WIRE_GAUGE] = INSTRUMENT_GAUGE,
    [WIRE_HISTOGRAM] = INSTRUMENT_HISTOGRAM,
};

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        abort(); /* as the arena does */
    return memory;
}

/* ---- saying ---- */

static bool is_news(struct custom *custom, enum note note)
{
    bool was_said = custom->said & 1u << note;
    custom->said |= 1u << note;
    return !was_said;
}

static void say(const struct custom_notes *notes, const char *name, const char *what)
{
    char line[500];
    if (!notes->note)
        return;
    snprintf(line, sizeof(line), "metric \"%.100s\": %s", name, what);
    notes->note(notes->context, line);
}

/* ---- names ---- */

/* OTel spec, metrics API, "Instrument name syntax". */
static bool is_name(const char *name)
{
    size_t n = strlen(name);
    if (!isalpha((unsigned char)name[0]) || n > MAX_NAME)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_.-/", name[i]))
            return false;
    return true;
}

static const char *unit_of(const struct custom_measurement *measurement)
{
    const char *unit = measurement->unit ? measurement->unit : "";
    return strlen(unit) <= MAX_UNIT ? unit : "";
}

/* "c orders.processed\n{order}": returns where the name begins. */
static char *print_identity(const struct custom_measurement *measurement, char out[MAX_NAME + MAX_UNIT + 4])
{
    char *at = out;
    *at++ = (char)('0' + measurement->instrument);
    for (const char *c = measurement->name; *c; c++)
        *at++ = (char)tolower((unsigned char)*c);
    *at++ = '\n';
    const char *unit = unit_of(measurement);
    memcpy(at, unit, strlen(unit) + 1);
    return out + 1;
}

/* ---- instruments ---- */

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

static struct instrument_row make_row(const struct custom_measurement *measurement)
{
    bool is_histogram = measurement->instrument == WIRE_HISTOGRAM;
    return (struct instrument_row){
        .name = copy_text(measurement->name),
        .unit = copy_text(unit_of(measurement)),
        .description = copy_text(measurement->description ? measurement->description : ""),
        .bounds = is_histogram ? default_bounds : NULL,
        .n_bounds = is_histogram ? sizeof(default_bounds) / sizeof(default_bounds[0]) : 0,
        .kind = kinds[measurement->instrument],
    };
}

static const char *word_of(enum instrument_kind kind)
{
    for (uint32_t i = WIRE_COUNTER; i <= WIRE_HISTOGRAM; i++)
        if (kinds[i] == kind)
            return kind_words[i];
    return "";
}

static void say_conflict(const struct instrument_of *first, const struct custom_measurement *measurement,
                         const struct custom_notes *notes)
{
    char what[300];
    snprintf(what, sizeof(what), "is a %s in \"%.60s\" and a %s in \"%.60s\": two metrics of one name",
             word_of(first->row.kind), first->row.unit, kind_words[measurement->instrument],
             unit_of(measurement));
    say(notes, measurement->name, what);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct instrument_of *add_instrument(struct metric_set *set,
                                            const struct custom_measurement *measurement,
                                            const char *identity, const char *name_key,
                                            const struct custom_notes *notes)
{
    struct custom *custom = set->custom;
    struct instrument_of *first, *added = allocate(sizeof(*added));
    added->row = make_row(measurement);
    added->identity = copy_text(identity);
    HASH_FIND(hh_name, custom->by_name, name_key, strlen(name_key), first);
    if (first) {
        say_conflict(first, measurement, notes);
        free((void *)(uintptr_t)added->row.name);
        added->row.name = copy_text(first->row.name); /* of any letter case */
    } else {
        added->name_key = copy_text(name_key);
        HASH_ADD_KEYPTR(hh_name, custom->by_name, added->name_key, strlen(added->name_key), added);
    }
    HASH_ADD_KEYPTR(hh, custom->by_identity, added->identity, strlen(added->identity), added);
    added->stream = metric_set_stream(set, &added->row, SCOPE_INDEX, CUSTOM_SCOPE);
    custom->n_instruments++;
    return added;
}

/* NULL: there are too many. */
/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct instrument_of *find_instrument(struct metric_set *set,
                                             const struct custom_measurement *measurement,
                                             const struct custom_notes *notes)
{
    char identity[MAX_NAME + MAX_UNIT + 4], name_key[MAX_NAME + 1];
    struct instrument_of *found;
    const char *name = print_identity(measurement, identity);
    HASH_FIND_STR(set->custom->by_identity, identity, found);
    if (found)
        return found;
    if (set->custom->n_instruments == CUSTOM_MAX_INSTRUMENTS) {
        if (is_news(set->custom, NOTE_INSTRUMENTS))
            say(notes, measurement->name, "more than 1,000 instruments: this and further ones are left out");
        return NULL;
    }
    size_t n = strlen(measurement->name);
    memcpy(name_key, name, n);
    name_key[n] = 0;
    return add_instrument(set, measurement, identity, name_key, notes);
}

/* ---- attributes ---- */

/* NULL: there are too many. */
/* NOLINTNEXTLINE(readability-function-size): uthash */
static const char *keep_key(struct custom *custom, const char *text)
{
    struct known_key *key;
    HASH_FIND_STR(custom->keys, text, key);
    if (key)
        return key->text;
    if (custom->n_keys == MAX_KEYS)
        return NULL;
    size_t bytes = strlen(text) + 1;
    key = allocate(sizeof(*key) + bytes);
    memcpy(key->text, text, bytes);
    HASH_ADD_STR(custom->keys, text, key);
    custom->n_keys++;
    return key->text;
}

static int compare_keys(const void *left, const void *right)
{
    return strcmp(((const struct attribute *)left)->key, ((const struct attribute *)right)->key);
}

/* Of no value is a byte undefined: they are compared as words. */
static struct attribute word_of_value(const struct attribute *item, const char *key)
{
    struct attribute copy = {.key = key, .type = item->type};
    copy.value.integer = 0;
    switch (item->type) {
    case ATTRIBUTE_STRING:
        copy.value.string = item->value.string;
        break;
    case ATTRIBUTE_DOUBLE:
        copy.value.number = item->value.number;
        break;
    case ATTRIBUTE_BOOL:
        copy.value.flag = item->value.flag;
        break;
    default:
        copy.value.integer = item->value.integer;
        break;
    }
    return copy;
}

static struct series *find_series(struct metric_set *set, struct stream *stream,
                                  const struct attributes *attributes, const struct custom_notes *notes)
{
    struct attribute chosen[RAW_MAX_FACTS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < attributes->n && n < RAW_MAX_FACTS; i++) {
        if (attributes->items[i].type == ATTRIBUTE_STRINGS)
            continue;
        const char *key = keep_key(set->custom, attributes->items[i].key);
        if (!key) {
            if (is_news(set->custom, NOTE_KEYS))
                say(notes, stream->row->name,
                    "more than 4,096 different attribute keys: counted as overflow");
            return stream_overflow(set, stream);
        }
        chosen[n++] = word_of_value(&attributes->items[i], key);
    }
    qsort(chosen, n, sizeof(chosen[0]), compare_keys);
    return stream_find(set, stream, chosen, n);
}

/* ---- measuring ---- */

static bool is_countable(struct custom *custom, const struct custom_measurement *measurement,
                         const struct custom_notes *notes)
{
    bool is_finite = !measurement->is_double || isfinite(measurement->number);
    bool is_negative = measurement->is_double ? measurement->number < 0 : measurement->integer < 0;
    bool may_be_negative =
        measurement->instrument == WIRE_UP_DOWN_COUNTER || measurement->instrument == WIRE_GAUGE;
    if (!measurement->name || !is_name(measurement->name)) {
        if (is_news(custom, NOTE_NAME))
            say(notes, measurement->name ? measurement->name : "",
                "not a name: a letter, then letters, digits and _ . - / (255 in all); left out");
        return false;
    }
    if (!is_finite && is_news(custom, NOTE_NOT_FINITE))
        say(notes, measurement->name, "a value that is not finite is left out (and further ones)");
    if (is_finite && is_negative && !may_be_negative && is_news(custom, NOTE_NEGATIVE))
        say(notes, measurement->name,
            "a negative value is left out (and further ones): only gauges and up-down counters have such");
    return is_finite && (!is_negative || may_be_negative);
}

static bool may_be_exemplar(const struct metric_set *set, const struct custom_measurement *measurement)
{
    return set->exemplars == EXEMPLARS_ALWAYS_ON ||
           (set->exemplars == EXEMPLARS_TRACE_BASED && (measurement->flags & WIRE_SPAN_SAMPLED));
}

bool custom_measure(struct metric_set *set, const struct custom_measurement *measurement,
                    const struct custom_notes *notes)
{
    if (!set->custom)
        set->custom = allocate(sizeof(*set->custom));
    if (!is_countable(set->custom, measurement, notes))
        return false;
    const struct instrument_of *instrument = find_instrument(set, measurement, notes);
    if (!instrument)
        return false;
    struct exemplar *exemplar = NULL, **wanted = may_be_exemplar(set, measurement) ? &exemplar : NULL;
    struct measured *measured = waiting_add(&set->waiting, wanted);
    measured->series = find_series(set, instrument->stream, &measurement->attributes, notes);
    series_hold(measured->series);
    measured->is_double = measurement->is_double;
    measured->number = measurement->integer;
    measured->value = measurement->is_double ? measurement->number : (double)measurement->integer;
    if (exemplar) {
        *exemplar = (struct exemplar){.value = measured->value, .time_unix_ns = measurement->time_unix_ns};
        memcpy(exemplar->trace_id, measurement->trace_id, sizeof(exemplar->trace_id));
        memcpy(exemplar->span_id, measurement->span_id, sizeof(exemplar->span_id));
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
void custom_destroy(struct custom *custom)
{
    struct instrument_of *instrument, *next;
    struct known_key *key, *next_key;
    if (!custom)
        return;
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash's lists are beyond it */
    HASH_CLEAR(hh_name, custom->by_name);
    HASH_ITER(hh, custom->by_identity, instrument, next)
    {
        HASH_DEL(custom->by_identity, instrument);
        free((void *)(uintptr_t)instrument->row.name);
        free((void *)(uintptr_t)instrument->row.unit);
        free((void *)(uintptr_t)instrument->row.description);
        free(instrument->identity);
        free(instrument->name_key);
        free(instrument);
    }
    HASH_ITER(hh, custom->keys, key, next_key)
    {
        HASH_DEL(custom->keys, key);
        free(key);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    free(custom);
}

/* ---- reading ---- */

static const char *text_of(struct arena *arena, const struct raw_measurement *raw, enum wire_attribute key)
{
    for (uint32_t i = 0; i < raw->n_facts; i++)
        if (raw->facts[i].key == key && raw->facts[i].bytes)
            return text_repaired(arena, raw->facts[i].bytes, raw->facts[i].n_bytes).bytes;
    return NULL;
}

void custom_read(struct arena *arena, const struct raw_measurement *raw, const struct settings *settings,
                 struct custom_measurement *ret_measurement)
{
    const struct wire_measurement *measurement = &raw->measurement;
    *ret_measurement = (struct custom_measurement){
        .instrument = (enum wire_instrument)measurement->instrument,
        .name = text_of(arena, raw, WIRE_METRIC_NAME),
        .unit = text_of(arena, raw, WIRE_METRIC_UNIT),
        .description = text_of(arena, raw, WIRE_METRIC_DESCRIPTION),
        .is_double = measurement->is_double,
        .integer = measurement->is_double ? 0 : (int64_t)measurement->value,
        .time_unix_ns = measurement->mono_ns + (uint64_t)raw->mono_to_unix_ns,
        .flags = measurement->flags,
    };
    if (measurement->is_double)
        memcpy(&ret_measurement->number, &measurement->value, sizeof(ret_measurement->number));
    memcpy(ret_measurement->trace_id, measurement->trace_id, sizeof(measurement->trace_id));
    memcpy(ret_measurement->span_id, measurement->span_id, sizeof(measurement->span_id));
    logs_add_custom(&ret_measurement->attributes, arena, raw->facts, raw->n_facts, settings);
}

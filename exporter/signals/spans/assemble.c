/* assemble: what all spans have in common; the families do the rest. */
#include "signals/spans/assemble_priv.h"

#include "signals/spans/alike.h"
#include "signals/spans/old_names.h"

#define FLAG_IS_REMOTE_KNOWN 0x100u
#define FLAG_IS_REMOTE 0x200u

bool assembly_number(const struct assembly *assembly, enum wire_attribute key, int64_t *ret_number)
{
    const struct raw_fact *fact = assembly->facts[key];
    if (!fact)
        return false;
    if (fact->type == WIRE_INT) {
        *ret_number = fact->integer;
        return true;
    }
    int64_t number = 0;
    if (!fact->bytes || fact->n_bytes == 0 || fact->n_bytes > 18)
        return false;
    for (uint32_t i = 0; i < fact->n_bytes; i++) {
        if (fact->bytes[i] < '0' || fact->bytes[i] > '9')
            return false;
        number = number * 10 + (fact->bytes[i] - '0');
    }
    *ret_number = number;
    return true;
}

void assembly_grow(struct assembly *assembly)
{
    struct attributes *list = &assembly->span->attributes;
    struct attribute *items = arena_alloc(assembly->arena, 2 * sizeof(*items) * list->max);
    memcpy(items, list->items, list->n * sizeof(*items));
    list->items = items;
    list->max *= 2;
}

void assembly_add_fact_text(struct assembly *assembly, const char *key, enum wire_attribute fact)
{
    if (assembly_has_text(assembly, fact))
        assembly_add_text(
            assembly, key,
            text_repaired(assembly->arena, assembly->facts[fact]->bytes, assembly->facts[fact]->n_bytes));
}

void assembly_add_fact_int(struct assembly *assembly, const char *key, enum wire_attribute fact)
{
    int64_t number;
    if (assembly_number(assembly, fact, &number))
        assembly_add_int(assembly, key, number);
}

void assembly_fail(struct assembly *assembly, const char *error_type, const char *message)
{
    assembly->span->status = SPAN_ERROR;
    assembly->span->status_message = message;
    assembly_add_string(assembly, "error.type", error_type);
}

const char *assembly_first_line(const struct assembly *assembly, enum wire_attribute fact)
{
    if (!assembly_has_text(assembly, fact))
        return NULL;
    const char *text = assembly->facts[fact]->bytes;
    uint32_t bytes = assembly->facts[fact]->n_bytes;
    const char *end = memchr(text, '\n', bytes);
    size_t n = end ? (size_t)(end - text) : bytes;
    return n ? text_repaired(assembly->arena, text, n).bytes : NULL;
}

struct text assembly_print_number(struct arena *arena, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    size_t n = sizeof(digits) - at;
    return (struct text){.bytes = arena_copy(arena, digits + at, n), .n_bytes = (uint32_t)n};
}

static void index_facts(struct assembly *assembly)
{
    const struct raw_span *raw = assembly->raw;
    for (uint32_t i = raw->n_facts; i-- > 0;) /* backwards: the first of a key stays */
        if (raw->facts[i].key < ASSEMBLY_MAX_KEY)
            assembly->facts[raw->facts[i].key] = &raw->facts[i];
}

static uint64_t unix_time(const struct raw_span *raw, uint64_t mono_ns)
{
    return mono_ns + (uint64_t)raw->mono_to_unix_ns;
}

/* TRACESTATE came with TRACEPARENT and belongs to that trace only. */
static const char *trace_state_of(struct arena *arena, const struct raw_span *raw,
                                  const struct settings *settings)
{
    const struct process *process = raw->process;
    const char *value = settings->values[SETTING_TRACESTATE];
    if (!value || !process->has_parent ||
        memcmp(process->parent_trace_id, raw->span.trace_id, sizeof(process->parent_trace_id)) != 0)
        return NULL;
    return text_repaired(arena, value, strlen(value)).bytes;
}

/* What no two spans share. */
static struct span *make_span(struct arena *arena, const struct raw_span *raw,
                              const struct settings *settings)
{
    struct span *span = arena_alloc(arena, sizeof(*span));
    uint64_t start = unix_time(raw, raw->span.start_mono_ns);
    uint64_t end = unix_time(raw, raw_span_end_mono_ns(raw));
    *span = (struct span){
        .has_parent = raw->span.flags & WIRE_SPAN_HAS_PARENT,
        .flags = FLAG_IS_REMOTE_KNOWN | (raw->span.flags & (WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM)) |
                 (raw->span.flags & WIRE_SPAN_REMOTE_PARENT ? FLAG_IS_REMOTE : 0),
        .kind = SPAN_CLIENT,
        .start_unix_ns = start,
        .end_unix_ns = end > start ? end : start,
        .trace_state = trace_state_of(arena, raw, settings),
        .scope = raw->instrumentation ? alike_scope(arena, raw->instrumentation) : "otelshim",
        .resource = raw->process->resource,
    };
    memcpy(span->trace_id, raw->span.trace_id, sizeof(span->trace_id));
    memcpy(span->span_id, raw->span.span_id, sizeof(span->span_id));
    memcpy(span->parent_span_id, raw->span.parent_span_id, sizeof(span->parent_span_id));
    return span;
}

/* The root of an episode: named after its thread; the thread id is the kernel's (gettid). */
static void assemble_root(struct assembly *assembly)
{
    const struct raw_span *raw = assembly->raw;
    struct span *span = assembly->span;
    const char *exe = raw->process->exe;
    const char *slash = strrchr(exe, '/');
    const char *program = slash ? slash + 1 : exe;
    size_t bytes = strnlen(raw->thread_name, sizeof(raw->thread_name));
    struct text thread = text_repaired(assembly->arena, raw->thread_name, bytes);
    span->kind = SPAN_INTERNAL;
    span->name = bytes ? thread.bytes : text_repaired(assembly->arena, program, strlen(program)).bytes;
    assembly_add_int(assembly, "thread.id", raw->span.tid);
    if (bytes)
        assembly_add_text(assembly, "thread.name", thread);
    assembly_add_int(assembly, "otelshim.calls", raw->calls);
    assembly_add_int(assembly, "otelshim.errors", raw->errors);
}

static void end_by_death(struct assembly *assembly)
{
    const char *death = assembly->raw->death ? assembly->raw->death : "exit";
    assembly_fail(assembly, "process_ended", NULL);
    assembly_add_text(assembly, "otelshim.ended_by", text_repaired(assembly->arena, death, strlen(death)));
}

static void assemble_family(struct assembly *assembly)
{
    switch (assembly->raw->instrumentation->family) {
    case WIRE_HTTP:
        family_http_assemble(assembly);
        break;
    case WIRE_DATABASE:
        family_database_assemble(assembly);
        break;
    case WIRE_INTERNAL:
        family_internal_assemble(assembly);
        break;
    default:
        assembly->span->kind = SPAN_INTERNAL;
        break;
    }
}

/* Name, kind, attributes, events, status. */
static void assemble_rest(struct arena *arena, const struct raw_span *raw, const struct settings *settings,
                          struct span *span)
{
    struct assembly assembly = {.arena = arena, .raw = raw, .settings = settings, .span = span};
    index_facts(&assembly);
    struct attribute items[ASSEMBLY_MAX_ATTRIBUTES]; /* the arena gets what there is, not what there may be */
    span->attributes.items = items;
    span->attributes.max = ASSEMBLY_MAX_ATTRIBUTES;
    if (raw->kind == RAW_ROOT || !raw->instrumentation)
        assemble_root(&assembly);
    else
        assemble_family(&assembly);
    if (!span->name || !*span->name)
        span->name = span->scope;
    if (raw->kind == RAW_IN_FLIGHT) {
        end_by_death(&assembly);
    } else if (raw->outcome == WIRE_ABANDONED) {
        struct attribute *item = assembly_add(&assembly, "otelshim.abandoned");
        item->type = ATTRIBUTE_BOOL;
        item->value.flag = true;
    }
    if (settings->has_old_http || settings->has_old_database)
        old_names_add(&assembly);
    family_internal_add_said(&assembly);
    if (raw->stack)
        assembly_add_string(&assembly, "code.stacktrace",
                            arena_copy(arena, raw->stack->text, strlen(raw->stack->text)));
    span->attributes.items = memcpy(arena_alloc(arena, span->attributes.n * sizeof(items[0])),
                                    span->attributes.items, span->attributes.n * sizeof(items[0]));
    span->attributes.max = span->attributes.n;
}

struct span *assemble_call(struct arena *arena, const struct raw_span *raw, const struct settings *settings)
{
    struct span *span = make_span(arena, raw, settings);
    struct alike_place place;
    struct span_likeness *like = alike_find(arena, raw, settings, &place);
    if (!like) {
        assemble_rest(arena, raw, settings, span);
        alike_remember(arena, raw, settings, &place, span);
        return span;
    }
    span->likeness = like;
    span->name = like->name;
    span->kind = like->kind;
    span->attributes = like->attributes;
    span->status = like->status;
    span->status_message = like->status_message;
    return span;
}

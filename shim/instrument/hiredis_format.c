/* hiredis_format: see hiredis_format.h. */
#include "instrument/hiredis_format.h"

#include "hot.h"
#include "instrument/hiredis_known_format.h"
#include "instrument/hiredis_walk_format.h"
#include <string.h>
#include <wire.h>

/* What is left of the room, less what is beyond the beginning of a value; that it is cut there is no loss to count. */
static __attribute__((noinline)) struct facts limited(const struct facts *facts)
{
    struct facts room = *facts;
    uint32_t end = *facts->bytes + (uint32_t)sizeof(struct wire_fact) + HIREDIS_VALUE_BYTES;
    if (end < room.max_bytes) {
        room.max_bytes = end;
        room.cut = NULL;
    }
    return room;
}

static inline void copy_text(struct facts *facts, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    if (__builtin_expect(bytes <= HIREDIS_VALUE_BYTES, 1)) {
        facts_string(facts, WIRE_DB_COMMAND_ARGUMENT, text, bytes);
    } else {
        struct facts room = limited(facts);
        facts_string(&room, WIRE_DB_COMMAND_ARGUMENT, text, bytes);
    }
}

static inline void copy_bytes(struct facts *facts, const char *data, size_t bytes)
{
    if (__builtin_expect(bytes <= HIREDIS_VALUE_BYTES, 1)) {
        facts_bytes(facts, WIRE_DB_COMMAND_ARGUMENT, data, bytes);
    } else {
        struct facts room = limited(facts);
        facts_bytes(&room, WIRE_DB_COMMAND_ARGUMENT, data, bytes);
    }
}

/* Copies the conversion's argument. False: there was no room for it. */
static bool copy_argument(struct facts *facts, const struct conversion *conversion, struct walk *walk)
{
    uint32_t before = *facts->bytes;
    const char *text;
    size_t bytes;
    switch (conversion->kind) {
    case TEXT_STRING:
        copy_text(facts, va_arg(walk->arguments, const char *));
        break;
    case TEXT_BYTES:
        text = va_arg(walk->arguments, const char *);
        bytes = va_arg(walk->arguments, size_t);
        copy_bytes(facts, text ? text : "", text ? bytes : 0);
        break;
    case INTEGER:
        facts_int(facts, WIRE_DB_COMMAND_ARGUMENT, walk_integer(conversion, walk));
        break;
    case NUMBER:
        facts_double(facts, WIRE_DB_COMMAND_ARGUMENT, va_arg(walk->arguments, double));
        break;
    case PERCENT_SIGN:
    case UNKNOWN:
    default:
        return true;
    }
    return *facts->bytes != before;
}

/* Keeps room for the count, which says that something is missing. False: there is not even that. */
#define COUNT_BYTES (sizeof(struct wire_fact) + sizeof(int64_t))
static bool begin_arguments(struct facts *facts)
{
    if (facts->max_bytes - *facts->bytes < COUNT_BYTES)
        return false;
    facts->max_bytes -= COUNT_BYTES;
    return true;
}

static void end_arguments(struct facts *facts, bool is_whole, int64_t count)
{
    facts->max_bytes += COUNT_BYTES;
    if (!is_whole)
        facts_int(facts, WIRE_DB_COMMAND_COUNT, count);
}

static __attribute__((noinline)) void walk_format(struct facts *facts, const char *format, va_list arguments)
{
    if (!begin_arguments(facts))
        return;
    facts_string(facts, WIRE_DB_COMMAND_FORMAT, format, strlen(format));
    struct walk walk;
    va_copy(walk.arguments, arguments);
    int n = 0;
    bool is_whole = true, is_known = true;
    for (const char *at = strchr(format, '%'); at && at[1] && is_known;
         at = *at ? strchr(at, '%') : NULL) { /* most formats end in a conversion */
        struct conversion conversion = walk_conversion(at);
        is_known = conversion.kind != UNKNOWN && n < HIREDIS_MAX_ARGUMENTS;
        if (is_known && conversion.kind != PERCENT_SIGN) {
            n++;
            is_whole = copy_argument(facts, &conversion, &walk) && is_whole;
        }
        at = is_known ? conversion.end : "";
    }
    va_end(walk.arguments);
    end_arguments(facts, is_known && is_whole, is_known ? n : HIREDIS_UNKNOWN_COUNT);
}

/* The arguments behind the first `n_copied`, which are texts. */
static HOT __attribute__((noinline)) void
copy_rest(struct facts *facts, const struct hiredis_known_format *known, uint32_t n_copied, va_list arguments)
{
    struct walk walk;
    bool is_whole = true;
    va_copy(walk.arguments, arguments);
    for (uint32_t i = 0; i < n_copied; i++)
        (void)va_arg(walk.arguments, const char *);
    facts->max_bytes -= COUNT_BYTES;
    for (uint32_t i = n_copied; i < known->n_arguments; i++) {
        struct conversion conversion = hiredis_known_conversion(known->arguments[i]);
        is_whole = copy_argument(facts, &conversion, &walk) && is_whole;
    }
    end_arguments(facts, is_whole, known->n_arguments);
    va_end(walk.arguments);
}

/* The format's fact. False: there is hardly room for one. */
static inline bool copy_fact(const struct facts *facts, const struct hiredis_known_format *known)
{
    uint32_t used = *facts->bytes;
    uint8_t *at = facts->base + used;
    if (__builtin_expect(facts->max_bytes - used < COUNT_BYTES + sizeof(known->words), 0))
        return false;
    *facts->busy = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(at, known->words, 16);
    for (uint32_t i = 16; i < known->fact_bytes; i += 16)
        memcpy(at + i, (const uint8_t *)known->words + i, 16);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *facts->bytes = used + known->fact_bytes;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *facts->busy = 0;
    return true;
}

HOT void hiredis_copy_format(struct facts *facts, const char *format, va_list arguments)
{
    const struct hiredis_known_format *known = hiredis_known_find(format);
    if (__builtin_expect(known && copy_fact(facts, known), 1))
        copy_rest(facts, known, 0, arguments);
    else
        walk_format(facts, format, arguments);
}

/* ---- the same into an operation's slot, where everything lies a constant way from its beginning ---- */

#define SLOT_BYTES (WIRE_OPERATION_STAGING_BYTES - HIREDIS_LATER_BYTES)

static struct facts facts_in(struct operation *operation)
{
    struct facts facts = operation_facts(operation);
    facts.max_bytes = SLOT_BYTES;
    return facts;
}

static __attribute__((noinline)) void walk_into(struct operation *operation, const char *format,
                                                va_list arguments)
{
    struct facts facts = facts_in(operation);
    walk_format(&facts, format, arguments);
}

static __attribute__((noinline)) void copy_rest_into(struct operation *operation,
                                                     const struct hiredis_known_format *known,
                                                     uint32_t n_copied, va_list arguments)
{
    struct facts facts = facts_in(operation);
    copy_rest(&facts, known, n_copied, arguments);
}

/* One argument. False: it is not short, or there is hardly room for it besides the count. */
#define SHORT_MIN_BYTES 4u
#define SHORT_MAX_BYTES 16u
static inline bool copy_short_into(struct operation *operation, uint32_t *used, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    if (__builtin_expect(bytes - SHORT_MIN_BYTES > SHORT_MAX_BYTES - SHORT_MIN_BYTES ||
                             SLOT_BYTES - *used < COUNT_BYTES + sizeof(struct wire_fact) + SHORT_MAX_BYTES,
                         0))
        return false;
    *used += facts_store_short(operation->slot.staged + *used,
                               facts_head(WIRE_DB_COMMAND_ARGUMENT, WIRE_STRING, bytes), text, bytes);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    *(volatile uint32_t *)&operation->slot.span.bytes = *used;
    return true;
}

HOT void hiredis_copy_format_into(struct operation *operation, const char *format, va_list arguments)
{
    const struct facts to = {.base = operation->slot.staged,
                             .bytes = &operation->slot.span.bytes,
                             .max_bytes = SLOT_BYTES,
                             .busy = &operation->slot.is_appending};
    const struct hiredis_known_format *known = hiredis_known_find(format);
    if (__builtin_expect(!known || !copy_fact(&to, known), 0)) {
        walk_into(operation, format, arguments);
        return;
    }
    uint32_t used = operation->slot.span.bytes, n = 0;
    va_list left;
    va_copy(left, arguments);
    while (n < known->n_texts && copy_short_into(operation, &used, va_arg(left, const char *)))
        n++;
    va_end(left);
    if (__builtin_expect(n != known->n_arguments, 0))
        copy_rest_into(operation, known, n, arguments);
}

void hiredis_copy_words(struct facts *facts, int n_words, const char *const *words, const size_t *lengths)
{
    if (!begin_arguments(facts))
        return;
    bool is_whole = n_words <= HIREDIS_MAX_ARGUMENTS;
    for (int i = 0; i < n_words && i < HIREDIS_MAX_ARGUMENTS; i++) {
        uint32_t before = *facts->bytes;
        const char *word = words[i] ? words[i] : "";
        copy_bytes(facts, word, lengths ? lengths[i] : strlen(word));
        is_whole = is_whole && *facts->bytes != before;
    }
    end_arguments(facts, is_whole, n_words);
}

size_t hiredis_protocol_length(const char *protocol, size_t bytes)
{
    size_t n_words, length;
    size_t position = walk_length(protocol, bytes, '*', &n_words);
    for (size_t i = 0; position && i < n_words; i++)
        if (!walk_bulk(protocol, bytes, &position, &length))
            return 0;
    return position;
}

void hiredis_copy_protocol(struct facts *facts, const char *protocol, size_t bytes)
{
    size_t n_words, length;
    size_t position = walk_length(protocol, bytes, '*', &n_words);
    if (!position || !begin_arguments(facts))
        return;
    bool is_whole = n_words <= HIREDIS_MAX_ARGUMENTS;
    for (size_t i = 0; i < n_words && i < HIREDIS_MAX_ARGUMENTS; i++) {
        const char *word = walk_bulk(protocol, bytes, &position, &length);
        if (!word) {
            end_arguments(facts, true, 0);
            return;
        }
        uint32_t before = *facts->bytes;
        copy_bytes(facts, word, length);
        is_whole = is_whole && *facts->bytes != before;
    }
    end_arguments(facts, is_whole, (int64_t)n_words);
}

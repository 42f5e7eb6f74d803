/* hiredis_format: see hiredis_format.h. */
#include "instrument/hiredis_format.h"

#include "hot.h"
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

HOT void hiredis_copy_format(struct facts *facts, const char *format, va_list arguments)
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

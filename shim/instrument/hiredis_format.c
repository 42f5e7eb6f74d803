/*
 * hiredis_format: see hiredis_format.h.
 *
 * What hiredis reads of a format, 0.9 to 1.4 alike: %s, %b (pointer and size_t), %%, and %[#0-+ ][width][.precision]
 * with h hh l ll before d i o u x X, or with none before e E f F g G a A. Width and precision are digits, never *.
 * A conversion of 14 characters or more takes its argument and is then printed as text: here it ends the walk.
 */
#include "instrument/hiredis_format.h"

#include <string.h>
#include <wire.h>

#define CONVERSION_MAX 13

enum conversion_kind { TEXT_STRING, TEXT_BYTES, INTEGER, NUMBER, PERCENT_SIGN, UNKNOWN };
enum width { WIDTH_CHAR, WIDTH_SHORT, WIDTH_INT, WIDTH_LONG, WIDTH_LONG_LONG };

struct conversion {
    enum conversion_kind kind;
    enum width width;
    bool is_unsigned;
    const char *end; /* past its last character */
};

/* The arguments not yet taken. A struct: a va_list that is a parameter has no address to hand on. */
struct walk {
    va_list arguments;
};

static inline bool is_flag(char c)
{
    return c == '#' || c == '0' || c == '-' || c == '+' || c == ' ';
}

static inline bool is_unsigned_letter(char c)
{
    return c == 'o' || c == 'u' || c == 'x' || c == 'X';
}

static inline bool is_integer_letter(char c)
{
    return c == 'd' || c == 'i' || is_unsigned_letter(c);
}

static inline bool is_number_letter(char c)
{
    char lower = (char)(c | 0x20);
    return lower == 'e' || lower == 'f' || lower == 'g' || lower == 'a';
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

static const char *skip_width(const char *at, enum width *ret_width)
{
    *ret_width = WIDTH_INT;
    if (*at == 'h') {
        *ret_width = at[1] == 'h' ? WIDTH_CHAR : WIDTH_SHORT;
        return at + (at[1] == 'h' ? 2 : 1);
    }
    if (*at == 'l') {
        *ret_width = at[1] == 'l' ? WIDTH_LONG_LONG : WIDTH_LONG;
        return at + (at[1] == 'l' ? 2 : 1);
    }
    return at;
}

/* %[flags][width][.precision][h|hh|l|ll]letter */
static struct conversion read_number_conversion(const char *percent)
{
    struct conversion conversion = {.kind = UNKNOWN};
    const char *at = percent + 1;
    while (is_flag(*at))
        at++;
    at = skip_digits(at);
    if (*at == '.')
        at = skip_digits(at + 1);
    const char *modifier = at;
    at = skip_width(at, &conversion.width);
    if (at - percent < CONVERSION_MAX) {
        if (is_integer_letter(*at))
            conversion.kind = INTEGER;
        else if (at == modifier && is_number_letter(*at))
            conversion.kind = NUMBER;
    }
    conversion.is_unsigned = is_unsigned_letter(*at);
    conversion.end = at + 1;
    return conversion;
}

/* `percent` stands on a % that is not the format's last character. */
static inline struct conversion read_conversion(const char *percent)
{
    switch (percent[1]) {
    case 's':
        return (struct conversion){.kind = TEXT_STRING, .end = percent + 2};
    case 'b':
        return (struct conversion){.kind = TEXT_BYTES, .end = percent + 2};
    case '%':
        return (struct conversion){.kind = PERCENT_SIGN, .end = percent + 2};
    default:
        return read_number_conversion(percent);
    }
}

/* The value that is printed: narrowed as printf does, an unsigned one zero-extended. */
static int64_t take_integer(const struct conversion *conversion, struct walk *walk)
{
    bool is_unsigned = conversion->is_unsigned;
    int value;
    switch (conversion->width) {
    case WIDTH_LONG_LONG:
        return va_arg(walk->arguments, long long);
    case WIDTH_LONG:
        return va_arg(walk->arguments, long);
    case WIDTH_CHAR:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned char)value : (int64_t)(signed char)value;
    case WIDTH_SHORT:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned short)value : (int64_t)(short)value;
    case WIDTH_INT:
    default:
        value = va_arg(walk->arguments, int);
        return is_unsigned ? (int64_t)(unsigned)value : (int64_t)value;
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
        facts_text(facts, WIRE_DB_COMMAND_ARGUMENT, va_arg(walk->arguments, const char *));
        break;
    case TEXT_BYTES:
        text = va_arg(walk->arguments, const char *);
        bytes = va_arg(walk->arguments, size_t);
        facts_bytes(facts, WIRE_DB_COMMAND_ARGUMENT, text ? text : "", text ? bytes : 0);
        break;
    case INTEGER:
        facts_int(facts, WIRE_DB_COMMAND_ARGUMENT, take_integer(conversion, walk));
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

/* Keeps room for the count, which says that something is missing. */
static struct facts with_room_for_count(const struct facts *facts)
{
    struct facts arguments = *facts;
    arguments.max_bytes -= sizeof(struct wire_fact) + sizeof(int64_t);
    return arguments;
}

static bool has_room_for_count(const struct facts *facts)
{
    return facts->max_bytes - *facts->bytes >= sizeof(struct wire_fact) + sizeof(int64_t);
}

void hiredis_copy_format(struct facts *facts, const char *format, va_list arguments)
{
    if (!has_room_for_count(facts))
        return;
    struct facts room = with_room_for_count(facts);
    facts_text(&room, WIRE_DB_COMMAND_FORMAT, format);
    struct walk walk;
    va_copy(walk.arguments, arguments);
    int n = 0;
    bool is_whole = true, is_known = true;
    for (const char *at = strchr(format, '%'); at && at[1] && is_known; at = strchr(at, '%')) {
        struct conversion conversion = read_conversion(at);
        is_known = conversion.kind != UNKNOWN && n < HIREDIS_MAX_ARGUMENTS;
        if (is_known && conversion.kind != PERCENT_SIGN) {
            n++;
            is_whole = copy_argument(&room, &conversion, &walk) && is_whole;
        }
        at = is_known ? conversion.end : "";
    }
    va_end(walk.arguments);
    if (!is_known || !is_whole)
        facts_int(facts, WIRE_DB_COMMAND_COUNT, is_known ? n : HIREDIS_UNKNOWN_COUNT);
}

void hiredis_copy_words(struct facts *facts, int n_words, const char *const *words, const size_t *lengths)
{
    if (!has_room_for_count(facts))
        return;
    struct facts room = with_room_for_count(facts);
    bool is_whole = n_words <= HIREDIS_MAX_ARGUMENTS;
    for (int i = 0; i < n_words && i < HIREDIS_MAX_ARGUMENTS; i++) {
        uint32_t before = *facts->bytes;
        const char *word = words[i] ? words[i] : "";
        facts_bytes(&room, WIRE_DB_COMMAND_ARGUMENT, word, lengths ? lengths[i] : strlen(word));
        is_whole = is_whole && *facts->bytes != before;
    }
    if (!is_whole)
        facts_int(facts, WIRE_DB_COMMAND_COUNT, n_words);
}

/* "<type><digits>\r\n" at the beginning of the text: its length, 0 where it is not there. */
static size_t read_length(const char *at, size_t bytes, char type, size_t *ret_value)
{
    size_t value = 0, i = 1;
    if (bytes < 4 || at[0] != type)
        return 0;
    for (; i < bytes && i < 12 && at[i] >= '0' && at[i] <= '9'; i++)
        value = value * 10 + (size_t)(at[i] - '0');
    if (i == 1 || i + 2 > bytes || at[i] != '\r' || at[i + 1] != '\n')
        return 0;
    *ret_value = value;
    return i + 2;
}

/* The bulk string at `*position`, which goes past it. NULL: there is none. */
static const char *read_bulk(const char *protocol, size_t bytes, size_t *position, size_t *ret_length)
{
    size_t length;
    size_t head = read_length(protocol + *position, bytes - *position, '$', &length);
    if (!head || bytes - *position - head < 2 || length > bytes - *position - head - 2)
        return NULL;
    const char *text = protocol + *position + head;
    *position += head + length + 2;
    *ret_length = length;
    return text;
}

size_t hiredis_protocol_length(const char *protocol, size_t bytes)
{
    size_t n_words, length;
    size_t position = read_length(protocol, bytes, '*', &n_words);
    for (size_t i = 0; position && i < n_words; i++)
        if (!read_bulk(protocol, bytes, &position, &length))
            return 0;
    return position;
}

void hiredis_copy_protocol(struct facts *facts, const char *protocol, size_t bytes)
{
    size_t n_words, length;
    size_t position = read_length(protocol, bytes, '*', &n_words);
    if (!position || !has_room_for_count(facts))
        return;
    struct facts room = with_room_for_count(facts);
    bool is_whole = n_words <= HIREDIS_MAX_ARGUMENTS;
    for (size_t i = 0; i < n_words && i < HIREDIS_MAX_ARGUMENTS; i++) {
        const char *word = read_bulk(protocol, bytes, &position, &length);
        if (!word)
            return;
        uint32_t before = *facts->bytes;
        facts_bytes(&room, WIRE_DB_COMMAND_ARGUMENT, word, length);
        is_whole = is_whole && *facts->bytes != before;
    }
    if (!is_whole)
        facts_int(facts, WIRE_DB_COMMAND_COUNT, (int64_t)n_words);
}

static bool is_select(const char *word, size_t bytes)
{
    static const char select[] = "SELECT";
    if (bytes != sizeof(select) - 1)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((word[i] & ~0x20) != select[i])
            return false;
    return true;
}

/* What Redis accepts as a database number. */
static int64_t database_of(const char *word, size_t bytes)
{
    int64_t database = 0;
    if (!bytes || bytes > 9)
        return HIREDIS_NO_SELECT;
    for (size_t i = 0; i < bytes; i++) {
        if (word[i] < '0' || word[i] > '9')
            return HIREDIS_NO_SELECT;
        database = database * 10 + (word[i] - '0');
    }
    return database;
}

int64_t hiredis_select_of_words(int n_words, const char *const *words, const size_t *lengths)
{
    if (n_words != 2 || !is_select(words[0], lengths ? lengths[0] : strnlen(words[0], 7)))
        return HIREDIS_NO_SELECT;
    return database_of(words[1], lengths ? lengths[1] : strnlen(words[1], 10));
}

int64_t hiredis_select_of_protocol(const char *protocol, size_t bytes)
{
    size_t n_words, lengths[2];
    size_t position = read_length(protocol, bytes, '*', &n_words);
    if (!position || n_words != 2)
        return HIREDIS_NO_SELECT;
    const char *words[2];
    for (int i = 0; i < 2; i++) {
        words[i] = read_bulk(protocol, bytes, &position, &lengths[i]);
        if (!words[i])
            return HIREDIS_NO_SELECT;
    }
    return hiredis_select_of_words(2, words, lengths);
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

/* The word at `*format`, which goes past it: written out, or one %s or %b that is a word of its own. */
static const char *read_word(const char **format, struct walk *walk, size_t *ret_bytes)
{
    const char *at = skip_spaces(*format);
    const char *end = at + strcspn(at, " %");
    *ret_bytes = (size_t)(end - at);
    if (end == at && at[0] == '%' && (at[1] == 's' || at[1] == 'b')) {
        end = at + 2;
        bool is_binary = at[1] == 'b';
        at = va_arg(walk->arguments, const char *);
        *ret_bytes = is_binary ? va_arg(walk->arguments, size_t) : at ? strnlen(at, 10) : 0;
    }
    *format = end;
    return *end == ' ' || !*end ? at : NULL;
}

int64_t hiredis_select_of_format(const char *format, va_list arguments)
{
    format = skip_spaces(format);
    if (*format != '%' &&
        ((format[0] & ~0x20) != 'S' || (format[1] & ~0x20) != 'E' || (format[2] & ~0x20) != 'L'))
        return HIREDIS_NO_SELECT; /* nearly every command: no second look */
    int64_t database = HIREDIS_NO_SELECT;
    size_t bytes;
    struct walk walk;
    va_copy(walk.arguments, arguments);
    const char *word = read_word(&format, &walk, &bytes);
    if (word && is_select(word, bytes)) {
        format = skip_spaces(format);
        struct conversion conversion = {.kind = UNKNOWN};
        if (format[0] == '%' && format[1])
            conversion = read_conversion(format);
        if (conversion.kind == INTEGER) {
            database = take_integer(&conversion, &walk);
            format = conversion.end;
        } else {
            word = read_word(&format, &walk, &bytes);
            database = word ? database_of(word, bytes) : HIREDIS_NO_SELECT;
        }
        if (*skip_spaces(format) || database < 0)
            database = HIREDIS_NO_SELECT;
    }
    va_end(walk.arguments);
    return database;
}

/* body: see body.h. The scanner is ours because a cut text is no JSON; one string is decoded by jansson. */
#include "signals/rules/body.h"

#include "base/json.h"
#include "telemetry/attribute.h"
#include <stdlib.h>
#include <string.h>

/* ---- the scanner: functions return where the thing ends, NULL where it is cut or no JSON ---- */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* `at` is behind the opening quote. */
static const char *skip_string(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at == '\\' && ++at == end)
            return NULL;
    }
    return NULL;
}

static bool is_scalar_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '+' || c == '-' || c == '.' || c == 'E';
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* RFC 8259, 6. */
static bool is_number(const char *at, const char *end)
{
    if (at < end && *at == '-')
        at++;
    const char *digits = at;
    at = skip_digits(at, end);
    if (at == digits || (at - digits > 1 && *digits == '0'))
        return false;
    if (at < end && *at == '.') {
        digits = ++at;
        at = skip_digits(at, end);
        if (at == digits)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        at = skip_digits(at, end);
        if (at == digits)
            return false;
    }
    return at == end;
}

static bool is_word(const char *at, const char *end, const char *word)
{
    return (size_t)(end - at) == strlen(word) && memcmp(at, word, (size_t)(end - at)) == 0;
}

static bool is_scalar(const char *at, const char *end)
{
    return is_number(at, end) || is_word(at, end, "true") || is_word(at, end, "false") ||
           is_word(at, end, "null");
}

/* A number at the very end of a cut text may go on. */
static const char *skip_scalar(const char *at, const char *end, bool is_cut)
{
    const char *from = at;
    while (at < end && is_scalar_character(*at))
        at++;
    if ((at == end && is_cut) || !is_scalar(from, at))
        return NULL;
    return at;
}

static const char *skip_value(const char *at, const char *end, bool is_cut, uint32_t depth);

/* The next name of an object: *at is behind the brace or a comma, and goes to the value. NULL: no more, or cut. */
static const char *next_name(const char **at, const char *end, const char **ret_end)
{
    const char *name = skip_blanks(*at, end);
    if (name == end || *name != '"')
        return NULL;
    const char *behind = skip_string(name + 1, end);
    const char *colon = behind ? skip_blanks(behind, end) : end;
    if (colon == end || *colon != ':')
        return NULL;
    *ret_end = behind;
    *at = skip_blanks(colon + 1, end);
    return name;
}

/* Behind an item: *at goes behind the comma. False: the end, or no JSON; *ret_close is then behind the bracket or NULL. */
static bool next_item(const char **at, const char *end, char bracket, const char **ret_close)
{
    const char *behind = skip_blanks(*at, end);
    *ret_close = behind < end && *behind == bracket ? behind + 1 : NULL;
    if (behind == end || *behind != ',')
        return false;
    *at = behind + 1;
    return true;
}

static const char *skip_container(const char *at, const char *end, bool is_cut, uint32_t depth)
{
    char bracket = *at == '{' ? '}' : ']';
    const char *close, *name_end;
    at = skip_blanks(at + 1, end);
    if (at < end && *at == bracket)
        return at + 1;
    do {
        if (bracket == '}' && !next_name(&at, end, &name_end))
            return NULL;
        at = skip_value(at, end, is_cut, depth);
        if (!at)
            return NULL;
    } while (next_item(&at, end, bracket, &close));
    return close;
}

/* bounded by BODY_MAX_DEPTH: NOLINTNEXTLINE(misc-no-recursion) */
static const char *skip_value(const char *at, const char *end, bool is_cut, uint32_t depth)
{
    at = skip_blanks(at, end);
    if (at == end || depth == 0)
        return NULL;
    if (*at == '"')
        return skip_string(at + 1, end);
    if (*at == '{' || *at == '[')
        return skip_container(at, end, is_cut, depth - 1);
    return skip_scalar(at, end, is_cut);
}

/* ---- names ---- */

/* A string with its quotes, decoded. NULL: no valid one. */
static const char *decode(const char *bytes, size_t n_bytes, struct arena *arena)
{
    if (!memchr(bytes, '\\', n_bytes))
        return text_repaired(arena, bytes + 1, n_bytes - 2).bytes;
    json_t *string = json_read(bytes, n_bytes, n_bytes);
    const char *text = NULL;
    if (json_is_string(string))
        text = text_repaired(arena, json_string_value(string), json_string_length(string)).bytes;
    json_decref(string);
    return text;
}

/* ~0 is ~, ~1 is / (RFC 6901, 4). Copies one token; returns where the next begins: a slash or the end. */
static const char *take_token(const char *pointer, char *out)
{
    for (; *pointer && *pointer != '/'; pointer++) {
        char c = *pointer;
        if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
            c = *++pointer == '0' ? '~' : '/';
        *out++ = c;
    }
    *out = 0;
    return pointer;
}

static bool is_called(const char *name, const char *name_end, const char *token, struct arena *arena)
{
    size_t n_bytes = (size_t)(name_end - name);
    if (!memchr(name, '\\', n_bytes))
        return n_bytes == strlen(token) + 2 && memcmp(name + 1, token, n_bytes - 2) == 0;
    const char *decoded = decode(name, n_bytes, arena);
    return decoded && strcmp(decoded, token) == 0;
}

/* The value of that name; NULL: none. */
static const char *find_member(const char *at, const char *end, bool is_cut, const char *token,
                               struct arena *arena)
{
    const char *close, *name, *name_end;
    at++;
    do {
        name = next_name(&at, end, &name_end);
        if (!name)
            return NULL;
        if (is_called(name, name_end, token, arena))
            return at;
        at = skip_value(at, end, is_cut, BODY_MAX_DEPTH);
        if (!at)
            return NULL;
    } while (next_item(&at, end, '}', &close));
    return NULL;
}

static const char *find_element(const char *at, const char *end, bool is_cut, const char *token)
{
    const char *close;
    char *behind;
    if (*token < '0' || *token > '9' || (*token == '0' && token[1]))
        return NULL;
    unsigned long index = strtoul(token, &behind, 10);
    if (*behind)
        return NULL;
    at = skip_blanks(at + 1, end);
    if (at < end && *at == ']')
        return NULL;
    for (; index > 0; index--) {
        at = skip_value(at, end, is_cut, BODY_MAX_DEPTH);
        if (!at || !next_item(&at, end, ']', &close))
            return NULL;
    }
    return at;
}

/* ---- the calls ---- */

/* CURLOPT_HEADER: the answer's head stands in front, one for each hop. */
static void skip_head(struct body *body)
{
    while (body->n_bytes > 5 && memcmp(body->bytes, "HTTP/", 5) == 0) {
        const char *end = memmem(body->bytes, body->n_bytes, "\r\n\r\n", 4);
        if (!end)
            return;
        body->n_bytes -= (size_t)(end + 4 - body->bytes);
        body->bytes = end + 4;
    }
}

struct body body_of(const char *bytes, size_t n_bytes, bool is_cut)
{
    struct body body = {.bytes = bytes, .n_bytes = n_bytes, .is_cut = is_cut};
    if (bytes && n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        body.bytes += 3;
        body.n_bytes -= 3;
    }
    if (body.bytes)
        skip_head(&body);
    body.is_form = body.bytes && body_looks_like_form(body.bytes, body.n_bytes);
    return body;
}

enum body_kind body_kind(const struct body *body)
{
    if (!body->bytes)
        return BODY_NOTHING;
    const char *end = body->bytes + body->n_bytes, *at = skip_blanks(body->bytes, end);
    if (body->is_form)
        return BODY_STRING;
    if (at == end)
        return BODY_NOTHING;
    switch (*at) {
    case '{':
        return BODY_OBJECT;
    case '[':
        return BODY_ARRAY;
    case '"':
        return BODY_STRING;
    case 't':
        return BODY_TRUE;
    case 'f':
        return BODY_FALSE;
    case 'n':
        return BODY_NULL;
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? BODY_NUMBER : BODY_NOTHING;
    }
}

/* `at` is where a value begins. False: it is cut, and no container. */
static bool take_value(const char *at, const char *end, bool is_cut, struct body *ret_value)
{
    at = skip_blanks(at, end);
    const char *behind = skip_value(at, end, is_cut, BODY_MAX_DEPTH);
    if (behind) {
        *ret_value = (struct body){.bytes = at, .n_bytes = (size_t)(behind - at)};
        return true;
    }
    if (!is_cut || at == end || (*at != '{' && *at != '['))
        return false;
    *ret_value = (struct body){.bytes = at, .n_bytes = (size_t)(end - at), .is_cut = true};
    return true;
}

bool body_find(const struct body *body, const char *pointer, struct arena *arena, struct body *ret_value)
{
    if (!body->bytes || (*pointer && *pointer != '/'))
        return false;
    char *token = arena_alloc(arena, strlen(pointer) + 1);
    if (body->is_form) {
        const char *behind = *pointer ? take_token(pointer + 1, token) : NULL;
        return behind && !*behind && body_find_in_form(body, token, arena, ret_value);
    }
    const char *end = body->bytes + body->n_bytes, *at = skip_blanks(body->bytes, end);
    while (*pointer && at && at < end) {
        pointer = take_token(pointer + 1, token);
        at = *at == '{'   ? find_member(at, end, body->is_cut, token, arena)
             : *at == '[' ? find_element(at, end, body->is_cut, token)
                          : NULL;
        at = at ? skip_blanks(at, end) : NULL;
    }
    return at && at < end && take_value(at, end, body->is_cut, ret_value);
}

uint32_t body_list(const struct body *array, struct body *ret_items, uint32_t max)
{
    if (array->is_form || body_kind(array) != BODY_ARRAY)
        return 0;
    const char *end = array->bytes + array->n_bytes, *close;
    const char *at = skip_blanks(skip_blanks(array->bytes, end) + 1, end);
    uint32_t n = 0;
    do {
        at = skip_blanks(at, end);
        const char *behind = skip_value(at, end, array->is_cut, BODY_MAX_DEPTH);
        if (!behind || n == max)
            return n;
        if (ret_items)
            ret_items[n] = (struct body){.bytes = at, .n_bytes = (size_t)(behind - at)};
        n++;
        at = behind;
    } while (next_item(&at, end, ']', &close));
    return n;
}

const char *body_print(const struct body *value, struct arena *arena)
{
    if (value->is_form)
        return value->bytes;
    switch (body_kind(value)) {
    case BODY_NOTHING:
    case BODY_NULL:
        return NULL;
    case BODY_STRING:
        return decode(value->bytes, value->n_bytes, arena);
    default:
        return text_repaired(arena, value->bytes, value->n_bytes).bytes;
    }
}

/* pairs: lists of key=value in W3C baggage form: OTLP headers and OTEL_RESOURCE_ATTRIBUTES. */
#include "settings/settings_priv.h"

#include <string.h>

struct span_of_text {
    const char *begin;
    size_t bytes;
};

static struct span_of_text trimmed(const char *begin, size_t bytes)
{
    while (bytes && (*begin == ' ' || *begin == '\t')) {
        begin++;
        bytes--;
    }
    while (bytes && (begin[bytes - 1] == ' ' || begin[bytes - 1] == '\t'))
        bytes--;
    return (struct span_of_text){begin, bytes};
}

/* At the first '=': the value may hold more of them (base64). */
static bool split(const char *member, size_t bytes, struct span_of_text *key, struct span_of_text *value)
{
    const char *equals = memchr(member, '=', bytes);
    if (!equals)
        return false;
    *key = trimmed(member, (size_t)(equals - member));
    *value = trimmed(equals + 1, bytes - (size_t)(equals - member) - 1);
    return key->bytes > 0;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 0x20 : 0)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* NULL: a % without two hex digits. *ret_bytes may be more than strlen(): %00. */
static char *decoded(struct arena *arena, struct span_of_text text, size_t *ret_bytes)
{
    char *out = arena_alloc(arena, text.bytes + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.bytes; i++, n++) {
        out[n] = text.begin[i];
        if (text.begin[i] != '%')
            continue;
        int high = i + 2 < text.bytes ? hex_digit(text.begin[i + 1]) : -1;
        int low = i + 2 < text.bytes ? hex_digit(text.begin[i + 2]) : -1;
        if (high < 0 || low < 0)
            return NULL;
        out[n] = (char)(high << 4 | low);
        i += 2;
    }
    out[n] = 0;
    *ret_bytes = n;
    return out;
}

/* RFC 9110 token. */
static bool is_token(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *text))
            return false;
    return true;
}

/* CR, LF and NUL would let a value add headers or end the request; no other control character is of use. */
static bool is_header_value(const char *value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
            return false;
    return true;
}

static void set_header(struct arena *arena, struct delivery *delivery, const char *name, const char *value)
{
    for (uint32_t i = 0; i < delivery->n_headers; i++)
        if (setting_words_equal(name, strlen(name), delivery->headers[i].name)) {
            delivery->headers[i] = (struct header_line){name, value};
            return;
        }
    struct header_line *lines = arena_alloc(arena, (delivery->n_headers + 1) * sizeof(*lines));
    if (delivery->n_headers)
        memcpy(lines, delivery->headers, delivery->n_headers * sizeof(*lines));
    lines[delivery->n_headers++] = (struct header_line){name, value};
    delivery->headers = lines;
}

static const char *parse_header(struct arena *arena, struct delivery *delivery, const char *member,
                                size_t bytes)
{
    struct span_of_text key, text;
    if (!split(member, bytes, &key, &text))
        return "a member is not name=value";
    const char *name = arena_copy(arena, key.begin, key.bytes);
    if (!is_token(name))
        return "a name is not an HTTP header name";
    size_t n = text.bytes;
    const char *value = decoded(arena, text, &n);
    if (!value) /* one bad escape leaves the whole value as it is, as in opentelemetry-cpp */
        value = arena_copy(arena, text.begin, text.bytes);
    if (!is_header_value(value, n))
        return "a value has control characters";
    set_header(arena, delivery, name, value);
    return NULL;
}

void pairs_parse_headers(struct arena *arena, struct delivery *delivery, const char *text,
                         const char **ret_why)
{
    const char *cursor = text, *member;
    size_t bytes;
    *ret_why = NULL;
    while (setting_next_element(&cursor, &member, &bytes)) {
        const char *why = bytes ? parse_header(arena, delivery, member, bytes) : NULL;
        if (why && !*ret_why)
            *ret_why = why;
    }
}

bool pairs_has_attribute(const struct settings *settings, const char *key)
{
    for (uint32_t i = 0; i < settings->n_resource_attributes; i++)
        if (strcmp(settings->resource_attributes[i][0], key) == 0)
            return true;
    return false;
}

void pairs_add_attribute(struct settings *settings, const char *key, const char *value)
{
    uint32_t n = settings->n_resource_attributes;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(settings->resource_attributes[i][0], key) == 0) {
            settings->resource_attributes[i][1] = value;
            return;
        }
    if ((n & (n - 1)) == 0) { /* full at 0, 1, 2, 4, 8 … */
        const char *(*pairs)[2] = arena_alloc(&settings->arena, (n ? n * 2 : 1) * sizeof(*pairs));
        if (n)
            memcpy(pairs, settings->resource_attributes, n * sizeof(*pairs));
        settings->resource_attributes = pairs;
    }
    settings->resource_attributes[n][0] = key;
    settings->resource_attributes[n][1] = value;
    settings->n_resource_attributes++;
}

bool pairs_parse_attributes(struct settings *settings, const char *text, const char **ret_why)
{
    const char *cursor = text, *member;
    size_t bytes;
    while (setting_next_element(&cursor, &member, &bytes)) {
        struct span_of_text key, value;
        size_t n_key = 0, n_value = 0;
        *ret_why = NULL;
        if (!split(member, bytes, &key, &value)) {
            *ret_why = "a member is not key=value";
        } else {
            char *name = decoded(&settings->arena, key, &n_key);
            char *decoded_value = decoded(&settings->arena, value, &n_value);
            if (!name || !decoded_value)
                *ret_why = "% without two hex digits";
            else if (strlen(name) != n_key || strlen(decoded_value) != n_value || !n_key)
                *ret_why = "%00 in a key or value";
            else
                pairs_add_attribute(settings, name, decoded_value);
        }
        if (*ret_why) {
            settings->n_resource_attributes = 0;
            settings->resource_attributes = NULL;
            return false;
        }
    }
    return true;
}

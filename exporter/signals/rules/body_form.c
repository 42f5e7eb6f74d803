/* body_form: application/x-www-form-urlencoded: a body, or a URL's query. */
#include "signals/rules/body.h"

#include "telemetry/attribute.h"
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* application/x-www-form-urlencoded, one half of a pair, decoded in the arena. */
static const char *decode_form(const char *at, const char *end, struct arena *arena)
{
    char *out = arena_alloc(arena, (size_t)(end - at) + 1);
    size_t n = 0;
    for (; at < end; at++) {
        int high = *at == '%' && end - at > 2 ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;
        out[n++] = (char)(*at == '+' ? ' ' : *at);
        if (low >= 0) {
            out[n - 1] = (char)(high * 16 + low);
            at += 2;
        }
    }
    return text_repaired(arena, out, n).bytes;
}

bool body_find_in_form(const struct body *form, const char *token, struct arena *arena,
                       struct body *ret_value)
{
    const char *at = form->bytes, *end = form->bytes + form->n_bytes;
    while (at < end) {
        const char *behind = memchr(at, '&', (size_t)(end - at));
        if (!behind && form->is_cut)
            return false;
        behind = behind ? behind : end;
        const char *equals = memchr(at, '=', (size_t)(behind - at));
        if (equals && strcmp(decode_form(at, equals, arena), token) == 0) {
            const char *text = decode_form(equals + 1, behind, arena);
            *ret_value = (struct body){.bytes = text, .n_bytes = strlen(text), .is_form = true};
            return true;
        }
        at = behind + 1;
    }
    return false;
}

static bool is_form_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           strchr("%+-_.*~&[]", c);
}

/* Its first name looks like one: everything else that is no JSON is not looked into. */
bool body_looks_like_form(const char *bytes, size_t n_bytes)
{
    if (n_bytes && *bytes == '[')
        return false; /* JSON, as far as anybody knows of its beginning */
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i] == '=')
            return i > 0;
        if (!bytes[i] || !is_form_character(bytes[i]))
            return false;
    }
    return false;
}

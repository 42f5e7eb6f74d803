/* alert_fingerprint: see alert_fingerprint.h. */
#include "outputs/alerts/alert_fingerprint.h"

#include "base/sha256.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_CHARACTERS 200u
#define MIN_HEX_DIGITS 6u
#define UUID_BYTES 36u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !is_hex(text[i]))
            return false;
    }
    return !is_hex(text[UUID_BYTES]);
}

/* Bytes at `text` that are a hexadecimal number; 0: none. A word of letters a to f ("facade") is one only with a digit in it. */
static size_t hex_bytes(const char *text)
{
    size_t n = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && is_hex(text[2]) ? 2 : 0;
    bool has_prefix = n > 0, has_letter = false, has_digit = false;
    for (; is_hex(text[n]); n++) {
        has_digit |= is_digit(text[n]);
        has_letter |= !is_digit(text[n]);
    }
    if (is_letter(text[n]) || text[n] == '_')
        return 0;
    return has_prefix || (n >= MIN_HEX_DIGITS && has_letter && has_digit) ? n : 0;
}

void alert_fingerprint_normalise(char *out, const char *message)
{
    char before = ' ';
    while (*message) {
        bool is_begin = !is_letter(before) && before != '_' && !is_digit(before);
        size_t hex = !is_begin ? 0 : is_uuid(message) ? UUID_BYTES : hex_bytes(message);
        if (hex) {
            *out++ = '0';
            *out++ = 'x';
            message += hex;
            before = 'x';
        } else if (is_digit(*message)) {
            *out++ = '0';
            while (is_digit(*message))
                message++;
            before = '0';
        } else {
            before = *out++ = *message++;
        }
    }
    *out = 0;
}

/* "type:message:frame" */
static void print(const char *type, const char *message, const char *frame, char *ret_text)
{
    size_t n_message = utf8_bytes_of(message, strlen(message), MESSAGE_CHARACTERS);
    size_t max = strlen(type) + n_message + strlen(frame) + 3;
    char *text = malloc(max);
    if (!text)
        abort();
    int n = snprintf(text, max, "%s:%.*s:%s", type, (int)n_message, message, frame);
    sha256_print(text, (size_t)n, ret_text, FINGERPRINT_DIGITS);
    free(text);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

void alert_fingerprint_print(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1])
{
    const char *message = or_empty(alert->message ? alert->message : alert->body);
    char *normal = malloc(strlen(message) + 1);
    if (!normal)
        abort();
    alert_fingerprint_normalise(normal, message);
    print(or_empty(alert->type), normal, or_empty(alert->frame), ret_text);
    free(normal);
}

void alert_fingerprint_print_python(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1])
{
    const char *line = "";
    for (uint32_t i = alert->n_stack; i-- > 0 && !*line;) {
        const char *text = alert->stack[i] + strspn(alert->stack[i], " \t");
        if (strncmp(text, "File", 4) == 0)
            line = text;
    }
    print(or_empty(alert->type), or_empty(alert->message), line, ret_text);
}

void alert_fingerprint_print_identity(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1])
{
    const char *const parts[] = {alert->type,     alert->message, alert->body,   alert->file,
                                 alert->trace_id, alert->span_id, alert->service};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    /* A report has a name of its own; when it was told does not count: who was killed in between tells it anew. */
    fprintf(out, "%d:%u:%" PRIu64, (int)alert->class, alert->pid, alert->file ? 0 : alert->time_unix_ns);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        fprintf(out, "\n%s", or_empty(parts[i]));
    fclose(out);
    sha256_print(text, bytes, ret_text, FINGERPRINT_DIGITS);
    free(text);
}

/* redact: see redact.h. URLs first, as they have rules of their own; then names with values, then words by their shape. */
#include "signals/crash/redact.h"

#include "base/utf8.h"
#include "signals/crash/own.h"
#include "signals/crash/redact_shape.h"
#include "signals/spans/redact.h"
#include "signals/spans/url.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HIDDEN "REDACTED"
#define MESSAGE_MAX 4096u
#define SCHEME_MAX 64u /* of a URL */
#define PRIVATE_KEY "-----BEGIN "

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_-.:+=~", c));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- URLs ---- */

static size_t url_bytes(const char *at, const char *begin)
{
    size_t n = 0;
    if (at > begin && is_name_byte(at[-1]))
        return 0;
    while (n < SCHEME_MAX && (isalnum((unsigned char)at[n]) || at[n] == '+' || at[n] == '-' || at[n] == '.'))
        n++;
    if (!n || strncmp(at + n, "://", 3) != 0)
        return 0;
    return n + 3 + strcspn(at + n + 3, " \t\r\n\"'<>`)]}");
}

static const char *without_url_secrets(struct arena *arena, const char *text)
{
    struct redact_writer writer;
    size_t max = 2 * strlen(text) + 256;
    char *out = arena_alloc(arena, max + 1);
    redact_begin(&writer, out, max);
    for (const char *at = text; *at;) {
        size_t n = url_bytes(at, text);
        if (!n) {
            redact_put_char(&writer, *at++);
            continue;
        }
        char url[MESSAGE_MAX];
        redact_put(&writer, url, url_redact(at, n, false, NULL, url, sizeof(url)));
        at += n;
    }
    out[writer.used] = 0;
    return out;
}

/* ---- names and values ---- */

/* Bytes of a value: quoted, or up to what ends one; a header's to the end of the line. */
static size_t value_bytes(const char *value, bool is_header)
{
    if (*value == '"' || *value == '\'') {
        size_t n = 1;
        while (value[n] && value[n] != *value)
            n += value[n] == '\\' && value[n + 1] ? 2 : 1;
        return n + (value[n] != 0);
    }
    return strcspn(value, is_header ? "\r\n\"'" : " \t\r\n\"'`,;&)}]");
}

/*
 * "name=value", "name: value", "\"name\": \"value\"", "--name value": bytes up to the value, 0: none of these. Comparisons
 * ("token == NULL") and C++ names ("token::f") are none.
 */
static size_t name_bytes(const char *at, bool is_option, bool *ret_is_header)
{
    size_t n = 0;
    while (is_name_byte(at[n]))
        n++;
    size_t dashes = strspn(at, "-");
    if (n <= dashes)
        return 0;
    size_t end = n;
    if (at[end] == '"' || at[end] == '\'')
        end++;
    while (is_blank(at[end]))
        end++;
    bool is_assigned = (at[end] == '=' && at[end + 1] != '=') || (at[end] == ':' && at[end + 1] != ':');
    bool is_announced = is_option && dashes && end > n;
    /* asked last: it is most of the work */
    if ((!is_assigned && !is_announced) || !redact_is_secret_name(at + dashes, n - dashes))
        return 0;
    *ret_is_header = redact_is_header_name(at + dashes, n - dashes);
    if (!is_assigned)
        return end;
    for (end++; is_blank(at[end]); end++)
        continue;
    return strncmp(at + end, "Assertion `", 11) == 0 ? 0 : end;
}

/* "Bearer x", "Basic x". */
static size_t scheme_bytes(const char *at)
{
    size_t n = strncasecmp(at, "bearer ", 7) == 0 ? 7 : strncasecmp(at, "basic ", 6) == 0 ? 6 : 0;
    return n && value_bytes(at + n, false) >= 8 ? n : 0;
}

/* Returns the bytes of `at` that are dealt with; 0: nothing is hidden here. `is_inside` a word: only what has a name. */
static size_t hide(struct redact_writer *writer, const char *at, bool is_inside)
{
    bool is_header = false;
    size_t n_name = name_bytes(at, true, &is_header), n_value = 0;
    if (n_name) {
        n_value = value_bytes(at + n_name, is_header);
    } else if (is_inside) {
        return 0;
    } else if ((n_name = scheme_bytes(at))) {
        n_value = value_bytes(at + n_name, false);
    } else if (strncmp(at, PRIVATE_KEY, strlen(PRIVATE_KEY)) == 0) {
        n_value = strlen(at);
    } else {
        while (is_word_byte(at[n_value]))
            n_value++;
        if (!redact_is_secret_word(at, n_value))
            return 0;
    }
    if (!n_value)
        return 0;
    redact_put(writer, at, n_name);
    redact_put_text(writer, HIDDEN);
    return n_name + n_value;
}

/* A copy that is valid UTF-8. */
static const char *copy_valid(struct arena *arena, const char *text, size_t bytes)
{
    char *copy = arena_alloc(arena, utf8_repaired_bytes(text, bytes) + 1);
    copy[utf8_repair(copy, text, bytes)] = 0;
    return copy;
}

static void put_byte(struct redact_writer *writer, const char *at, bool keeps_lines)
{
    if (keeps_lines && (*at == '\n' || *at == '\t'))
        redact_put_char(writer, *at);
    else
        redact_put_printable(writer, at, 1);
}

static const char *redact(struct arena *arena, const char *text, size_t bytes, bool keeps_lines)
{
    struct redact_writer writer;
    const char *source = without_url_secrets(arena, copy_valid(arena, text, bytes));
    size_t max = 4 * strlen(source) + 64;
    char *out = arena_alloc(arena, max + 1);
    redact_begin(&writer, out, max);
    bool is_inside = false; /* a word that was looked at from its beginning */
    for (const char *at = source; *at;) {
        bool may_begin = !is_inside || at[-1] == ':'; /* "ERROR:root:password=x" */
        size_t n = may_begin ? hide(&writer, at, is_inside) : 0;
        if (!n) {
            is_inside = is_word_byte(*at);
            put_byte(&writer, at, keeps_lines);
            n = 1;
        } else {
            is_inside = false;
        }
        at += n;
    }
    out[writer.used] = 0;
    return out;
}

const char *redact_message(struct arena *arena, const char *text)
{
    return text ? redact(arena, text, strnlen(text, MESSAGE_MAX), false) : NULL;
}

const char *redact_lines(struct arena *arena, const char *text, size_t bytes)
{
    return redact(arena, text, strnlen(text, bytes), true);
}

/* ---- arguments ---- */

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Is what follows this option its secret? */
static bool announces_secret(const char *program, const char *argument)
{
    size_t dashes = strspn(argument, "-");
    if (!dashes || strchr(argument, '='))
        return false;
    return redact_is_secret_name(argument + dashes, strlen(argument + dashes)) ||
           (strcmp(argument, "-p") == 0 && begins(program, "sshpass"));
}

static bool announces_user(const char *argument)
{
    return strcmp(argument, "-u") == 0 || strcmp(argument, "-U") == 0 || strcmp(argument, "--user") == 0 ||
           strcmp(argument, "--proxy-user") == 0;
}

static const char *redact_argument(struct arena *arena, const char *program, const char *argument)
{
    bool has_joined =
        begins(argument, "-p") && argument[2] && (begins(program, "mysql") || begins(program, "mariadb"));
    return has_joined ? "-p" HIDDEN : redact_message(arena, argument);
}

const char **redact_arguments(struct arena *arena, const char *const *arguments, uint32_t n)
{
    const char **redacted = arena_zalloc(arena, (n + 1) * sizeof(*redacted));
    const char *program = n ? own_base_name(arguments[0]) : "";
    for (uint32_t i = 0; i < n; i++) {
        const char *before = i ? arguments[i - 1] : "", *colon = strchr(arguments[i], ':');
        if (announces_secret(program, before))
            redacted[i] = HIDDEN;
        else if (announces_user(before) && colon)
            redacted[i] = arena_printf(arena, "%.*s:" HIDDEN, (int)(colon - arguments[i]), arguments[i]);
        else
            redacted[i] = redact_argument(arena, program, arguments[i]);
    }
    return redacted;
}

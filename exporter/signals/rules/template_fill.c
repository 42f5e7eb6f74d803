/* template_fill: a template's body and the fields of one message become that message. */
#include "signals/rules/templates.h"

#include "base/utf8.h"
#include "signals/rules/number.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NAME_BYTES 96u

struct filling {
    const struct attributes *fields;
    struct arena *arena;
    uint64_t time_unix_ns;
    char *out; /* TEMPLATE_MAX_BYTES */
    size_t n;
    uint32_t index;  /* of the list's element; 0: outside of lists */
    bool is_missing; /* a field of this line */
};

/* One place: {name:format|otherwise}, {name?cases}. Parts point into the template. */
struct place {
    char name[NAME_BYTES];
    const char *format, *otherwise, *cases; /* NULL: none */
    size_t format_bytes, otherwise_bytes, cases_bytes;
};

/* ---- writing ---- */

static void put(struct filling *filling, const char *text, size_t bytes)
{
    size_t room = TEMPLATE_MAX_BYTES - 1 - filling->n;
    if (bytes > room)
        bytes = utf8_valid_bytes(text, room);
    memcpy(filling->out + filling->n, text, bytes);
    filling->n += bytes;
}

/* Of somebody else: no markup, no line breaks, bounded. */
static void put_value(struct filling *filling, const char *text)
{
    size_t bytes = strlen(text);
    bool is_cut = bytes > TEMPLATE_VALUE_BYTES;
    if (is_cut)
        bytes = utf8_valid_bytes(text, TEMPLATE_VALUE_BYTES);
    for (size_t i = 0; i < bytes; i++) {
        if (strchr("\\*_`", text[i]))
            put(filling, "\\", 1);
        put(filling, (unsigned char)text[i] < 0x20 ? " " : text + i, 1);
    }
    if (is_cut)
        put(filling, "…", strlen("…"));
}

/* ---- one place ---- */

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

/* Where the part ends: one of `stops`; a backslash takes the next character as it is. */
static const char *end_of_part(const char *at, const char *stops)
{
    while (*at && *at != '\n' && !strchr(stops, *at))
        at += *at == '\\' && at[1] && at[1] != '\n' ? 2 : 1;
    return at;
}

/* `at` is behind the brace. Returns what is behind the closing one; NULL with *ret_why. */
static const char *parse_place(const char *at, struct place *place, const char **ret_why)
{
    size_t n = 0;
    memset(place, 0, sizeof(*place));
    while (is_name_character(at[n]) && n + 1 < NAME_BYTES)
        n++;
    memcpy(place->name, at, n);
    at += n;
    *ret_why = "a name of letters, digits, _ . - is allowed in {}";
    if (n == 0)
        return NULL;
    if (*at == '?') {
        place->cases = at + 1;
        at = end_of_part(at + 1, "}");
        place->cases_bytes = (size_t)(at - place->cases);
    } else if (*at == ':') {
        place->format = at + 1;
        at = end_of_part(at + 1, "|}");
        place->format_bytes = (size_t)(at - place->format);
        *ret_why = "a format as ,.0f or .4f is allowed behind the colon";
        if (!number_is_format(place->format, place->format_bytes))
            return NULL;
    }
    if (*at == '|' && !place->cases) {
        place->otherwise = at + 1;
        at = end_of_part(at + 1, "}");
        place->otherwise_bytes = (size_t)(at - place->otherwise);
    }
    *ret_why = "{name}, {name:,.0f}, {name|otherwise} or {name?value:text,*:text} is allowed";
    return *at == '}' ? at + 1 : NULL;
}

static bool equals_ignoring_case(const char *text, const char *word, size_t bytes)
{
    return strlen(text) == bytes && strncasecmp(text, word, bytes) == 0;
}

bool template_is_case(const char *value, const char *word, size_t bytes)
{
    char limit_text[32];
    double limit, number;
    if (bytes == 1 && *word == '*')
        return true;
    if (!value)
        return false;
    bool has_limit = bytes > 1 && (*word == '>' || *word == '<');
    size_t skip = has_limit && word[1] == '=' ? 2 : 1;
    if (!has_limit || bytes - skip >= sizeof(limit_text))
        return equals_ignoring_case(value, word, bytes);
    memcpy(limit_text, word + skip, bytes - skip);
    limit_text[bytes - skip] = 0;
    if (!number_parse(limit_text, &limit) || !number_parse(value, &number))
        return false;
    bool is_equal = number >= limit && number <= limit;
    return *word == '>' ? number > limit || (skip == 2 && is_equal)
                        : number < limit || (skip == 2 && is_equal);
}

/* The template's own words: as they stand but for escapes of the comma and brace. */
static void put_own(struct filling *filling, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\\' && i + 1 < bytes && strchr(",}|:", text[i + 1]))
            i++;
        put(filling, text + i, 1);
    }
}

/* False: no case fits. */
static bool put_case(struct filling *filling, const struct place *place, const char *value)
{
    const char *at = place->cases, *end = at + place->cases_bytes;
    while (at < end) {
        const char *colon = end_of_part(at, ":,}");
        if (colon >= end || *colon != ':')
            return false;
        const char *behind = end_of_part(colon + 1, ",}");
        if (template_is_case(value, at, (size_t)(colon - at))) {
            put_own(filling, colon + 1, (size_t)(behind - colon - 1));
            return true;
        }
        at = behind + 1;
    }
    return false;
}

static const char *print_time(struct filling *filling)
{
    time_t seconds = (time_t)(filling->time_unix_ns / NS_PER_S);
    struct tm tm;
    char text[40];
    if (!localtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
        return NULL;
    return arena_copy(filling->arena, text, strlen(text));
}

static const char *value_of(struct filling *filling, const char *name)
{
    const char *value = template_field(filling->fields, name, filling->index, filling->arena);
    if (!value && strcmp(name, "time") == 0)
        return print_time(filling);
    if (!value && filling->index && strcmp(name, "i") == 0)
        return arena_printf(filling->arena, "%u", filling->index);
    return value && *value ? value : NULL;
}

static void put_place(struct filling *filling, const struct place *place)
{
    const char *value = value_of(filling, place->name);
    char text[NUMBER_MAX_BYTES];
    double number;
    if (place->cases && put_case(filling, place, value))
        return;
    if (!value && place->otherwise)
        put_own(filling, place->otherwise, place->otherwise_bytes);
    else if (!value)
        filling->is_missing = true;
    else if (place->format && number_parse(value, &number)) {
        number_print(number, place->format, place->format_bytes, text);
        put_value(filling, text);
    } else {
        put_value(filling, value);
    }
}

/* ---- lines ---- */

/* {?name} and {!name} in front of the line. Returns the rest; *ret_is_wanted. */
static const char *take_conditions(struct filling *filling, const char *line, bool *ret_is_wanted)
{
    *ret_is_wanted = true;
    while (line[0] == '{' && (line[1] == '?' || line[1] == '!')) {
        struct place place;
        const char *why, *behind = parse_place(line + 2, &place, &why);
        if (!behind)
            break;
        *ret_is_wanted &= (value_of(filling, place.name) != NULL) == (line[1] == '?');
        line = behind;
    }
    return line;
}

static void put_text(struct filling *filling, const char *at, const char *end)
{
    while (at < end) {
        struct place place;
        const char *why, *behind = NULL;
        bool is_double = (*at == '{' || *at == '}') && at[1] == *at;
        if (*at == '{' && !is_double)
            behind = parse_place(at + 1, &place, &why);
        if (behind)
            put_place(filling, &place);
        else
            put(filling, at, 1);
        at = behind ? behind : at + 1 + is_double;
    }
}

/* A line whose field is missing is taken back. */
static void put_line(struct filling *filling, const char *line, const char *end)
{
    bool is_wanted;
    size_t before = filling->n;
    filling->is_missing = false;
    line = take_conditions(filling, line, &is_wanted);
    if (!is_wanted)
        return;
    put_text(filling, line, end);
    if (filling->is_missing)
        filling->n = before;
    else
        put(filling, "\n", 1);
}

static const char each[] = "{each ";

static void put_list(struct filling *filling, const char *line, const char *end)
{
    struct place place;
    const char *why, *behind = parse_place(line + sizeof(each) - 1, &place, &why);
    if (!behind)
        return;
    for (filling->index = 1; filling->index <= TEMPLATE_MAX_ITEMS; filling->index++) {
        const char *value = template_field(filling->fields, place.name, filling->index, filling->arena);
        bool is_scalar =
            filling->index > 1 && value == template_field(filling->fields, place.name, 0, filling->arena);
        if (!value || is_scalar)
            break;
        put_line(filling, behind, end);
    }
    filling->index = 0;
}

/* At most one empty line between two others, none at the ends; nothing that is cut. */
static void tidy(struct filling *filling)
{
    size_t n = 0;
    for (size_t i = 0; i < filling->n; i++)
        if (filling->out[i] != '\n' ||
            (n > 0 && (n < 2 || filling->out[n - 1] != '\n' || filling->out[n - 2] != '\n')))
            filling->out[n++] = filling->out[i];
    while (n && filling->out[n - 1] == '\n')
        n--;
    n = utf8_valid_bytes(filling->out, n); /* the end may be half a character */
    filling->out[n] = 0;
    filling->n = n;
}

const char *template_fill(const char *body, const struct attributes *fields, uint64_t time_unix_ns,
                          struct arena *arena)
{
    struct filling filling = {.fields = fields,
                              .arena = arena,
                              .time_unix_ns = time_unix_ns,
                              .out = arena_alloc(arena, TEMPLATE_MAX_BYTES)};
    while (*body) {
        const char *end = body + strcspn(body, "\n");
        if (strncmp(body, each, sizeof(each) - 1) == 0)
            put_list(&filling, body, end);
        else
            put_line(&filling, body, end);
        body = *end ? end + 1 : end;
    }
    tidy(&filling);
    return filling.out;
}

/* ---- checking ---- */

static bool check_cases(const struct place *place)
{
    const char *at = place->cases, *end = at + place->cases_bytes;
    while (at < end) {
        const char *colon = end_of_part(at, ":,}");
        if (colon >= end || *colon != ':')
            return false;
        at = end_of_part(colon + 1, ",}") + 1;
    }
    return place->cases_bytes > 0;
}

bool template_check(const char *body, const char **ret_why)
{
    for (const char *at = body; *at;) {
        struct place place;
        bool is_first = at == body || at[-1] == '\n';
        if ((*at == '{' || *at == '}') && at[1] == *at) {
            at += 2;
            continue;
        }
        if (*at++ != '{')
            continue;
        if (is_first && strncmp(at - 1, each, sizeof(each) - 1) == 0)
            at += sizeof(each) - 2;
        else if (*at == '?' || *at == '!')
            at++;
        at = parse_place(at, &place, ret_why);
        if (!at)
            return false;
        *ret_why = "{name?value:text,value:text,*:text} is allowed";
        if (place.cases && !check_cases(&place))
            return false;
    }
    return true;
}

/* expression_parse: "$request/price", mul($1, 2), "a text", a text. */
#include "signals/rules/rules_priv.h"

#include <string.h>

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static struct expression *new_expression(struct parser *parser)
{
    return arena_zalloc(parser->arena, sizeof(struct expression));
}

/* ---- references ---- */

enum rest { REST_NONE, REST_POINTER, REST_NAME, REST_NAME_OR_NOTHING, REST_KEY };

static const struct {
    const char *name;
    enum reference reference;
    enum rest rest;
    const char *attribute; /* REFERENCE_ATTRIBUTE: its name */
} references[] = {
    {"request", REFERENCE_REQUEST, REST_POINTER, NULL},
    {"response", REFERENCE_RESPONSE, REST_POINTER, NULL},
    {"body", REFERENCE_BODY, REST_POINTER, NULL},
    {"each", REFERENCE_EACH, REST_POINTER, NULL},
    {"query", REFERENCE_QUERY, REST_NAME, NULL},
    {"header", REFERENCE_HEADER, REST_NAME, NULL},
    {"path", REFERENCE_PATH, REST_NAME_OR_NOTHING, NULL},
    {"attribute", REFERENCE_ATTRIBUTE, REST_NAME, NULL},
    {"memory", REFERENCE_MEMORY, REST_KEY, NULL},
    {"duration_ms", REFERENCE_DURATION_MS, REST_NONE, NULL},
    {"duration_s", REFERENCE_DURATION_S, REST_NONE, NULL},
    {"name", REFERENCE_NAME, REST_NONE, NULL},
    {"severity", REFERENCE_SEVERITY, REST_NONE, NULL},
    {"event", REFERENCE_EVENT, REST_NONE, NULL},
    {"trace_id", REFERENCE_TRACE_ID, REST_NONE, NULL},
    {"status", REFERENCE_ATTRIBUTE, REST_NONE, "http.response.status_code"},
    {"method", REFERENCE_ATTRIBUTE, REST_NONE, "http.request.method"},
    {"host", REFERENCE_ATTRIBUTE, REST_NONE, "server.address"},
    {"port", REFERENCE_ATTRIBUTE, REST_NONE, "server.port"},
    {"url", REFERENCE_ATTRIBUTE, REST_NONE, "url.full"},
    {"error", REFERENCE_ATTRIBUTE, REST_NONE, "error.type"},
    {"statement", REFERENCE_ATTRIBUTE, REST_NONE, "db.query.text"},
    {"summary", REFERENCE_ATTRIBUTE, REST_NONE, "db.query.summary"},
    {"rows", REFERENCE_ATTRIBUTE, REST_NONE, "db.response.returned_rows"},
    {"sqlstate", REFERENCE_ATTRIBUTE, REST_NONE, "db.response.status_code"},
};

static const char references_allowed[] = "$request/…, $response/…, $each/…, $query.NAME, $header.NAME, "
                                         "$path.NAME, $status, $duration_ms, $body, $1 "
                                         "and others of the README are allowed";

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A pointer ends where a sign has a meaning of its own: ${request/…} takes any. */
static size_t rest_bytes(const char *at, enum rest rest, bool has_braces)
{
    if (has_braces)
        return strcspn(at, "}");
    size_t n = rest == REST_POINTER ? strcspn(at, " \t,)]}=!<>|") : 0;
    if (rest != REST_POINTER)
        while (is_word_character(at[n]) || (n && (at[n] == '-' || at[n] == '.')))
            n++;
    return n;
}

static bool parse_key(struct parser *parser, const char **at, struct expression *reference)
{
    const char *key_at = *at + 1;
    if (**at != '[')
        return true;
    const struct expression *key = expression_parse(parser, &key_at, "]");
    if (!key || *key_at != ']') {
        parser->problem = parser->problem ? parser->problem : "$memory.NAME[KEY] is allowed";
        return false;
    }
    reference->arguments = arena_alloc(parser->arena, sizeof(*reference->arguments));
    reference->arguments[0] = key;
    reference->n_arguments = 1;
    reference->uses_each |= key->uses_each;
    *at = key_at + 1;
    return true;
}

/* Behind its name. */
static bool parse_rest(struct parser *parser, const char **at, enum rest rest, bool has_braces,
                       struct expression *reference)
{
    char sign = rest == REST_POINTER ? '/' : '.';
    if (rest == REST_NONE)
        return true;
    if (**at != sign) {
        reference->text = "";
        return rest == REST_POINTER || rest == REST_NAME_OR_NOTHING;
    }
    const char *from = rest == REST_POINTER ? *at : *at + 1;
    size_t n = rest_bytes(from, rest, has_braces);
    reference->text = arena_copy(parser->arena, from, n);
    *at = from + n;
    return n > 0 && (rest != REST_KEY || parse_key(parser, at, reference));
}

static bool parse_reference_name(struct parser *parser, const char **at, bool has_braces,
                                 struct expression *reference)
{
    const char *name = *at;
    size_t n = 0;
    while (is_word_character(name[n]))
        n++;
    *at += n;
    if (n == 1 && *name >= '1' && *name <= '9') {
        reference->reference = REFERENCE_CAPTURE;
        reference->text = arena_copy(parser->arena, name, 1);
        return true;
    }
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (strlen(references[i].name) != n || memcmp(references[i].name, name, n) != 0)
            continue;
        reference->reference = references[i].reference;
        reference->text = references[i].attribute;
        reference->uses_each = references[i].reference == REFERENCE_EACH;
        parser->set->looks_into_bodies |= references[i].reference <= REFERENCE_RESPONSE;
        return parse_rest(parser, at, references[i].rest, has_braces, reference);
    }
    return false;
}

const struct expression *reference_parse(struct parser *parser, const char **at)
{
    struct expression *reference = new_expression(parser);
    bool has_braces = (*at)[1] == '{';
    reference->kind = EXPRESSION_REFERENCE;
    *at += has_braces ? 2 : 1;
    bool is_known = parse_reference_name(parser, at, has_braces, reference);
    if (is_known && has_braces) {
        is_known = **at == '}';
        *at += is_known;
    }
    if (is_known)
        return reference;
    if (!parser->problem)
        parser->problem = references_allowed;
    return NULL;
}

/* ---- calls ---- */

static bool add_argument(struct parser *parser, struct expression *call, const struct expression *argument)
{
    if (!argument)
        return false;
    if (call->n_arguments == EXPRESSION_MAX_ARGUMENTS) {
        parser->problem = "64 arguments are allowed";
        return false;
    }
    call->arguments[call->n_arguments++] = argument;
    call->uses_each |= argument->uses_each;
    return true;
}

/* map(x, key:value, …): the key becomes an argument of its own. */
static bool parse_case(struct parser *parser, const char **at, struct expression *call)
{
    const char *from = skip_blanks(*at);
    struct expression *key = new_expression(parser);
    size_t n = strcspn(from, ":,)");
    if (from[n] != ':') {
        parser->problem = "map(VALUE, word:text, *:text) is allowed";
        return false;
    }
    key->kind = EXPRESSION_TEXT;
    key->text = arena_copy(parser->arena, from, n);
    *at = from + n + 1;
    return add_argument(parser, call, key) && add_argument(parser, call, expression_parse(parser, at, ",)"));
}

/* `*at` is behind the parenthesis. */
static const struct expression *parse_call(struct parser *parser, const char **at, enum function function)
{
    struct expression *call = new_expression(parser);
    call->kind = EXPRESSION_CALL;
    call->function = function;
    call->arguments = arena_alloc(parser->arena, EXPRESSION_MAX_ARGUMENTS * sizeof(*call->arguments));
    do {
        bool is_case = function == FUNCTION_MAP && call->n_arguments > 0;
        if (is_case ? !parse_case(parser, at, call)
                    : !add_argument(parser, call, expression_parse(parser, at, ",)")))
            return NULL;
    } while (*(*at)++ == ',');
    if ((*at)[-1] != ')') {
        --*at;
        parser->problem = "a ) is missing";
        return NULL;
    }
    return function_check(parser, call) ? call : NULL;
}

/* ---- texts ---- */

static const struct expression *parse_quoted(struct parser *parser, const char **at)
{
    struct expression *text = new_expression(parser);
    const char *from = *at + 1;
    char *out = arena_alloc(parser->arena, strlen(from) + 1);
    size_t n = 0;
    text->kind = EXPRESSION_TEXT;
    for (; *from && *from != '"'; from++) {
        bool is_escaped = *from == '\\' && from[1];
        from += is_escaped;
        out[n++] = (char)(is_escaped && *from == 'n' ? '\n' : *from);
    }
    out[n] = 0;
    text->text = out;
    *at = *from ? from + 1 : from;
    if (*from)
        return text;
    parser->problem = "a closing \" is missing";
    return NULL;
}

static const struct expression *parse_bare(struct parser *parser, const char **at, const char *stops)
{
    struct expression *text = new_expression(parser);
    size_t n = strcspn(*at, stops);
    text->kind = EXPRESSION_TEXT;
    const char *from = *at;
    *at += n;
    while (n && (from[n - 1] == ' ' || from[n - 1] == '\t'))
        n--;
    text->text = arena_copy(parser->arena, from, n);
    return text;
}

static bool is_call(const char *at, enum function *ret_function, const char **ret_behind)
{
    size_t n = 0;
    while (is_word_character(at[n]))
        n++;
    *ret_behind = at + n + 1;
    return n && at[n] == '(' && function_find(at, n, ret_function);
}

const struct expression *expression_parse(struct parser *parser, const char **at, const char *stops)
{
    enum function function;
    const struct expression *result;
    const char *behind;
    *at = skip_blanks(*at);
    if (parser->depth == EXPRESSION_MAX_DEPTH) {
        parser->problem = "8 levels of functions are allowed";
        return NULL;
    }
    parser->depth++;
    if (**at == '"') {
        result = parse_quoted(parser, at);
    } else if (**at == '$') {
        result = reference_parse(parser, at);
    } else if (is_call(*at, &function, &behind)) {
        *at = behind;
        result = parse_call(parser, at, function);
    } else {
        result = parse_bare(parser, at, stops);
    }
    parser->depth--;
    *at = skip_blanks(*at);
    if (!result || !**at || strchr(stops, **at))
        return result;
    parser->problem = "nothing may follow a value: join(A, \" \", B) is allowed";
    return NULL;
}

const struct expression *expression_parse_all(struct parser *parser, const char *text)
{
    return expression_parse(parser, &text, "");
}

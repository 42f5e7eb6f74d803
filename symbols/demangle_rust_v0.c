/*
 * demangle_rust_v0: Rust's second scheme, after its specification, RFC 2603.
 *
 *   _RNvNtCs1234_7mycrate3foo3bar                    mycrate::foo::bar
 *   _RINvNtC3std3mem8align_ofjE                      std::mem::align_of::<usize>
 *
 * A recursive descent: each function reads one production and prints it. Back references name a place to read again; what is read
 * only to be skipped (the path of an impl) does not follow them. Left out of what is printed: hashes of crates, types of constants.
 */
#include "demangle_parser.h"

#include <string.h>

static void print_path(struct parser *parser, bool is_value);
static void print_type(struct parser *parser);
static void print_constant(struct parser *parser);

/* ---- paths ---- */

static void skip_impl_path(struct parser *parser)
{
    bool was_skipping = parser->is_skipping;
    parser->is_skipping = true;
    (void)parser_take_optional_base_62(parser, 's');
    print_path(parser, false);
    parser->is_skipping = was_skipping;
}

/* …::name, …::{closure#0} */
static void print_nested(struct parser *parser, bool is_value)
{
    char space = parser_take(parser);
    print_path(parser, is_value);
    uint64_t number = parser_take_optional_base_62(parser, 's');
    struct identifier name = parser_take_undisambiguated(parser);
    if (space >= 'A' && space <= 'Z') {
        char other[] = {space, 0};
        parser_print(parser, "::{");
        parser_print(parser, space == 'C' ? "closure" : space == 'S' ? "shim" : other);
        if (name.n) {
            parser_print(parser, ":");
            parser_print_identifier(parser, &name);
        }
        parser_print(parser, "#");
        parser_print_number(parser, number);
        parser_print(parser, "}");
    } else if (name.n) {
        parser_print(parser, "::");
        parser_print_identifier(parser, &name);
    }
}

static void print_generic_argument(struct parser *parser)
{
    if (parser_take_if(parser, 'L'))
        parser_print_lifetime(parser, parser_take_base_62(parser));
    else if (parser_take_if(parser, 'K'))
        print_constant(parser);
    else
        print_type(parser);
}

/* path<a, b without its '>' */
static void print_generic_open(struct parser *parser, bool is_value)
{
    print_path(parser, is_value);
    parser_print(parser, is_value ? "::<" : "<");
    for (unsigned i = 0; parser_is_more(parser); i++) {
        parser_print(parser, i ? ", " : "");
        print_generic_argument(parser);
    }
}

static void print_as(struct parser *parser, bool has_trait)
{
    parser_print(parser, "<");
    print_type(parser);
    if (has_trait) {
        parser_print(parser, " as ");
        print_path(parser, false);
    }
    parser_print(parser, ">");
}

static void print_path(struct parser *parser, bool is_value)
{
    if (!parser_enter(parser))
        return;
    char tag = parser_take(parser);
    if (tag == 'C') {
        (void)parser_take_optional_base_62(parser, 's');
        struct identifier name = parser_take_undisambiguated(parser);
        parser_print_identifier(parser, &name);
    } else if (tag == 'N') {
        print_nested(parser, is_value);
    } else if (tag == 'M' || tag == 'X') {
        skip_impl_path(parser);
        print_as(parser, tag == 'X');
    } else if (tag == 'Y') {
        print_as(parser, true);
    } else if (tag == 'I') {
        print_generic_open(parser, is_value);
        parser_print(parser, ">");
    } else if (tag == 'B') {
        size_t back = parser_follow(parser);
        if (!parser->is_skipping)
            print_path(parser, is_value);
        parser->at = parser->out.is_failed ? parser->n : back;
    } else {
        parser_fail(parser);
    }
    parser->depth--;
}

/* ---- types ---- */

static const char *basic_type(char tag)
{
    static const char *const names[26] = {
        "i8",   "bool", "char", "f64", "str", "f32", NULL,  "u8", "isize", "usize", NULL,  "i32", "u32",
        "i128", "u128", "_",    NULL,  NULL,  "i16", "u16", "()", "...",   NULL,    "i64", "u64", "!"};
    return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

/* "C", or a name in which '_' stands for '-'. */
static void print_abi(struct parser *parser)
{
    parser_print(parser, "extern \"");
    if (parser_take_if(parser, 'C')) {
        parser_print(parser, "C");
    } else {
        struct identifier name = parser_take_undisambiguated(parser);
        for (size_t i = 0; i < name.n && !parser->is_skipping; i++)
            demangled_add(&parser->out, name.text[i] == '_' ? "-" : name.text + i, 1);
    }
    parser_print(parser, "\" ");
}

static void print_function_type(struct parser *parser)
{
    uint64_t n_bound = parser_print_binder(parser);
    if (parser_take_if(parser, 'U'))
        parser_print(parser, "unsafe ");
    if (parser_take_if(parser, 'K'))
        print_abi(parser);
    parser_print(parser, "fn(");
    for (unsigned i = 0; parser_is_more(parser); i++) {
        parser_print(parser, i ? ", " : "");
        print_type(parser);
    }
    parser_print(parser, ")");
    if (!parser_take_if(parser, 'u')) {
        parser_print(parser, " -> ");
        print_type(parser);
    }
    parser->n_bound -= n_bound;
}

/* Trait<A, Item = B>: a path whose '<' the bindings share. */
static void print_dyn_trait(struct parser *parser)
{
    bool is_open = false;
    size_t back = 0;
    if (parser_peek(parser) == 'B') {
        parser->at++;
        back = parser_follow(parser);
    }
    if (!back || !parser->is_skipping) {
        is_open = parser_take_if(parser, 'I');
        if (is_open)
            print_generic_open(parser, false);
        else
            print_path(parser, false);
    }
    if (back)
        parser->at = parser->out.is_failed ? parser->n : back;
    while (parser_take_if(parser, 'p')) {
        parser_print(parser, is_open ? ", " : "<");
        is_open = true;
        struct identifier name = parser_take_undisambiguated(parser);
        parser_print_identifier(parser, &name);
        parser_print(parser, " = ");
        print_type(parser);
    }
    parser_print(parser, is_open ? ">" : "");
}

static void print_dyn(struct parser *parser)
{
    parser_print(parser, "dyn ");
    uint64_t n_bound = parser_print_binder(parser);
    for (unsigned i = 0; parser_is_more(parser); i++) {
        parser_print(parser, i ? " + " : "");
        print_dyn_trait(parser);
    }
    parser->n_bound -= n_bound;
    if (!parser_take_if(parser, 'L')) {
        parser_fail(parser);
        return;
    }
    uint64_t lifetime = parser_take_base_62(parser);
    if (lifetime) {
        parser_print(parser, " + ");
        parser_print_lifetime(parser, lifetime);
    }
}

static void print_tuple(struct parser *parser)
{
    unsigned n = 0;
    parser_print(parser, "(");
    for (; parser_is_more(parser); n++) {
        parser_print(parser, n ? ", " : "");
        print_type(parser);
    }
    parser_print(parser, n == 1 ? ",)" : ")");
}

static void print_reference(struct parser *parser, bool is_mutable)
{
    parser_print(parser, "&");
    uint64_t lifetime = parser_take_if(parser, 'L') ? parser_take_base_62(parser) : 0;
    if (lifetime) {
        parser_print_lifetime(parser, lifetime);
        parser_print(parser, " ");
    }
    parser_print(parser, is_mutable ? "mut " : "");
    print_type(parser);
}

static void print_array(struct parser *parser, bool has_length)
{
    parser_print(parser, "[");
    print_type(parser);
    if (has_length) {
        parser_print(parser, "; ");
        print_constant(parser);
    }
    parser_print(parser, "]");
}

static void print_type(struct parser *parser)
{
    const char *basic = basic_type(parser_peek(parser));
    if (!parser_enter(parser))
        return;
    char tag = parser_peek(parser);
    if (!strchr("CMXYNI", tag))
        parser->at++;
    if (basic) {
        parser_print(parser, basic);
    } else if (tag == 'A' || tag == 'S') {
        print_array(parser, tag == 'A');
    } else if (tag == 'T') {
        print_tuple(parser);
    } else if (tag == 'R' || tag == 'Q') {
        print_reference(parser, tag == 'Q');
    } else if (tag == 'P' || tag == 'O') {
        parser_print(parser, tag == 'P' ? "*const " : "*mut ");
        print_type(parser);
    } else if (tag == 'F') {
        print_function_type(parser);
    } else if (tag == 'D') {
        print_dyn(parser);
    } else if (tag == 'B') {
        size_t back = parser_follow(parser);
        if (!parser->is_skipping)
            print_type(parser);
        parser->at = parser->out.is_failed ? parser->n : back;
    } else if (tag && strchr("CMXYNI", tag)) {
        print_path(parser, false);
    } else {
        parser_fail(parser);
    }
    parser->depth--;
}

/* ---- constants ---- */

static void print_number_constant(struct parser *parser, char type)
{
    uint64_t number = 0;
    bool is_negative = parser_take_if(parser, 'n');
    while (!parser->out.is_failed && !parser_take_if(parser, '_')) {
        char c = parser_take(parser);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || number >> 60) {
            parser_fail(parser); /* also 128 bits: nobody has met one */
            return;
        }
        number = number << 4 | (uint64_t)digit;
    }
    if (type == 'b') {
        parser_print(parser, number ? "true" : "false");
    } else if (type == 'c') {
        parser_print(parser, "'");
        if (!parser->is_skipping)
            demangled_add_character(&parser->out, number > 0x10ffff ? 0x110000 : (uint32_t)number);
        parser_print(parser, "'");
    } else {
        parser_print(parser, is_negative ? "-" : "");
        parser_print_number(parser, number);
    }
}

static void print_constant(struct parser *parser)
{
    if (!parser_enter(parser))
        return;
    char type = parser_take(parser);
    if (type == 'p') {
        parser_print(parser, "_");
    } else if (type == 'B') {
        size_t back = parser_follow(parser);
        if (!parser->is_skipping)
            print_constant(parser);
        parser->at = parser->out.is_failed ? parser->n : back;
    } else if (type && strchr("abchijlmnostxy", type)) {
        print_number_constant(parser, type);
    } else {
        parser_fail(parser);
    }
    parser->depth--;
}

char *demangle_rust_v0(const char *name)
{
    struct parser parser = {.text = name, .n = strlen(name)};
    print_path(&parser, true);
    if (!parser.out.is_failed && parser_peek(&parser) >= 'A' &&
        parser_peek(&parser) <= 'Z') { /* the crate that instantiated it */
        parser.is_skipping = true;
        print_path(&parser, false);
    }
    if (parser_peek(&parser) && parser_peek(&parser) != '.' && parser_peek(&parser) != '$')
        parser_fail(&parser);
    return demangled_take(&parser.out);
}

/*
 * demangle_parser: the words of Rust's second scheme: numbers, identifiers, lifetimes, back references.
 *
 * After a failure everything is at its end, and nothing is printed any more: only the last caller has to ask. Context: commands.
 */
#ifndef OTELSHIM_DEMANGLE_PARSER_H
#define OTELSHIM_DEMANGLE_PARSER_H

#include "demangle.h"

#define PARSER_MAX_DEPTH 200u

struct parser {
    const char *text; /* behind "_R": what back references count from */
    size_t at, n;
    struct demangled out;
    bool is_skipping; /* reads, and prints nothing */
    uint32_t depth, steps;
    uint64_t n_bound; /* lifetimes that binders around have introduced */
};

struct identifier {
    const char *text;
    size_t n;
    bool is_punycode;
};

void parser_fail(struct parser *parser);
/* Nothing while it skips. */
void parser_print(struct parser *parser, const char *text);
void parser_print_number(struct parser *parser, uint64_t number);
/* 0: the end. */
char parser_peek(const struct parser *parser);
char parser_take(struct parser *parser);
bool parser_take_if(struct parser *parser, char c);
/* False at an 'E', which is taken, and after a failure. */
bool parser_is_more(struct parser *parser);
/* One level deeper, to be given back by depth--; false, and failed: too deep, or too long. */
bool parser_enter(struct parser *parser);
/* "_" is 0, "0_" is 1, "1_" is 2. */
uint64_t parser_take_base_62(struct parser *parser);
/* One more than the number behind `tag`; 0 where that is not there. */
uint64_t parser_take_optional_base_62(struct parser *parser, char tag);
struct identifier parser_take_undisambiguated(struct parser *parser);
void parser_print_identifier(struct parser *parser, const struct identifier *identifier);
void parser_print_lifetime(struct parser *parser, uint64_t number);
/* "for<'a, 'b> ". Returns how many lifetimes it binds: the caller gives them back. */
uint64_t parser_print_binder(struct parser *parser);
/* Behind 'B': goes to what stands earlier in the name, unless it skips. Returns where to go on afterwards. */
size_t parser_follow(struct parser *parser);

#endif

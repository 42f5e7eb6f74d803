/*
 * body: one value out of the body of a request or response, by JSON pointer (RFC 6901).
 *
 * A body is the beginning of what went over the wire, maybe only that. So the text is scanned up to the value, not parsed as a
 * whole: what stands before the cut is found, what the cut goes through or hides is not there. A form (a=1&b=2) is an object of
 * strings.
 *
 * Context: loop. Pure but for the arena; linear in the body, BODY_MAX_DEPTH levels. Hostile input: no value is better than a
 * wrong one.
 */
#ifndef OTELSHIM_RULES_BODY_H
#define OTELSHIM_RULES_BODY_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BODY_MAX_DEPTH 48u

enum body_kind {
    BODY_NOTHING,
    BODY_STRING,
    BODY_NUMBER,
    BODY_TRUE,
    BODY_FALSE,
    BODY_NULL,
    BODY_OBJECT,
    BODY_ARRAY
};

/* A body, or a value in one. Not NUL-terminated. */
struct body {
    const char *bytes; /* NULL: there is none */
    size_t n_bytes;
    bool is_cut;  /* it goes on behind the bytes */
    bool is_form; /* a=1&b=2; only of a whole body */
};

/* What the text is: JSON, a form, or neither (then nothing is ever found in it). */
struct body body_of(const char *bytes, size_t n_bytes, bool is_cut);

/* a=1&b=2: its first name looks like one. */
bool body_looks_like_form(const char *bytes, size_t n_bytes);

/* The kind of value that the body is; BODY_NOTHING where it is no JSON. */
enum body_kind body_kind(const struct body *body);

/*
 * The value at `pointer` ("" is the whole, "/error/name", "/0/price"). False: not there. Of a name that stands twice the first is
 * taken. A value that is cut is only found where it is an object or array; ret_value->is_cut says so.
 */
bool body_find(const struct body *body, const char *pointer, struct arena *arena, struct body *ret_value);

/* The value of that name in a form, which a URL's query is, too. */
bool body_find_in_form(const struct body *form, const char *name, struct arena *arena,
                       struct body *ret_value);

/* The elements of an array that are whole, in their order, at most `max`; how many. `ret_items` may be NULL. */
uint32_t body_list(const struct body *array, struct body *ret_items, uint32_t max);

/*
 * A scalar as text: strings decoded, numbers as written, true, false; objects and arrays as their JSON. NULL of null, of nothing,
 * and of what is no valid JSON string. In the arena, NUL-terminated, valid UTF-8.
 */
const char *body_print(const struct body *value, struct arena *arena);

#endif

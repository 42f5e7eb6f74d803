/* console_priv: what the console keeps of a span, and the parts that draw it. Context: loop. */
#ifndef OTELSHIM_CONSOLE_PRIV_H
#define OTELSHIM_CONSOLE_PRIV_H

#include "outputs/console/console.h"

#define TREE_MAX_DEPTH 64u

enum shown_family { SHOWN_INTERNAL, SHOWN_HTTP, SHOWN_DATABASE, SHOWN_CACHE };

/* One allocation: the strings lie behind it. All are fit for the terminal. */
struct shown_span {
    struct shown_span *next; /* of the trace, in any order */
    uint8_t span_id[8], parent_span_id[8];
    bool has_parent, is_parent_remote, is_error;
    enum shown_family family;
    uint64_t start_unix_ns, end_unix_ns;
    const char *name;
    const char *service;
    const char *outcome; /* "200", "3 rows", "40P01"; "" none */
    const char *detail;  /* where, or what: host and path, statement; "" none */
    const char *message; /* of an error; "" none */
    const char *phases;  /* of an HTTP request over a new connection; "" none */
    /* made by tree_build() */
    struct shown_span *first_child, *next_sibling;
    bool is_root;
};

struct shown_trace {
    uint8_t trace_id[16];
    struct shown_span *spans, **last_span;
    uint32_t n_spans;
    bool was_shown; /* a part of it was printed before */
};

/* What is shown of a span. Freed with free(). */
struct shown_span *shown_create(const struct span *span, bool is_utf8);

/* "830 ns", "24.1 ms", "1.24 s": three digits. */
void duration_print(char ret_text[24], uint64_t duration_ns, bool is_utf8);

/* Drops repeats (delivery is at least once), links children to parents, both in order of start. Returns the spans without a parent here, linked as siblings. */
struct shown_span *tree_build(struct shown_trace *trace);
/* Every span's parent is there or is known to be elsewhere. *ret_has_remote: one has its parent elsewhere. */
bool tree_is_whole(const struct shown_trace *trace, bool *ret_has_remote);

/* Prints the tree of the spans that tree_build() returned. */
void draw_trace(FILE *out, const struct console_style *style, const struct shown_trace *trace,
                const struct shown_span *roots);

#endif

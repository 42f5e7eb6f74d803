/*
 * sql: what may be told of a statement: db.query.text without its literals, and db.query.summary.
 *
 * Context: loop. Pure; one pass over the text makes both; output bounded (redact.h). Literals, comments and quoted
 * things without an end never come out; names do. Text with bind parameters may be exported as it is (OTel semantic
 * conventions, "Sanitization of db.query.text"): whether to redact it is the caller's decision.
 */
#ifndef OTELSHIM_SQL_H
#define OTELSHIM_SQL_H

#include "signals/spans/sql_lex.h"
#include <stdbool.h>
#include <stddef.h>

#define SQL_SUMMARY_MAX_BYTES 255u

struct sql_statement {
    const char *text; /* one or several statements; not NUL-terminated */
    size_t n_bytes;
    bool is_cut;                       /* the program's text was longer */
    const struct sql_dialect *dialect; /* NULL: PostgreSQL */
};

/*
 * Each literal becomes `?` (a list of them after IN becomes one), each comment and run of white space one space.
 * Returns the length. max >= statement.n_bytes (+ 3 when it is cut) is always enough.
 */
size_t sql_redact(const struct sql_statement *statement, char *out, size_t max);

/*
 * Operations and their targets in the order and spelling of the text, at most SQL_SUMMARY_MAX_BYTES, cut between words:
 * "INSERT shipping_details SELECT orders". 0: nothing is known.
 */
size_t sql_summarise(const struct sql_statement *statement, char *out, size_t max);

/* Both in one pass. */
struct sql_reading {
    char *text, *summary; /* caller's buffers */
    size_t max_text, max_summary;
    size_t n_text, n_summary; /* results */
    size_t table; /* where in the summary the name of the only table begins; 0: none, or not one */
};
void sql_read(const struct sql_statement *statement, struct sql_reading *reading);

#endif

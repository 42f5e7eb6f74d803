/* entry: where a line, with the lines that belong to it, begins and ends in a stream's bytes. Context: any; pure; hostile input. */
#ifndef OTELSHIM_LINE_ENTRY_H
#define OTELSHIM_LINE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

struct entry {
    uint32_t end;     /* where the next one begins */
    uint32_t n_bytes; /* without line ends behind it; 0: an empty line */
    uint32_t part;    /* of a line that is too long; 0: a whole one */
    bool is_joining;  /* where none was found: its lines are whole, more may belong to it */
};

/* Does a piece of write(2) begin at this byte? */
typedef bool (*entry_begins_fn)(const void *context, uint32_t at);

struct entry_state {
    entry_begins_fn begins; /* with `context` */
    const void *context;
    uint32_t part; /* of the line that goes on: found so far */
    bool is_over;  /* nothing follows the bytes */
};

/* The one that begins at `at` < n_bytes. False: its end is not there yet; then only ret_entry->is_joining is set. */
bool entry_read(const char *bytes, uint32_t n_bytes, uint32_t at, struct entry_state *state,
                struct entry *ret_entry);

#endif

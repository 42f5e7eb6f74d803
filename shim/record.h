/*
 * record: an ended span, from its staged facts into a chunk.
 *
 * Context: hot, async-signal-safe.
 */
#ifndef OTELSHIM_RECORD_H
#define OTELSHIM_RECORD_H

#include "connection.h"
#include "thread.h"

/*
 * Puts `fact_bytes` facts, which lie at staged + open->bytes + sizeof(struct wire_facts) already, into a block of shared
 * facts (of a connection, a statement). Only before any plain fact. `mark` gets a number if it has none.
 */
void record_seal_shared(struct wire_open_span *open, uint8_t *staged, struct interned *mark,
                        uint32_t fact_bytes);

/* The connection's shared facts likewise, with the facts copied there. No room, or nothing known: the span goes without. */
void record_stage_connection(struct wire_open_span *open, uint8_t *staged, uint32_t max_bytes,
                             const struct connection *connection);

/*
 * Commits the span as one record. `staged` is where its facts lie; `marks` are the things its shared blocks belong to
 * (a NULL mark: the block is written every time). No room in the pool: counted there.
 */
void record_commit(struct thread *thread, const struct wire_open_span *open, const uint8_t *staged,
                   struct interned *const marks[2], enum wire_outcome outcome, uint64_t end_ns);

#endif

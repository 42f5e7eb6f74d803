/*
 * pieces: what one process wrote to standard output and error, piece by piece of write(2), as lines.
 *
 *   numbers   1 2 4 3 …   put in order: threads have chunks of their own. A number that does not come within PIECE_GAP_MS was dropped
 *   bytes     "a\nb" "c\n"  split at line ends; a line over several pieces is joined
 *   lines     what belongs to the line before (a traceback, indented lines) is told with it
 *
 * A piece is released (acknowledged) when all that begins in it was told; and what begins in a piece whose end is open waits with
 * it: an exporter that is killed is followed by one that reads both again, so nothing is lost, and only the end of a line may be told
 * twice. A line without an end is told after PIECE_QUIET_MS, at the process's end, or when it is longer than LINE_MAX_BYTES.
 *
 * Context: loop. Ownership: one per process. Memory of each stream: PIECES_MAX_BYTES for pieces that came too early, as much as two
 * records, and a hundred bytes for each piece that waits (PIECES_MAX).
 */
#ifndef OTELSHIM_LINE_PIECES_H
#define OTELSHIM_LINE_PIECES_H

#include "signals/lines/lines.h"
#include "telemetry/batch.h"

#define PIECE_GAP_MS 100u
#define PIECE_JOIN_MS 200u   /* more of an error's lines may come */
#define PIECE_QUIET_MS 1000u /* of a line without an end */
#define PIECE_MAX_AGE_MS 5000u
#define PIECES_MAX 4096u /* that came too early */
#define PIECES_MAX_HELD 1024u
#define PIECES_MAX_BYTES (1u << 20)
#define PIECE_ENTRY_MAX_BYTES (2u * LINE_MAX_BYTES) /* lines that belong together */
#define PIECE_NEVER UINT32_MAX

struct pieces;

struct piece_events {
    /* A line: before the release of the pieces that it is of. */
    void (*tell)(void *context, const struct output_line *line);
    void (*release)(void *context, const struct receipt *receipt);
    void *context;
};

struct pieces *pieces_create(const struct piece_events *events);
/* What waits is forgotten: it was not released, the next exporter reads it again. NULL is fine. */
void pieces_destroy(struct pieces *pieces);
/* The events may come from within. */
void pieces_add(struct pieces *pieces, const struct raw_log *raw, const struct receipt *receipt,
                uint64_t now_ms);
/* What waited long enough is told; everything when `is_over`. In how many ms to look again; PIECE_NEVER: nothing waits. */
uint32_t pieces_look(struct pieces *pieces, uint64_t now_ms, bool is_over);
bool pieces_is_idle(const struct pieces *pieces);

#endif

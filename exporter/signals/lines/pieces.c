/* pieces: see pieces.h. The order of pieces; what is told and released when. */
#include "signals/lines/pieces.h"

#include "signals/lines/entry.h"
#include <stdlib.h>
#include <string.h>

#define N_STREAMS 2u

/* One that came, or its head, once its bytes are in the stream's buffer. */
struct piece {
    struct piece *next;
    struct wire_log log;
    int64_t mono_to_unix_ns;
    const struct wire_instrumentation *instrumentation;
    struct receipt receipt;
    uint64_t since_ms;
    uint32_t n_bytes; /* of a held one: still in the buffer */
    char bytes[];
};

struct stream {
    uint32_t number;      /* that comes next */
    struct piece *parked; /* too early, by number */
    struct piece *held;   /* the buffer is theirs, in this order */
    struct piece **held_end;
    struct piece *last_parked;
    uint32_t n_held, n_parked, n_parked_bytes;
    char *buffer; /* begins with a line, or a part of one */
    uint32_t n_bytes, max_bytes;
    uint32_t part;     /* of the line that the buffer begins with: told so far */
    uint64_t quiet_ms; /* when the last bytes came */
    bool has_begun;
    bool is_joining; /* it waits only for what may belong to its last line */
};

struct pieces {
    struct piece_events events;
    struct stream streams[N_STREAMS];
};

struct pieces *pieces_create(const struct piece_events *events)
{
    struct pieces *pieces = calloc(1, sizeof(*pieces));
    if (!pieces)
        abort();
    pieces->events = *events;
    for (uint32_t i = 0; i < N_STREAMS; i++) {
        pieces->streams[i].number = 1;
        pieces->streams[i].held_end = &pieces->streams[i].held;
    }
    return pieces;
}

static void free_all(struct piece *piece)
{
    for (struct piece *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
}

void pieces_destroy(struct pieces *pieces)
{
    if (!pieces)
        return;
    for (uint32_t i = 0; i < N_STREAMS; i++) {
        free_all(pieces->streams[i].parked);
        free_all(pieces->streams[i].held);
        free(pieces->streams[i].buffer);
    }
    free(pieces);
}

/* ---- telling ---- */

/* The piece that byte `at` of the buffer is of; *ret_begin is where that begins. */
static const struct piece *piece_at(const struct stream *stream, uint32_t at, uint32_t *ret_begin)
{
    const struct piece *piece = stream->held;
    uint32_t begin = 0;
    while (piece->next && at >= begin + piece->n_bytes) {
        begin += piece->n_bytes;
        piece = piece->next;
    }
    *ret_begin = begin;
    return piece;
}

static bool begins_piece(const void *context, uint32_t at)
{
    uint32_t begin;
    piece_at(context, at, &begin);
    return begin == at;
}

/* What begins before this is told now: everything, or up to the piece whose end is open. */
static uint32_t horizon(struct stream *stream, bool is_over)
{
    struct entry_state state = {begins_piece, stream, stream->part, is_over};
    struct entry entry = {.is_joining = false};
    uint32_t at = 0, begin;
    stream->is_joining = false;
    while (at < stream->n_bytes && entry_read(stream->buffer, stream->n_bytes, at, &state, &entry))
        at = entry.end;
    if (at == stream->n_bytes)
        return at;
    stream->is_joining = entry.is_joining;
    piece_at(stream, at, &begin);
    return begin;
}

/* Bytes that were told go, and the pieces that have none left. */
static void drop(struct pieces *pieces, struct stream *stream, uint32_t n)
{
    stream->n_bytes -= n;
    if (n && stream->n_bytes)
        memmove(stream->buffer, stream->buffer + n, stream->n_bytes);
    for (struct piece *piece; (piece = stream->held) && piece->n_bytes <= n;) {
        n -= piece->n_bytes;
        stream->held = piece->next;
        if (!stream->held)
            stream->held_end = &stream->held;
        stream->n_held--;
        pieces->events.release(pieces->events.context, &piece->receipt);
        free(piece);
    }
    if (stream->held)
        stream->held->n_bytes -= n;
}

static void settle(struct pieces *pieces, struct stream *stream, bool is_over)
{
    uint32_t end = horizon(stream, is_over), at = 0, begin;
    struct entry_state state = {begins_piece, stream, stream->part, is_over};
    struct entry entry;
    while (at < end && entry_read(stream->buffer, stream->n_bytes, at, &state, &entry)) {
        const struct piece *piece = piece_at(stream, at, &begin);
        const struct output_line line = {.bytes = stream->buffer + at,
                                         .n_bytes = entry.n_bytes,
                                         .part = entry.part,
                                         .log = &piece->log,
                                         .mono_to_unix_ns = piece->mono_to_unix_ns,
                                         .instrumentation = piece->instrumentation};
        if (entry.n_bytes)
            pieces->events.tell(pieces->events.context, &line);
        at = entry.end;
    }
    stream->part = is_over ? 0 : state.part;
    drop(pieces, stream, at);
}

/* ---- pieces in their order ---- */

static void append(struct stream *stream, struct piece *piece, uint64_t now_ms)
{
    uint32_t n = stream->n_bytes + piece->n_bytes;
    if (!stream->buffer || n > stream->max_bytes) {
        stream->max_bytes = n + LINE_MAX_BYTES;
        stream->buffer = realloc(stream->buffer, stream->max_bytes);
        if (!stream->buffer)
            abort();
    }
    if (piece->n_bytes)
        memcpy(stream->buffer + stream->n_bytes, piece->bytes, piece->n_bytes);
    stream->n_bytes = n;
    stream->quiet_ms = now_ms;
    piece->next = NULL;
    *stream->held_end = piece;
    stream->held_end = &piece->next;
    stream->n_held++;
}

static void take(struct pieces *pieces, struct stream *stream, struct piece *piece, uint64_t now_ms)
{
    append(stream, piece, now_ms);
    settle(pieces, stream, stream->n_held >= PIECES_MAX_HELD);
}

/* It was given up: its lines stand alone. */
static void take_late(struct pieces *pieces, struct piece *piece, uint64_t now_ms)
{
    struct stream late = {.held_end = &late.held};
    append(&late, piece, now_ms);
    settle(pieces, &late, true);
    free(late.buffer);
}

static struct piece *unpark(struct stream *stream)
{
    struct piece *piece = stream->parked;
    stream->parked = piece->next;
    if (!stream->parked)
        stream->last_parked = NULL;
    stream->n_parked--;
    stream->n_parked_bytes -= piece->n_bytes;
    return piece;
}

static int32_t compare(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b); /* numbers wrap */
}

/* Those that follow without a gap. */
static void take_parked(struct pieces *pieces, struct stream *stream, uint64_t now_ms)
{
    while (stream->parked && compare(stream->parked->log.piece, stream->number) <= 0) {
        struct piece *piece = unpark(stream);
        if (compare(piece->log.piece, stream->number) < 0) {
            take_late(pieces, piece, now_ms);
            continue;
        }
        stream->number++;
        take(pieces, stream, piece, now_ms);
    }
}

/* What is missing was dropped, or is very late: the line that it would have gone on with ends here. */
static void skip_gap(struct pieces *pieces, struct stream *stream, uint64_t now_ms)
{
    settle(pieces, stream, true);
    stream->number = stream->parked->log.piece;
    take_parked(pieces, stream, now_ms);
}

static void park(struct pieces *pieces, struct stream *stream, struct piece *piece, uint64_t now_ms)
{
    struct piece **at = &stream->parked;
    if (stream->last_parked && compare(stream->last_parked->log.piece, piece->log.piece) <= 0)
        at = &stream->last_parked->next;
    while (*at && compare((*at)->log.piece, piece->log.piece) <= 0)
        at = &(*at)->next;
    piece->next = *at;
    *at = piece;
    if (!piece->next)
        stream->last_parked = piece;
    stream->n_parked++;
    stream->n_parked_bytes += piece->n_bytes;
    while (stream->n_parked > PIECES_MAX || stream->n_parked_bytes > PIECES_MAX_BYTES)
        skip_gap(pieces, stream, now_ms);
}

static struct piece *copy(const struct raw_log *raw, const struct receipt *receipt, uint64_t now_ms)
{
    const struct raw_fact *body = NULL;
    for (uint32_t i = 0; i < raw->n_facts && !body; i++)
        if (raw->facts[i].key == WIRE_LOG_BODY && raw->facts[i].bytes)
            body = &raw->facts[i];
    uint32_t n = body ? body->n_bytes : 0;
    struct piece *piece = calloc(1, sizeof(*piece) + n);
    if (!piece)
        abort();
    piece->log = raw->log;
    piece->mono_to_unix_ns = raw->mono_to_unix_ns;
    piece->instrumentation = raw->instrumentation;
    piece->receipt = *receipt;
    piece->since_ms = now_ms;
    piece->n_bytes = n;
    if (n)
        memcpy(piece->bytes, body->bytes, n);
    return piece;
}

void pieces_add(struct pieces *pieces, const struct raw_log *raw, const struct receipt *receipt,
                uint64_t now_ms)
{
    struct stream *stream = &pieces->streams[raw->log.stream == 2];
    struct piece *piece = copy(raw, receipt, now_ms);
    if (!stream->has_begun && compare(piece->log.piece, stream->number) < 0)
        stream->number = piece->log.piece - 1; /* the numbers wrapped before anybody looked */
    stream->has_begun = true;
    int32_t distance = compare(piece->log.piece, stream->number);
    if (distance > 0) {
        park(pieces, stream, piece, now_ms);
    } else if (distance < 0) {
        take_late(pieces, piece, now_ms);
    } else {
        stream->number++;
        take(pieces, stream, piece, now_ms);
        take_parked(pieces, stream, now_ms);
    }
}

/* ---- time ---- */

static uint32_t left_ms(uint64_t since_ms, uint32_t wait_ms, uint64_t now_ms)
{
    return now_ms >= since_ms + wait_ms ? 0 : (uint32_t)(since_ms + wait_ms - now_ms);
}

/* Until what is held is told as it is. */
static uint32_t held_ms(const struct stream *stream, uint64_t now_ms)
{
    uint32_t quiet = left_ms(stream->quiet_ms, stream->is_joining ? PIECE_JOIN_MS : PIECE_QUIET_MS, now_ms);
    uint32_t age = left_ms(stream->held->since_ms, PIECE_MAX_AGE_MS, now_ms);
    return age < quiet ? age : quiet;
}

static uint32_t look(struct pieces *pieces, struct stream *stream, uint64_t now_ms, bool is_over)
{
    while (stream->parked && (is_over || !left_ms(stream->parked->since_ms, PIECE_GAP_MS, now_ms)))
        skip_gap(pieces, stream, now_ms);
    if (stream->held && (is_over || !held_ms(stream, now_ms)))
        settle(pieces, stream, true);
    uint32_t next = stream->held ? held_ms(stream, now_ms) : PIECE_NEVER;
    uint32_t gap = stream->parked ? left_ms(stream->parked->since_ms, PIECE_GAP_MS, now_ms) : PIECE_NEVER;
    return gap < next ? gap : next;
}

uint32_t pieces_look(struct pieces *pieces, uint64_t now_ms, bool is_over)
{
    uint32_t next = PIECE_NEVER;
    for (uint32_t i = 0; i < N_STREAMS; i++) {
        uint32_t of_stream = look(pieces, &pieces->streams[i], now_ms, is_over);
        next = of_stream < next ? of_stream : next;
    }
    return next;
}

bool pieces_is_idle(const struct pieces *pieces)
{
    for (uint32_t i = 0; i < N_STREAMS; i++)
        if (pieces->streams[i].held || pieces->streams[i].parked)
            return false;
    return true;
}

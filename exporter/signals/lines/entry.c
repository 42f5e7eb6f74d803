/*
 * entry: see entry.h.
 *
 * To a line belong: indented lines behind it; of Python the traceback that was written with it, which goes up to the line that says what
 * was raised, and those that were raised on the way; of Java "Caused by: …"; of PostgreSQL DETAIL, HINT and the like. A line at ERROR or worse waits for them
 * (PIECE_JOIN_MS), any other has those that came with it.
 */
#include "signals/lines/entry.h"

#include "signals/lines/pieces.h"
#include <string.h>

#define TRACEBACK "Traceback (most recent call last):"
#define SEVERE 17u
#define MAX_LOOKED_AT 512u /* of a line, for its level */

/* Lines being read one after the other. */
struct walk {
    const char *bytes;
    uint32_t n_bytes;
    uint32_t at; /* end of what belongs together so far */
    const struct entry_state *state;
    bool is_open; /* a traceback whose last line is yet to come */
    bool has_traceback;
    bool is_chained; /* "During handling of …": another follows */
};

static bool is_indented(char c)
{
    return c == ' ' || c == '\t';
}

static bool begins(const char *line, uint32_t n, const char *word)
{
    size_t n_word = strlen(word);
    return n >= n_word && memcmp(line, word, n_word) == 0;
}

/* A line whose end is not there yet, and whose beginning does not say more. */
static bool may_begin(const char *line, uint32_t n, const char *word)
{
    return n < strlen(word) && memcmp(line, word, n) == 0;
}

static const char *const followers[] = {
    TRACEBACK,
    "During handling of the above exception",
    "The above exception was the direct cause",
    "Caused by: ",
    "DETAIL:  ",
    "HINT:  ",
    "CONTEXT:  ",
    "STATEMENT:  ",
    "LINE ",
};
#define N_FOLLOWERS (sizeof(followers) / sizeof(followers[0]))

/* A traceback is of another error where it was written on its own, and a second one unless the first led to it. */
static bool is_apart(const struct walk *walk)
{
    const struct entry_state *state = walk->state;
    if (walk->has_traceback)
        return !walk->is_chained;
    return state->begins && state->begins(state->context, walk->at);
}

/* Does the line belong to those before it? `has_end`: it is there as a whole. */
static bool belongs(struct walk *walk, const char *line, uint32_t n, bool has_end)
{
    if (n && is_indented(*line))
        return true;
    if (has_end && !n)
        return walk->has_traceback;
    if (walk->is_open && n && *line == '>') /* loguru marks the frame that caught it */
        return true;
    for (size_t i = 0; i < N_FOLLOWERS; i++)
        if (begins(line, n, followers[i]) || (!has_end && may_begin(line, n, followers[i]))) {
            if (i == 0 && is_apart(walk))
                return false;
            walk->is_open |= i == 0;
            walk->has_traceback |= i == 0;
            walk->is_chained = i == 1 || i == 2;
            return true;
        }
    bool was_open = walk->is_open;
    walk->is_open = false;
    return was_open;
}

static bool is_severe(const char *line, uint32_t n)
{
    char clean[MAX_LOOKED_AT];
    size_t n_clean = line_clean(clean, line, n < sizeof(clean) ? n : sizeof(clean));
    return line_severity(clean, n_clean) >= SEVERE;
}

/* False: what follows is not there yet. */
static bool join(struct walk *walk, uint32_t begin, bool *ret_is_joining)
{
    const char *head = walk->bytes + begin;
    uint32_t n_head = walk->at - 1 - begin;
    if (!n_head || is_indented(*head))
        return true;
    walk->is_open = walk->has_traceback = begins(head, n_head, TRACEBACK);
    while (walk->at < walk->n_bytes && walk->at - begin < PIECE_ENTRY_MAX_BYTES) {
        const char *line = walk->bytes + walk->at;
        uint32_t n = walk->n_bytes - walk->at;
        const char *end = memchr(line, '\n', n);
        if (!belongs(walk, line, end ? (uint32_t)(end - line) : n, end != NULL || walk->state->is_over))
            return true;
        if (!end && n > LINE_MAX_BYTES)
            return true; /* it is cut on its own */
        if (!end && !walk->state->is_over)
            return false;
        walk->at += end ? (uint32_t)(end - line) + 1 : n;
    }
    *ret_is_joining = !walk->state->is_over && walk->at - begin < PIECE_ENTRY_MAX_BYTES &&
                      (walk->is_open || walk->has_traceback || is_severe(head, n_head));
    return !*ret_is_joining;
}

/* At most LINE_MAX_BYTES, whole characters where the text is UTF-8. */
static uint32_t cut(const char *line)
{
    uint32_t n = LINE_MAX_BYTES;
    for (uint32_t i = 0; i < 4; i++)
        if (((unsigned char)line[n - i] & 0xc0) != 0x80)
            return n - i;
    return n;
}

static uint32_t without_ends(const char *line, uint32_t n)
{
    while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    return n;
}

bool entry_read(const char *bytes, uint32_t n_bytes, uint32_t at, struct entry_state *state,
                struct entry *ret_entry)
{
    const char *line = bytes + at, *end = memchr(line, '\n', n_bytes - at);
    uint32_t n = end ? (uint32_t)(end - line) : n_bytes - at;
    struct entry entry = {.part = state->part ? state->part + 1 : 0};
    *ret_entry = (struct entry){.end = at};
    if (n > LINE_MAX_BYTES) {
        entry.part = state->part + 1;
        entry.n_bytes = cut(line);
        entry.end = at + entry.n_bytes;
        state->part = entry.part;
        *ret_entry = entry;
        return true;
    }
    if (!end && !state->is_over)
        return false;
    struct walk walk = {bytes, n_bytes, at + n + (end != NULL), state, false, false, false};
    if (end && !entry.part && !join(&walk, at, &ret_entry->is_joining))
        return false;
    state->part = 0;
    entry.end = walk.at;
    entry.n_bytes = without_ends(line, walk.at - at);
    *ret_entry = entry;
    return true;
}

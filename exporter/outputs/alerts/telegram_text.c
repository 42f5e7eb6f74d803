/*
 * telegram_text: see telegram_text.h.
 *
 * Why HTML: three characters are escaped, wherever they stand; the two Markdowns of the Bot API have eighteen, and other ones within code.
 */
#include "outputs/alerts/telegram_text.h"

#include "outputs/alerts/characters.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_URL_BYTES 1000u /* a longer link is only its text */
#define MAX_TAG_BYTES 64u

/* A run, or the newline that a block needs around it. */
struct piece {
    enum rich_style style;
    const char *text;
    size_t bytes;
    const char *url;
    uint64_t unix_s;
};

struct pieces {
    struct piece *items;
    uint32_t n;
};

/* Where in the pieces. */
struct cursor {
    uint32_t piece;
    size_t at;
};

/* What is written; without `bytes` only counted. */
struct output {
    char *bytes;
    size_t n;
};

static void put(struct output *output, const char *text, size_t bytes)
{
    if (output->bytes)
        memcpy(output->bytes + output->n, text, bytes);
    output->n += bytes;
}

static const char *reference_of(char c)
{
    return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
}

/* A quotation mark is escaped only in an attribute's value. */
static void put_escaped(struct output *output, const char *text, size_t bytes, bool is_attribute)
{
    for (size_t at = 0; at < bytes;) {
        size_t n = 0;
        while (at + n < bytes && (!reference_of(text[at + n]) || (text[at + n] == '"' && !is_attribute)))
            n++;
        put(output, text + at, n);
        at += n;
        const char *reference = at < bytes ? reference_of(text[at++]) : NULL;
        if (reference)
            put(output, reference, strlen(reference));
    }
}

/* ---- pieces ---- */

static bool is_block(enum rich_style style)
{
    return style == RICH_PRE || style == RICH_QUOTE;
}

static void add_piece(struct pieces *pieces, const struct rich_run *run)
{
    struct piece *piece = &pieces->items[pieces->n];
    *piece = (struct piece){.style = run->style, .text = run->text, .unix_s = run->unix_s};
    if (run->style == RICH_LINK && (!run->url || strlen(run->url) > MAX_URL_BYTES))
        piece->style = RICH_PLAIN;
    else if (run->style == RICH_LINK)
        piece->url = run->url;
    if (!*piece->text && piece->url)
        piece->text = piece->url;
    piece->bytes = strlen(piece->text);
    pieces->n += piece->bytes > 0;
}

static struct pieces make_pieces(const struct rich_text *rich, struct arena *arena)
{
    static const struct rich_run newline = {.style = RICH_PLAIN, .text = "\n"};
    struct pieces pieces = {.items = arena_alloc(arena, (2 * rich->n + 1) * sizeof(struct piece))};
    for (uint32_t i = 0; i < rich->n; i++) {
        const struct piece *last = pieces.n ? &pieces.items[pieces.n - 1] : NULL;
        bool is_at_line = !last || last->text[last->bytes - 1] == '\n';
        bool needs_line = last && (is_block(rich->runs[i].style) || is_block(last->style));
        if (needs_line && !is_at_line && rich->runs[i].text[0] != '\n')
            add_piece(&pieces, &newline);
        add_piece(&pieces, &rich->runs[i]);
    }
    return pieces;
}

/* ---- markup ---- */

static const char *tag_of(enum rich_style style, bool with_time_tag)
{
    switch (style) {
    case RICH_BOLD:
        return "b";
    case RICH_ITALIC:
        return "i";
    case RICH_CODE:
        return "code";
    case RICH_PRE:
        return "pre";
    case RICH_LINK:
        return "a";
    case RICH_QUOTE:
        return "blockquote";
    case RICH_TIME:
        return with_time_tag ? "tg-time" : NULL;
    case RICH_PLAIN:
        break;
    }
    return NULL;
}

static void put_opening(struct output *output, const struct piece *piece, const char *tag)
{
    char text[MAX_TAG_BYTES];
    if (piece->style == RICH_TIME) {
        int n = snprintf(text, sizeof(text), "<tg-time unix=\"%" PRIu64 "\">", piece->unix_s);
        put(output, text, (size_t)n);
    } else if (piece->style == RICH_LINK) {
        put(output, "<a href=\"", 9);
        put_escaped(output, piece->url, strlen(piece->url), true);
        put(output, "\">", 2);
    } else {
        int n = snprintf(text, sizeof(text), "<%s%s>", tag, piece->style == RICH_QUOTE ? " expandable" : "");
        put(output, text, (size_t)n);
    }
}

static void put_html(struct output *output, const struct piece *piece, const char *text, size_t bytes,
                     bool with_time_tag)
{
    const char *tag = tag_of(piece->style, with_time_tag);
    char closing[MAX_TAG_BYTES];
    if (tag)
        put_opening(output, piece, tag);
    put_escaped(output, text, bytes, false);
    if (tag)
        put(output, closing, (size_t)snprintf(closing, sizeof(closing), "</%s>", tag));
}

/* The URL of a link stands behind its text where there is no markup, unless it is the text. */
static bool has_url_behind(const struct piece *piece)
{
    return piece->url && piece->text != piece->url && strcmp(piece->text, piece->url) != 0;
}

static void put_plain(struct output *output, const struct piece *piece, const char *text, size_t bytes)
{
    put(output, text, bytes);
    if (has_url_behind(piece) && text + bytes == piece->text + piece->bytes) {
        put(output, " (", 2);
        put(output, piece->url, strlen(piece->url));
        put(output, ")", 1);
    }
}

/* ---- parts ---- */

/* What a part costs so far, and where it may end. */
struct measure {
    size_t units, raw_bytes;
    struct cursor line_end, word_end, character_end;
    size_t line_units, word_units; /* 0: there is no such end */
};

/* What a piece costs before its first character; both forms are counted, the cuts are theirs together. */
static void add_piece_cost(struct measure *measure, const struct piece *piece)
{
    struct output markup = {.n = 0};
    put_html(&markup, piece, "", 0, true);
    measure->raw_bytes += markup.n;
    if (has_url_behind(piece)) {
        measure->units += rich_utf16_units(piece->url) + 3;
        measure->raw_bytes += strlen(piece->url) + 3;
    }
}

/* The character there, of `bytes`, fits; it is behind it then. */
static bool take_character(struct measure *measure, struct cursor *cursor, const struct piece *piece)
{
    uint32_t c;
    const char *text = piece->text + cursor->at;
    size_t bytes = character_decode(text, piece->bytes - cursor->at, &c);
    const char *reference = reference_of(*text);
    size_t units = c > 0xffff ? 2 : 1, raw_bytes = reference ? strlen(reference) : bytes;
    if (!character_joins(c))
        measure->character_end = *cursor;
    if (measure->units + units > TELEGRAM_MAX_UNITS ||
        measure->raw_bytes + raw_bytes > TELEGRAM_MAX_RAW_BYTES)
        return false;
    measure->units += units;
    measure->raw_bytes += raw_bytes;
    cursor->at += bytes;
    if (c == '\n') {
        measure->line_end = *cursor;
        measure->line_units = measure->units;
    } else if (c == ' ') {
        measure->word_end = *cursor;
        measure->word_units = measure->units;
    }
    return true;
}

static bool is_behind(struct cursor one, struct cursor other)
{
    return one.piece > other.piece || (one.piece == other.piece && one.at > other.at);
}

/* The part that begins at `from` ends at the last line that fits; where that is far away, at the last word or character. */
static struct cursor find_end(const struct pieces *pieces, struct cursor from)
{
    struct measure measure = {.character_end = from};
    struct cursor cursor = from;
    while (cursor.piece < pieces->n) {
        const struct piece *piece = &pieces->items[cursor.piece];
        if (cursor.at == piece->bytes) {
            cursor = (struct cursor){.piece = cursor.piece + 1};
            continue;
        }
        if (cursor.at == 0 || (cursor.piece == from.piece && cursor.at == from.at))
            add_piece_cost(&measure, piece);
        while (cursor.at < piece->bytes)
            if (!take_character(&measure, &cursor, piece))
                goto full;
    }
    return cursor;
full:
    if (measure.line_units > measure.units / 3)
        return measure.line_end;
    if (measure.word_units > measure.units / 3)
        return measure.word_end;
    return is_behind(measure.character_end, from) ? measure.character_end : cursor;
}

static void put_range(struct output *output, const struct pieces *pieces, struct cursor from,
                      struct cursor end, bool as_html, bool with_time_tag)
{
    for (struct cursor at = from; is_behind(end, at) && at.piece < pieces->n; at.piece++, at.at = 0) {
        const struct piece *piece = &pieces->items[at.piece];
        size_t last = at.piece == end.piece ? end.at : piece->bytes;
        if (last == at.at)
            continue;
        if (as_html)
            put_html(output, piece, piece->text + at.at, last - at.at, with_time_tag);
        else
            put_plain(output, piece, piece->text + at.at, last - at.at);
    }
}

static const char *print_range(const struct pieces *pieces, struct cursor from, struct cursor end,
                               bool as_html, bool with_time_tag, struct arena *arena)
{
    struct output output = {.n = 0};
    put_range(&output, pieces, from, end, as_html, with_time_tag);
    size_t bytes = output.n;
    output = (struct output){.bytes = arena_alloc(arena, bytes + 1)};
    put_range(&output, pieces, from, end, as_html, with_time_tag);
    assert(output.n == bytes);
    output.bytes[bytes] = 0;
    return output.bytes;
}

static bool has_time(const struct pieces *pieces, struct cursor from, struct cursor end)
{
    for (uint32_t i = from.piece; i < pieces->n && i <= end.piece; i++)
        if (pieces->items[i].style == RICH_TIME)
            return true;
    return false;
}

/* The server trims what it takes, and refuses what is nothing then. */
static bool is_visible(const struct pieces *pieces, struct cursor from, struct cursor end)
{
    for (struct cursor at = from; is_behind(end, at) && at.piece < pieces->n; at.piece++, at.at = 0) {
        const struct piece *piece = &pieces->items[at.piece];
        size_t last = at.piece == end.piece ? end.at : piece->bytes;
        if (characters_are_visible(piece->text + at.at, last - at.at))
            return true;
    }
    return false;
}

static void add_part(struct telegram_text *text, uint32_t *max_parts, const struct telegram_part *part,
                     struct arena *arena)
{
    if (text->n_parts == *max_parts) {
        *max_parts = *max_parts ? 2 * *max_parts : 4;
        struct telegram_part *parts = arena_alloc(arena, *max_parts * sizeof(*parts));
        if (text->n_parts)
            memcpy(parts, text->parts, text->n_parts * sizeof(*parts));
        text->parts = parts;
    }
    text->parts[text->n_parts++] = *part;
}

void telegram_text_make(struct telegram_text *ret_text, const struct rich_text *rich, bool with_time_tag,
                        struct arena *arena)
{
    struct pieces pieces = make_pieces(rich, arena);
    uint32_t max_parts = 0;
    *ret_text = (struct telegram_text){.n_parts = 0};
    for (struct cursor from = {0}, end; from.piece < pieces.n; from = end) {
        end = find_end(&pieces, from);
        if (!is_visible(&pieces, from, end))
            continue;
        struct telegram_part part = {
            .html = print_range(&pieces, from, end, true, with_time_tag, arena),
            .plain = print_range(&pieces, from, end, false, with_time_tag, arena),
            .has_time_tag = with_time_tag && has_time(&pieces, from, end),
        };
        add_part(ret_text, &max_parts, &part, arena);
    }
    if (!ret_text->n_parts)
        add_part(ret_text, &max_parts,
                 &(struct telegram_part){.html = "(empty message)", .plain = "(empty message)"}, arena);
}

const char *telegram_text_title(const struct rich_text *rich, uint32_t max_units, struct arena *arena)
{
    const char *line = rich_print_plain(rich, arena);
    size_t bytes = strcspn(line, "\n");
    while (line[bytes] && !characters_are_visible(line, bytes)) {
        line += bytes + 1;
        bytes = strcspn(line, "\n");
    }
    if (!characters_are_visible(line, bytes))
        return "(empty message)";
    return characters_cut(line, bytes, max_units, arena);
}

/*
 * marked_text: see marked_text.h.
 *
 * Slack ("Formatting text for app surfaces"): & < > are references, nothing else can be escaped. Discord: a backslash before any mark. Within
 * code neither has a way to write a backtick: another character that looks like it stands there.
 */
#include "outputs/alerts/marked_text.h"

#include "outputs/alerts/characters.h"
#include <string.h>

#define MAX_URL_BYTES 500u
#define BACKTICK_ALIKE "\u02cb"

/* What stands around a run. */
struct frame {
    const char *begin, *end;
};

struct output {
    char *bytes; /* 3 bytes a unit at most */
    size_t n, units, max_units;
    enum markup markup;
    bool is_full;
};

static void put(struct output *output, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(output->bytes + output->n, text, bytes);
    output->n += bytes;
    output->units += rich_utf16_units(text);
}

static bool has_room(const struct output *output, size_t units)
{
    return output->units + units < output->max_units; /* one is the ellipsis's */
}

static bool is_code(enum rich_style style)
{
    return style == RICH_CODE || style == RICH_PRE;
}

/* How one character is written; NULL: as it is. */
static const char *escape_of(enum markup markup, enum rich_style style, char c)
{
    static const char *const backslashed[] = {"\\\\", "\\*", "\\_", "\\~", "\\`", "\\|", "\\>",
                                              "\\<",  "\\#", "\\[", "\\]", "\\(", "\\)"};
    if (is_code(style) && c == '`')
        return BACKTICK_ALIKE;
    if (markup == MARKUP_SLACK)
        return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
    if (is_code(style))
        return NULL;
    for (size_t i = 0; i < sizeof(backslashed) / sizeof(backslashed[0]); i++)
        if (backslashed[i][1] == c)
            return backslashed[i];
    return NULL;
}

static struct frame frame_of(enum markup markup, const struct rich_run *run)
{
    bool has_lines = strchr(run->text, '\n') != NULL; /* marks do not reach over the end of a line */
    switch (run->style) {
    case RICH_BOLD:
        return has_lines                ? (struct frame){"", ""}
               : markup == MARKUP_SLACK ? (struct frame){"*", "*"}
                                        : (struct frame){"**", "**"};
    case RICH_ITALIC:
        return has_lines ? (struct frame){"", ""} : (struct frame){"_", "_"};
    case RICH_CODE:
        return has_lines ? (struct frame){"", ""} : (struct frame){"`", "`"};
    case RICH_PRE:
        return (struct frame){"```\n", "\n```"};
    case RICH_QUOTE:
        return (struct frame){"> ", ""};
    case RICH_PLAIN:
    case RICH_LINK:
    case RICH_TIME:
        break;
    }
    return (struct frame){"", ""};
}

static bool is_url(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

/* The text of a run, up to where the room ends but for `reserved` units. */
static void put_text(struct output *output, enum rich_style style, const char *text, size_t reserved)
{
    size_t bytes = strlen(text), url_bytes = 0;
    for (size_t at = 0; at < bytes;) {
        uint32_t c;
        char character[5] = "";
        size_t n = character_decode(text + at, bytes - at, &c);
        memcpy(character, text + at, n);
        if (!url_bytes && style == RICH_PLAIN && strncmp(text + at, "http", 4) == 0 &&
            strstr(text + at, "://"))
            url_bytes = strcspn(text + at, " \n<>"); /* a backslash would be part of it */
        const char *escape =
            url_bytes && output->markup == MARKUP_DISCORD ? NULL : escape_of(output->markup, style, text[at]);
        const char *written = style == RICH_QUOTE && c == '\n' ? "\n> " : escape ? escape : character;
        if (!has_room(output, rich_utf16_units(written) + reserved)) {
            output->is_full = true;
            return;
        }
        put(output, written);
        url_bytes -= url_bytes < n ? url_bytes : n;
        at += n;
    }
}

static bool is_linkable(const char *url)
{
    return url && strlen(url) <= MAX_URL_BYTES && is_url(url) && !url[strcspn(url, " \n<>|")];
}

/* Slack: <URL|text>; Discord: [text](<URL>). */
static void put_link(struct output *output, const struct rich_run *run)
{
    const char *text = *run->text ? run->text : run->url;
    if (!is_linkable(run->url) || !has_room(output, 5 * strlen(run->url) + 10)) {
        put_text(output, RICH_PLAIN, text ? text : "", 0);
    } else if (output->markup == MARKUP_SLACK) {
        put(output, "<");
        put_text(output, RICH_LINK, run->url, 3);
        put(output, "|");
        put_text(output, RICH_LINK, text, 1);
        put(output, ">");
    } else {
        put(output, "[");
        put_text(output, RICH_LINK, text, strlen(run->url) + 5);
        put(output, "](<");
        put(output, run->url);
        put(output, ">)");
    }
}

static bool is_block(enum rich_style style)
{
    return style == RICH_PRE || style == RICH_QUOTE;
}

/* Blocks begin and end a line. */
static void put_line_end(struct output *output, const struct rich_run *before, const struct rich_run *run)
{
    bool is_at_line = !output->n || output->bytes[output->n - 1] == '\n';
    if ((is_block(before->style) || is_block(run->style)) && !is_at_line && run->text[0] != '\n' &&
        has_room(output, 1))
        put(output, "\n");
}

static void put_run(struct output *output, const struct rich_run *run)
{
    struct frame frame = frame_of(output->markup, run);
    if (run->style == RICH_LINK) {
        put_link(output, run);
        return;
    }
    if (!has_room(output, strlen(frame.begin) + strlen(frame.end) + 2)) {
        output->is_full = true;
        return;
    }
    put(output, frame.begin);
    put_text(output, run->style, run->text, strlen(frame.end));
    put(output, frame.end);
}

const char *marked_text_print(const struct rich_text *rich, enum markup markup, uint32_t max_units,
                              struct arena *arena)
{
    struct output output = {
        .bytes = arena_alloc(arena, 3 * (size_t)max_units + 8), .max_units = max_units, .markup = markup};
    bool is_visible = false;
    for (uint32_t i = 0; i < rich->n && !output.is_full; i++) {
        if (!rich->runs[i].text[0] && !rich->runs[i].url)
            continue;
        if (i)
            put_line_end(&output, &rich->runs[i - 1], &rich->runs[i]);
        put_run(&output, &rich->runs[i]);
        is_visible = is_visible || characters_are_visible(rich->runs[i].text, strlen(rich->runs[i].text));
    }
    if (!is_visible)
        return "(empty message)";
    if (output.is_full)
        put(&output, "…");
    output.bytes[output.n] = 0;
    return output.bytes;
}

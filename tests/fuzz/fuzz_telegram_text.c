/*
 * fuzz_telegram_text: whatever a message is made of, its HTML is what the server's parser takes, and shows what its plain form shows; Slack's
 * and Discord's forms keep their lengths.
 *
 * First byte: bit 0: time tags; the rest are runs: style, one byte; length, two bytes; then text, of a link the URL behind a \x01.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "outputs/alerts/marked_text.h"
#include "outputs/alerts/telegram_text.h"

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

/* Bytes of the tag at `at`, which must be one that we write; `tag` is open before it, and NULL behind an end. */
static size_t check_tag(const char *at, const char **tag)
{
    static const char *const tags[] = {"b", "i", "code", "pre", "a", "blockquote", "tg-time"};
    if (at[1] == '/') {
        size_t n = strlen(*tag ? *tag : "");
        require(*tag && strncmp(at + 2, *tag, n) == 0 && at[2 + n] == '>');
        *tag = NULL;
        return n + 3;
    }
    require(!*tag); /* never one within another */
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        size_t n = strlen(tags[i]);
        const char *end = strchr(at, '>');
        if (end && strncmp(at + 1, tags[i], n) == 0 && (at[1 + n] == '>' || at[1 + n] == ' ')) {
            *tag = tags[i];
            return (size_t)(end + 1 - at);
        }
    }
    abort();
}

/* Without markup, into `out`. */
static void check_html(const char *html, char *out)
{
    static const struct {
        const char *reference;
        char c;
    } references[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
    const char *tag = NULL;
    for (const char *at = html; *at;) {
        require(*at != '>');
        if (*at == '<') {
            at += check_tag(at, &tag);
        } else if (*at == '&') {
            size_t i = 0;
            while (i < 3 && strncmp(at, references[i].reference, strlen(references[i].reference)) != 0)
                i++;
            require(i < 3);
            *out++ = references[i].c;
            at += strlen(references[i].reference);
        } else {
            *out++ = *at++;
        }
    }
    require(!tag);
    *out = 0;
}

static bool has_links;

static void add_runs(struct rich_text *rich, const uint8_t *data, size_t size)
{
    while (size > 3) {
        enum rich_style style = (enum rich_style)(data[0] % 8);
        size_t bytes = (size_t)(data[1] | data[2] << 8);
        data += 3;
        size -= 3;
        bytes = bytes < size ? bytes : size;
        char *text = arena_copy(rich->arena, data, bytes), *url = strchr(text, 1);
        if (style == RICH_LINK) {
            if (url)
                *url++ = 0;
            rich_add_link(rich, text, url ? url : text);
            has_links = true;
        } else if (style == RICH_TIME) {
            rich_add_time(rich, text, bytes * 0x123456789u);
        } else {
            rich_add(rich, style, text);
        }
        data += bytes;
        size -= bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct rich_text rich = {.arena = &arena};
    struct telegram_text text;
    if (!size)
        return 0;
    has_links = false;
    add_runs(&rich, data + 1, size - 1);
    telegram_text_make(&text, &rich, data[0] & 1, &arena);
    require(text.n_parts > 0);
    for (uint32_t i = 0; i < text.n_parts; i++) {
        const char *html = text.parts[i].html, *plain = text.parts[i].plain;
        size_t bytes = strlen(html);
        char *shown = arena_alloc(&arena, bytes + 1);
        require(*plain && bytes <= 32768 && rich_utf16_units(plain) <= TELEGRAM_MAX_UNITS + 1);
        require(utf8_valid_bytes(html, bytes) == bytes);
        check_html(html, shown);
        require(has_links || strcmp(shown, plain) == 0);
    }
    for (uint32_t max = 2; max < 4000; max = max * 3 + 1)
        for (enum markup markup = MARKUP_SLACK; markup <= MARKUP_DISCORD; markup++) {
            const char *marked = marked_text_print(&rich, markup, max, &arena);
            require(rich_utf16_units(marked) <= (max < 15 ? 15 : max));
            require(utf8_valid_bytes(marked, strlen(marked)) == strlen(marked));
        }
    require(*telegram_text_title(&rich, 20, &arena) != 0);
    arena_fini(&arena);
    return 0;
}

/* characters: see characters.h. */
#include "outputs/alerts/characters.h"

#include "base/utf8.h"
#include <string.h>

struct range {
    uint32_t first, last;
};

/* What Telegram cuts out or takes for a blank (td's misc.cpp names most), and what else shows nothing by its nature. */
static const struct range invisible[] = {
    {0x00, 0x20},     {0x7f, 0xa0},     {0xad, 0xad},     {0x30a, 0x30a},     {0x333, 0x333},
    {0x33f, 0x33f},   {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},   {0x1680, 0x1680},
    {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f},   {0x205f, 0x206f},
    {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0}, {0xfff0, 0xfffc}, {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static const struct range joining[] = {
    {0x300, 0x36f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},   {0x200d, 0x200d},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0x1f3fb, 0x1f3ff}, {0xe0020, 0xe01ef},
};

/* `ranges` are in order. */
static bool is_in(uint32_t c, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n && ranges[i].first <= c; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

size_t character_decode(const char *text, size_t bytes, uint32_t *ret_character)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = at[0] < 0xc0 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));
    if (n > bytes || (n == 1 && c >= 0x80)) {
        *ret_character = 0xfffd;
        return 1;
    }
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (at[i] & 0x3f);
    *ret_character = c;
    return n;
}

bool character_joins(uint32_t c)
{
    return is_in(c, joining, sizeof(joining) / sizeof(joining[0]));
}

bool characters_are_visible(const char *text, size_t bytes)
{
    uint32_t c;
    for (size_t at = 0; at < bytes;) {
        at += character_decode(text + at, bytes - at, &c);
        if (!is_in(c, invisible, sizeof(invisible) / sizeof(invisible[0])))
            return true;
    }
    return false;
}

const char *characters_cut(const char *text, size_t bytes, size_t max_units, struct arena *arena)
{
    size_t units = 0, end = 0;
    uint32_t c;
    for (size_t at = 0; at < bytes;) {
        size_t n = character_decode(text + at, bytes - at, &c);
        if (units + 1 <= max_units && !character_joins(c))
            end = at; /* up to here there is room for the ellipsis */
        units += c > 0xffff ? 2 : 1;
        at += n;
        if (units > max_units) {
            char *cut = arena_alloc(arena, end + sizeof("…"));
            memcpy(cut, text, end);
            memcpy(cut + end, "…", sizeof("…"));
            return cut;
        }
    }
    return arena_copy(arena, text, bytes);
}

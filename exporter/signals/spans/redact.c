#include "signals/spans/redact.h"

size_t redact_cut(const char *text, size_t used)
{
    for (size_t back = 1; back <= 3 && back <= used; back++) {
        uint8_t byte = (uint8_t)text[used - back];
        if ((byte & 0xc0u) == 0x80u)
            continue;
        size_t needed = byte >= 0xf0u ? 4 : byte >= 0xe0u ? 3 : byte >= 0xc0u ? 2 : 1;
        return needed > back ? used - back : used;
    }
    return used;
}

size_t redact_end(struct redact_writer *writer, bool source_is_cut)
{
    if (!writer->is_full && !source_is_cut)
        return writer->used;
    size_t mark_bytes = writer->max >= REDACT_MARK_BYTES ? REDACT_MARK_BYTES : 0;
    if (writer->used > writer->max - mark_bytes)
        writer->used = writer->max - mark_bytes;
    writer->used = redact_cut(writer->out, writer->used);
    if (mark_bytes)
        memcpy(writer->out + writer->used, REDACT_MARK, mark_bytes);
    return writer->used += mark_bytes;
}

void redact_put_printable(struct redact_writer *writer, const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes && !writer->is_full; i++) {
        char byte = bytes[i];
        if ((uint8_t)byte < 0x20 || byte == 0x7f)
            byte = ' ';
        redact_put_char(writer, byte);
    }
}

size_t redact_utf8_length(const char *bytes, size_t n_bytes)
{
    const uint8_t *at = (const uint8_t *)bytes;
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > n_bytes)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0u) != 0x80u)
            return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    bool is_bad = (first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
                  (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f);
    return is_bad ? 0 : length;
}

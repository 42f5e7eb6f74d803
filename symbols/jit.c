/*
 * jit: names of code that was made at run time, from the text of /tmp/perf-PID.map: "<start> <size> <name>", in hexadecimal.
 */
#include "symbols_priv.h"

#include <string.h>

static bool take_hex(const char **at, const char *end, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *p = *at;
    if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        p += 2;
    const char *first = p;
    for (; p < end && *p != ' '; p++) {
        int c = *p | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || number >> 60)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    if (p == first || p == end)
        return false;
    *at = p + 1;
    *ret_number = number;
    return true;
}

const char *jit_name(struct symbols *symbols, uint64_t address)
{
    const char *line = symbols->input->perf_map, *next, *found = NULL;
    size_t found_bytes = 0;
    if (!line)
        return NULL;
    for (const char *end = line + symbols->input->perf_map_bytes; line < end; line = next) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line)), *at = line;
        uint64_t start, size;
        line_end = line_end ? line_end : end;
        next = line_end + (line_end < end);
        if (take_hex(&at, line_end, &start) && take_hex(&at, line_end, &size) && address >= start &&
            address - start < size) {
            found = at; /* the last one counts: code is thrown away and written over */
            found_bytes = (size_t)(line_end - at);
        }
    }
    return found ? pool_copy(&symbols->pool, found, found_bytes) : NULL;
}

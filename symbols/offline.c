/*
 * offline: addresses of files, for frames of reports whose process is long gone (`otelshim symbolize`).
 *
 * Each file has a dwfl of its own, as offsets of different files are the same addresses.
 */
#include "symbols_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Half a byte at its end is not one. */
static uint32_t parse_build_id(const char *text, uint8_t bytes[BUILD_ID_MAX])
{
    uint32_t n = 0;
    for (; n < BUILD_ID_MAX && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); n++) {
        const char byte[] = {text[0], text[1], 0};
        bytes[n] = (uint8_t)strtoul(byte, NULL, 16);
        text += 2;
    }
    return n;
}

static struct offline *open_offline(struct symbols *symbols, const char *path, const char *build_id)
{
    struct offline *offline = pool_alloc(&symbols->pool, sizeof(*offline));
    uint8_t id[BUILD_ID_MAX];
    if (!offline)
        return NULL;
    offline->object.path = pool_copy(&symbols->pool, path, strlen(path));
    if (build_id)
        object_set_build_id(symbols, &offline->object, id, parse_build_id(build_id, id));
    offline->dwfl = dwfl_begin(&symbols->callbacks);
    if (!offline->object.path || !offline->dwfl)
        return NULL;
    offline->next = symbols->offline;
    symbols->offline = offline;
    dwfl_report_begin(offline->dwfl);
    if (path[0] == '/')
        object_report(symbols, &offline->object, offline->dwfl);
    dwfl_report_end(offline->dwfl, NULL, NULL);
    return offline;
}

void offline_fini(struct symbols *symbols)
{
    for (struct offline *offline = symbols->offline; offline; offline = offline->next)
        dwfl_end(offline->dwfl);
}

const struct symbols_stack *symbols_name_offset(struct symbols *symbols, const char *path,
                                                const char *build_id, uint64_t offset)
{
    static const struct symbols_stack nothing = {.unwinder = "none"};
    struct symbols_stack *stack = pool_alloc(&symbols->pool, sizeof(*stack));
    struct offline *offline = symbols->offline;
    struct naming naming = {0};
    while (offline && (strcmp(offline->object.path, path) != 0 ||
                       (build_id && (!offline->object.build_id_text ||
                                     strcmp(offline->object.build_id_text, build_id) != 0))))
        offline = offline->next;
    if (!offline)
        offline = open_offline(symbols, path, build_id);
    if (!stack || !offline)
        return &nothing;
    names_of_object(symbols, &naming, &offline->object, offset, offset);
    *stack = (struct symbols_stack){.frames = naming.frames, .n_frames = naming.n, .unwinder = "none"};
    return stack;
}

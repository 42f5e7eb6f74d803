/*
 * maps: lists of mappings: out of the text of /proc/PID/maps, and out of the loader's list.
 *
 *   7f1c2a200000-7f1c2a228000 r--p 00000000 fe:01 1835                       /usr/lib/x86_64-linux-gnu/libc.so.6
 *
 * A path reaches to the end of its line and may hold spaces; the kernel writes a line feed in it as \012. Hostile: whatever is not
 * such a line is skipped.
 */
#include "symbols_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct symbols_module *append(struct symbols_modules *modules)
{
    if (modules->n >= SYMBOLS_MAX_MODULES)
        return NULL;
    if (modules->n == modules->max) {
        uint32_t max = modules->max ? 2 * modules->max : 64;
        struct symbols_module *items = realloc(modules->items, max * sizeof(*items));
        if (!items)
            return NULL;
        modules->items = items;
        modules->max = max;
    }
    struct symbols_module *module = &modules->items[modules->n++];
    *module = (struct symbols_module){.path = "", .bias = UNKNOWN};
    return module;
}

static void *keep(struct symbols_modules *modules, const void *bytes, size_t n_bytes)
{
    struct pool pool = {modules->texts};
    void *copy = pool_copy(&pool, bytes, n_bytes);
    modules->texts = pool.first;
    return copy;
}

/* A number of that base, and the byte behind it; false where there is none. */
static bool take_number(const char **at, const char *end, char behind, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *p = *at;
    for (; p < end && *p != behind; p++) {
        int digit = *p >= '0' && *p <= '9' ? *p - '0' : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10 : -1;
        if (digit < 0 || number >> 60)
            return false;
        number = number << 4 | (uint64_t)digit;
    }
    if (p == end || p == *at)
        return false;
    *at = p + 1;
    *ret_number = number;
    return true;
}

static const char *skip_word(const char *at, const char *end)
{
    while (at < end && *at != ' ')
        at++;
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* False: not such a line. */
static bool parse_line(const char *at, const char *end, struct symbols_module *module, const char **ret_path)
{
    *module = (struct symbols_module){.path = "", .bias = UNKNOWN};
    if (!take_number(&at, end, '-', &module->low) || !take_number(&at, end, ' ', &module->high) ||
        module->low >= module->high || end - at < 5)
        return false;
    module->is_readable = at[0] == 'r';
    module->is_writable = at[1] == 'w';
    module->is_executable = at[2] == 'x';
    at = skip_word(at, end);
    if (!take_number(&at, end, ' ', &module->file_offset))
        return false;
    at = skip_word(at, end); /* device */
    *ret_path = skip_word(at, end);
    return true;
}

int symbols_parse_maps(const char *text, size_t bytes, struct symbols_modules *ret_modules)
{
    const char *end = text + bytes, *previous = NULL;
    size_t previous_bytes = 0;
    *ret_modules = (struct symbols_modules){0};
    for (const char *line = text, *next; line < end && ret_modules->n < SYMBOLS_MAX_MODULES; line = next) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line)), *path;
        struct symbols_module parsed, *module;
        line_end = line_end ? line_end : end;
        next = line_end + (line_end < end);
        if (!parse_line(line, line_end, &parsed, &path))
            continue;
        module = append(ret_modules);
        if (!module)
            goto fail;
        *module = parsed;
        if (path == line_end)
            continue;
        if (!previous || previous_bytes != (size_t)(line_end - path) ||
            memcmp(previous, path, previous_bytes) != 0) {
            previous_bytes = (size_t)(line_end - path);
            previous = keep(ret_modules, path, previous_bytes);
            if (!previous)
                goto fail;
        }
        module->path = previous; /* the mappings of one file mostly follow each other */
    }
    return 0;
fail:
    symbols_modules_fini(ret_modules);
    return -ENOMEM;
}

int symbols_add_object(struct symbols_modules *modules, const struct symbols_module *object)
{
    const uint8_t *build_id = NULL;
    bool is_there = false;
    if (object->n_build_id && object->n_build_id <= BUILD_ID_MAX) {
        build_id = keep(modules, object->build_id, object->n_build_id);
        if (!build_id)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < modules->n; i++) {
        struct symbols_module *module = &modules->items[i];
        if (module->low < object->low || module->high > object->high || !module->path[0])
            continue;
        module->bias = object->bias;
        module->build_id = build_id;
        module->n_build_id = build_id ? object->n_build_id : 0;
        is_there = true;
    }
    if (is_there || object->low >= object->high)
        return 0;
    const char *path = keep(modules, object->path, strlen(object->path));
    struct symbols_module *module = append(modules);
    if (!path || !module)
        return -ENOMEM;
    *module = *object;
    module->path = path;
    module->build_id = build_id;
    module->n_build_id = build_id ? object->n_build_id : 0;
    module->is_readable = module->is_executable = true;
    return 0;
}

void symbols_modules_fini(struct symbols_modules *modules)
{
    struct pool pool = {modules->texts};
    free(modules->items);
    pool_fini(&pool);
    *modules = (struct symbols_modules){0};
}

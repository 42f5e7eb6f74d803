/* modules: see modules.h. */
#include "signals/crash/modules.h"

#include <stdlib.h>
#include <string.h>

/* The next of the loader's list; false at the end, or where a length lies. */
static bool next_loaded(const struct crash_case *crash, size_t *at, struct wire_module *ret_module,
                        const char **ret_path)
{
    size_t left = crash->modules ? crash->modules_bytes - *at : 0;
    if (left < sizeof(*ret_module))
        return false;
    memcpy(ret_module, crash->modules + *at, sizeof(*ret_module));
    if (ret_module->bytes < sizeof(*ret_module) || ret_module->bytes > left || ret_module->bytes % 8 ||
        ret_module->path_bytes > ret_module->bytes - sizeof(*ret_module) ||
        ret_module->build_id_bytes > sizeof(ret_module->build_id))
        return false;
    *ret_path = (const char *)crash->modules + *at + sizeof(*ret_module);
    *at += ret_module->bytes;
    return true;
}

static void add_loaded(struct crash_modules *modules, const struct wire_module *loaded, const char *path)
{
    struct symbols_module object = {
        .low = loaded->low,
        .high = loaded->high,
        .bias = loaded->bias,
        .path = path,
        .build_id = loaded->build_id,
        .n_build_id = loaded->build_id_bytes,
    };
    symbols_add_object(&modules->list, &object); /* out of memory: one object less */
}

void crash_modules_make(const struct crash_case *crash, struct crash_modules *ret_modules)
{
    struct wire_module loaded;
    const char *path;
    *ret_modules = (struct crash_modules){.has_rights = false};
    if (crash->maps && symbols_parse_maps(crash->maps, strlen(crash->maps), &ret_modules->list) == 0)
        ret_modules->has_rights = ret_modules->list.n > 0;
    bool is_first = true;
    for (size_t at = 0; next_loaded(crash, &at, &loaded, &path); is_first = false) {
        char *name = strndup(path, loaded.path_bytes);
        if (!name)
            return;
        const char *nameless = is_first && crash->exe ? crash->exe : "[vdso]";
        add_loaded(ret_modules, &loaded, *name ? name : nameless);
        free(name);
    }
}

void crash_modules_fini(struct crash_modules *modules)
{
    symbols_modules_fini(&modules->list);
}

/* ---- looking ---- */

const struct symbols_module *crash_modules_find(const struct crash_modules *modules, uint64_t address)
{
    for (uint32_t i = 0; i < modules->list.n; i++)
        if (address >= modules->list.items[i].low && address < modules->list.items[i].high)
            return &modules->list.items[i];
    return NULL;
}

const struct symbols_module *crash_modules_above(const struct crash_modules *modules, uint64_t address)
{
    const struct symbols_module *nearest = NULL;
    for (uint32_t i = 0; i < modules->list.n; i++) {
        const struct symbols_module *each = &modules->list.items[i];
        if (each->low > address && (!nearest || each->low < nearest->low))
            nearest = each;
    }
    return nearest;
}

const struct symbols_module *crash_modules_below(const struct crash_modules *modules, uint64_t address)
{
    const struct symbols_module *nearest = NULL;
    for (uint32_t i = 0; i < modules->list.n; i++) {
        const struct symbols_module *each = &modules->list.items[i];
        if (each->high <= address && (!nearest || each->high > nearest->high))
            nearest = each;
    }
    return nearest;
}

uint64_t crash_modules_offset(const struct symbols_module *module, uint64_t address)
{
    return module->bias != UINT64_MAX ? address - module->bias : address - module->low + module->file_offset;
}

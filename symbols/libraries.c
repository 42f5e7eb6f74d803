/* libraries: see libraries.h. */
#include "libraries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CACHE "/etc/ld.so.cache"
#define CACHE_MAX_BYTES (16u << 20)
#if defined(__aarch64__)
#define LIBRARIES_TRIPLET "aarch64-linux-gnu"
#else
#define LIBRARIES_TRIPLET "x86_64-linux-gnu"
#endif
#define CACHE_MAGIC "glibc-ld.so.cache1.1"

struct cache_header {
    char magic[20];
    uint32_t n_libraries, n_strings;
    uint8_t flags, reserved[3];
    uint32_t extension;
    uint32_t unused[3];
};
struct cache_entry {
    int32_t flags;
    uint32_t name, path; /* from the beginning of the header */
    uint32_t os_version;
    uint64_t capabilities;
};

static bool text_at(const char *bytes, size_t n_bytes, uint32_t at, const char **ret_text)
{
    if (at >= n_bytes || !memchr(bytes + at, 0, n_bytes - at))
        return false;
    *ret_text = bytes + at;
    return true;
}

static bool is_usable(const char *path)
{
    struct elf_file elf;
    if (elf_file_open(&elf, path) != 0)
        return false;
    bool is_native = elf_file_is_native(&elf);
    elf_file_close(&elf);
    return is_native;
}

bool libraries_look_up(const void *cache, size_t n_bytes, const char *name, char ret_path[PATH_MAX])
{
    struct cache_header header;
    const char *bytes = cache;
    if (n_bytes < sizeof(header))
        return false;
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.magic, CACHE_MAGIC, sizeof(header.magic)) != 0)
        return false;
    for (uint32_t i = 0; i < header.n_libraries; i++) {
        struct cache_entry entry;
        size_t at = sizeof(header) + (size_t)i * sizeof(entry);
        if (at + sizeof(entry) > n_bytes)
            return false;
        memcpy(&entry, bytes + at, sizeof(entry));
        const char *entry_name, *path;
        if (text_at(bytes, n_bytes, entry.name, &entry_name) && text_at(bytes, n_bytes, entry.path, &path) &&
            strcmp(entry_name, name) == 0 && strlen(path) < PATH_MAX && is_usable(path)) {
            snprintf(ret_path, PATH_MAX, "%s", path);
            return true;
        }
    }
    return false;
}

/* ---- one search ---- */

static struct {
    char *bytes;
    size_t n_bytes;
} cache;

static void load_cache(void)
{
    FILE *file = cache.bytes ? NULL : fopen(CACHE, "re");
    if (!file)
        return;
    cache.bytes = malloc(CACHE_MAX_BYTES);
    cache.n_bytes = cache.bytes ? fread(cache.bytes, 1, CACHE_MAX_BYTES, file) : 0;
    fclose(file);
}

/* `directory` with $ORIGIN replaced, then "/name". */
static bool try_directory(const char *directory, size_t n, const char *origin, const char *name,
                          char ret_path[PATH_MAX])
{
    static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};
    char path[PATH_MAX];
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof(path);) {
        size_t skipped = 0;
        for (size_t k = 0; k < 2 && !skipped; k++)
            if (n - i >= strlen(words[k]) && strncmp(directory + i, words[k], strlen(words[k])) == 0)
                skipped = strlen(words[k]);
        int more = skipped ? snprintf(path + used, sizeof(path) - used, "%s", origin)
                           : snprintf(path + used, sizeof(path) - used, "%c", directory[i]);
        used += (size_t)more;
        i += skipped ? skipped : 1;
    }
    if (used == 0 || used >= sizeof(path) ||
        snprintf(path + used, sizeof(path) - used, "/%s", name) >= (int)(sizeof(path) - used) ||
        !is_usable(path))
        return false;
    memcpy(ret_path, path, sizeof(path));
    return true;
}

static bool try_list(const char *list, const char *origin, const char *name, char ret_path[PATH_MAX])
{
    while (list && *list) {
        size_t n = strcspn(list, ":");
        if (n && try_directory(list, n, origin, name, ret_path))
            return true;
        list += n + (list[n] == ':');
    }
    return false;
}

static bool find(const struct elf_file *by, const char *origin, const char *search, const char *name,
                 char ret_path[PATH_MAX])
{
    static const char usual[] =
        "/lib/" LIBRARIES_TRIPLET ":/usr/lib/" LIBRARIES_TRIPLET ":/lib64:/usr/lib64:/lib:/usr/lib";
    if (strchr(name, '/')) {
        snprintf(ret_path, PATH_MAX, "%s", name);
        return is_usable(ret_path);
    }
    load_cache();
    return (!by->runpath && try_list(by->rpath, origin, name, ret_path)) ||
           try_list(search, origin, name, ret_path) || try_list(by->runpath, origin, name, ret_path) ||
           (cache.bytes && libraries_look_up(cache.bytes, cache.n_bytes, name, ret_path)) ||
           try_list(usual, origin, name, ret_path);
}

/* ---- all ---- */

static void add_needed(struct libraries *libraries, const struct elf_file *by, const char *path,
                       const char *search)
{
    char origin[PATH_MAX];
    snprintf(origin, sizeof(origin), "%s", path);
    char *slash = strrchr(origin, '/');
    if (slash)
        *slash = 0;
    for (uint32_t i = 0; i < by->n_needed; i++) {
        bool is_known = strlen(by->needed[i]) >= sizeof(libraries->items[0].name);
        for (uint32_t k = 0; k < libraries->n && !is_known; k++)
            is_known = strcmp(libraries->items[k].name, by->needed[i]) == 0;
        if (is_known || libraries->n == LIBRARIES_MAX)
            continue;
        uint32_t at = libraries->n++;
        snprintf(libraries->items[at].name, sizeof(libraries->items[at].name), "%s", by->needed[i]);
        if (!find(by, origin, search, by->needed[i], libraries->items[at].path))
            libraries->items[at].path[0] = 0;
    }
}

void libraries_find(struct libraries *libraries, const struct elf_file *program, const char *path,
                    const char *search)
{
    *libraries = (struct libraries){.items = calloc(LIBRARIES_MAX, sizeof(libraries->items[0]))};
    if (!libraries->items)
        abort();
    add_needed(libraries, program, path, search);
    for (uint32_t i = 0; i < libraries->n; i++) {
        struct elf_file elf;
        if (!libraries->items[i].path[0] || elf_file_open(&elf, libraries->items[i].path) != 0)
            continue;
        add_needed(libraries, &elf, libraries->items[i].path, search);
        elf_file_close(&elf);
    }
}

void libraries_fini(struct libraries *libraries)
{
    free(libraries->items);
    *libraries = (struct libraries){.n = 0};
}

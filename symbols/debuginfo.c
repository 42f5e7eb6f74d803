/*
 * debuginfo: where the names of a stripped file are: by build id, by .gnu_debuglink, and, when it may be asked, from debuginfod.
 *
 * .gnu_debugdata is dwfl's own matter. dwfl's standard search is not used: it knows no root, and asks debuginfod by itself.
 */
#include "symbols_priv.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *path_below(struct symbols *symbols, const char *path)
{
    const char *root = symbols->input->root ? symbols->input->root : "";
    size_t root_bytes = strlen(root), bytes = strlen(path);
    if (root_bytes + bytes >= PATH_MAX)
        return NULL;
    char *joined = pool_alloc(&symbols->pool, root_bytes + bytes + 1);
    if (joined)
        snprintf(joined, root_bytes + bytes + 1, "%s%s", root, path);
    return joined;
}

int open_file(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return -EINVAL;
}

/* ---- is it the right one ---- */

static bool has_build_id(int fd, const void *id, size_t n_id)
{
    const void *found = NULL;
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    ssize_t n = elf ? dwelf_elf_gnu_build_id(elf, &found) : -1;
    bool is_same = found && n == (ssize_t)n_id && memcmp(found, id, n_id) == 0;
    elf_end(elf);
    return is_same;
}

/* CRC-32 of a file, as .gnu_debuglink has it. */
static bool has_crc(int fd, uint32_t expected)
{
    uint32_t table[256], crc = ~0u;
    uint8_t buffer[32u << 10];
    ssize_t n;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (off_t at = 0; (n = pread(fd, buffer, sizeof(buffer), at)) > 0; at += n)
        for (ssize_t i = 0; i < n; i++)
            crc = crc >> 8 ^ table[(crc ^ buffer[i]) & 0xff];
    return n == 0 && ~crc == expected;
}

struct wanted {
    const unsigned char *id; /* NULL: by `crc` */
    int n_id;
    uint32_t crc;
    bool is_any; /* nothing to check it by: what dwz shared out */
};

static int try_path(const struct wanted *wanted, const char *path, char **ret_path)
{
    int fd = path ? open_file(path) : -1;
    if (fd < 0)
        return -1;
    bool is_it = wanted->is_any || (wanted->n_id > 0 ? has_build_id(fd, wanted->id, (size_t)wanted->n_id)
                                                     : has_crc(fd, wanted->crc));
    char *copy = is_it ? strdup(path) : NULL;
    if (!copy) {
        close(fd);
        return -1;
    }
    *ret_path = copy;
    return fd;
}

/* A descriptor; -1: not there, or another one. Below the root, or where its build id proves it as it is. */
static int try_file(struct symbols *symbols, const struct wanted *wanted, const char *path, char **ret_path)
{
    const char *root = symbols->input->root;
    int fd = try_path(wanted, path_below(symbols, path), ret_path);
    return fd < 0 && root && root[0] && wanted->n_id > 0 ? try_path(wanted, path, ret_path) : fd;
}

/* ---- where it may be ---- */

static int find_by_build_id(struct symbols *symbols, const struct wanted *wanted, const char *directory,
                            char **ret_path)
{
    char path[PATH_MAX], hex[2 * BUILD_ID_MAX + 1];
    if (wanted->n_id < 2 || wanted->n_id > (int)BUILD_ID_MAX)
        return -1;
    for (int i = 0; i < wanted->n_id; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", wanted->id[i]);
    if (snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", directory, hex, hex + 2) >=
        (int)sizeof(path))
        return -1;
    return try_file(symbols, wanted, path, ret_path);
}

/* As gdb does: beside the file, in .debug beside it, below the directory for such files. */
static int find_by_link(struct symbols *symbols, const struct wanted *wanted, const char *own,
                        const char *link, char **ret_path)
{
    const char *directory = symbols->input->debug_path ? symbols->input->debug_path : "/usr/lib/debug";
    const char *slash = strrchr(own, '/');
    int own_bytes = slash ? (int)(slash - own) : 0, fd = -1;
    char paths[3][PATH_MAX];
    if (link[0] == '/')
        return try_file(symbols, wanted, link, ret_path);
    if (snprintf(paths[0], PATH_MAX, "%.*s/%s", own_bytes, own, link) >= PATH_MAX ||
        snprintf(paths[1], PATH_MAX, "%.*s/.debug/%s", own_bytes, own, link) >= PATH_MAX ||
        snprintf(paths[2], PATH_MAX, "%s%.*s/%s", directory, own_bytes, own, link) >= PATH_MAX)
        return -1;
    for (int i = 0; i < 3 && fd < 0; i++)
        fd = strcmp(paths[i], own) == 0 ? -1 : try_file(symbols, wanted, paths[i], ret_path);
    return fd;
}

/* Its parameters are dwfl's. NOLINTNEXTLINE(readability-function-size) */
int debuginfo_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                   const char *link, GElf_Word link_crc, char **ret_path)
{
    struct symbols *symbols = *userdata;
    struct wanted wanted = {.crc = link_crc};
    GElf_Addr where;
    int fd = -1;
    (void)base, (void)file;
    if (!symbols)
        return -1;
    const char *directory = symbols->input->debug_path ? symbols->input->debug_path : "/usr/lib/debug";
    if (link && link_crc == 0 && strstr(link, ".dwz/")) {
        wanted.is_any = true;
        return find_by_link(symbols, &wanted, name, link, ret_path);
    }
    wanted.n_id = dwfl_module_build_id(module, &wanted.id, &where);
    fd = find_by_build_id(symbols, &wanted, directory, ret_path);
    if (fd < 0 && link)
        fd = find_by_link(symbols, &wanted, name, link, ret_path);
    if (fd < 0 && wanted.n_id > 0 && symbols->input->debuginfod)
        fd = debuginfod_ask(symbols, wanted.id, wanted.n_id, ret_path);
    return fd;
}

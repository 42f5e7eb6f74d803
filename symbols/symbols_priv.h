/*
 * symbols_priv: what the files of symbols/ share.
 *
 *   symbols_open  mappings → objects (files) → dwfl modules                         modules.c, memory.c, debuginfo.c
 *   symbols_walk  registers → struct trace, by several unwinders, the best of them  choose.c, unwind_*.c
 *                 struct trace → struct symbols_frame, named                        names.c, jit.c, demangle*.c
 */
#ifndef OTELSHIM_SYMBOLS_PRIV_H
#define OTELSHIM_SYMBOLS_PRIV_H

#include "symbols.h"
#include <elf.h>
#include <elfutils/libdwfl.h>

#define UNKNOWN UINT64_MAX
#define BUILD_ID_MAX 64u
#define VDSO_MAX_BYTES (64u << 10)

/* Memory that lives until symbols_close(). */
struct pool_block;
struct pool {
    struct pool_block *first;
};
/* Cleared, 16-byte aligned; NULL: no memory. */
void *pool_alloc(struct pool *pool, size_t bytes);
char *pool_copy(struct pool *pool, const char *text, size_t bytes);
void pool_fini(struct pool *pool);

/* A file of the process: what mappings of the same path one behind the other belong to. */
struct object {
    const char *path; /* as the kernel says it, less " (deleted)" */
    char *file;       /* the file that was opened: below the root; NULL: none */
    uint64_t low, high, bias;
    uint8_t build_id[BUILD_ID_MAX]; /* as it was in memory, else of the file */
    uint32_t n_build_id;
    const char *build_id_text; /* NULL unknown */
    bool is_executable, is_deleted, is_mismatched, is_vdso;
    Dwfl_Module *dwfl; /* NULL: nothing is known but the path */
    struct symbol *symtab;
    uint32_t n_symtab;
    bool has_symtab; /* it was read */
};

/* A file without a process; see offline.c. */
struct offline {
    struct offline *next;
    struct object object;
    Dwfl *dwfl;
};

struct symbols {
    const struct symbols_input *input;
    struct pool pool;
    struct symbols_module *modules; /* by address */
    uint32_t n_modules;
    struct object *objects; /* by address */
    uint32_t n_objects;
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks;
    Elf *machine; /* an ELF header and nothing else, which says the machine */
    Elf64_Ehdr machine_header;
    uint64_t registers[SYMBOLS_REGISTERS]; /* where dwfl begins */
    bool is_memory_missing;                /* a read failed since the last frame */
    uint64_t debuginfod_left_ms;
    struct debuginfod *debuginfod; /* NULL: not asked yet */
    uint8_t *vdso;                 /* image; NULL: not there */
    struct offline *offline;
};

/* ---- modules.c ---- */
int objects_open(struct symbols *symbols);
struct object *objects_find(const struct symbols *symbols, uint64_t address);
const struct symbols_module *modules_find(const struct symbols *symbols, uint64_t address);
/* Opens the file and tells `dwfl` of it. False: there is none, or it is another than the one that ran. */
bool object_report(struct symbols *symbols, struct object *object, Dwfl *dwfl);
void object_set_build_id(struct symbols *symbols, struct object *object, const void *bytes, size_t n_bytes);

/* ---- memory.c ---- */
/* Captured memory, else what the files say of mappings that nobody writes to. */
bool memory_copy(struct symbols *symbols, uint64_t address, void *to, size_t bytes);
/* A word of the stack, aarch64's pointer authentication taken off where it is an address of code. */
bool memory_word(struct symbols *symbols, uint64_t address, uint64_t *ret_word);
uint64_t memory_strip(const struct symbols *symbols, uint64_t word);
bool is_code(const struct symbols *symbols, uint64_t address);
/* Is there a call instruction in front of it? Where that cannot be told: whether it is code. */
bool is_return_address(struct symbols *symbols, uint64_t address);

/* ---- debuginfo.c ---- */
int debuginfo_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                   const char *link, GElf_Word link_crc, char **ret_path);
/* A path below the root, in the pool. */
char *path_below(struct symbols *symbols, const char *path);
/* A regular file, opened for reading without waiting for anything; -errno. */
int open_file(const char *path);
/* ---- debuginfod.c ---- */
int debuginfod_ask(struct symbols *symbols, const unsigned char *id, int n_id, char **ret_path);
void debuginfod_fini(struct symbols *symbols);

/* ---- offline.c ---- */
void offline_fini(struct symbols *symbols);

/* ---- names.c ---- */
struct naming {
    struct symbols_frame *frames;
    uint32_t n, max;
};
/* Appends the frames of one address, inlined ones first; at least one. `look_up` is pc, or for return addresses pc - 1. */
void names_add(struct symbols *symbols, struct naming *naming, uint64_t pc, uint64_t look_up);
void names_of_object(struct symbols *symbols, struct naming *naming, struct object *object, uint64_t pc,
                     uint64_t look_up);

/* ---- symtab.c ---- */
/* The symbol that holds an address, else, approximate, the one before it; NULL none. */
const char *symtab_find(struct symbols *symbols, struct object *object, uint64_t address,
                        bool *ret_is_approximate);

/* ---- jit.c ---- */
const char *jit_name(struct symbols *symbols, uint64_t address);

#endif

/*
 * symbols: stacks out of registers and memory, names out of ELF and DWARF. Knows nothing of telemetry, and no living process:
 * memory comes through a callback, modules come as a list.
 *
 * All input is hostile: a crashed program's registers and memory, files that lie. Whoever calls this does so in a process that may
 * die of it (exporter/sources/crash). Context: commands. Threads: one at a time. Ownership: results live in the arena-like struct
 * symbols until symbols_close(). Errors: a frame that cannot be named keeps module and offset; nothing is fatal.
 */
#ifndef OTELSHIM_SYMBOLS_H
#define OTELSHIM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYMBOLS_MAX_FRAMES 256u
#define SYMBOLS_REGISTERS 40u /* by DWARF number, wire/crash_slot.h: x86-64 0-16, aarch64 0-32 */

/* A mapping of the crashed process, a line of /proc/PID/maps; or, where that could not be read, one of the loader's list. */
struct symbols_module {
    uint64_t low, high;
    uint64_t file_offset;    /* of `low` in the file */
    uint64_t bias;           /* add to an address of the file; UINT64_MAX unknown */
    const char *path;        /* "" none, "[vdso]", "/usr/bin/x (deleted)" as the kernel says it */
    const uint8_t *build_id; /* as it was in memory; NULL unknown */
    uint32_t n_build_id;
    bool is_readable, is_writable, is_executable;
};

/* A list of them, and the texts they point to. A zeroed one is empty. */
struct symbols_modules {
    struct symbols_module *items;
    uint32_t n, max;
    void *texts;
};
#define SYMBOLS_MAX_MODULES 16384u

/* The lines of /proc/PID/maps, in their order; what is no such line is skipped, what is beyond the maximum left out. 0, -ENOMEM. */
int symbols_parse_maps(const char *text, size_t bytes, struct symbols_modules *ret_modules);
/*
 * What the loader's list says of one object: its bias and build id are filled into the mappings within [low, high), or, where
 * there are none (maps could not be read), a module is made of it. `path` "": unknown. All is copied. 0, -ENOMEM.
 */
int symbols_add_object(struct symbols_modules *modules, const struct symbols_module *object);
void symbols_modules_fini(struct symbols_modules *modules);

struct symbols_input {
    uint16_t machine; /* EM_X86_64, EM_AARCH64 */
    const struct symbols_module *modules;
    uint32_t n_modules;
    /* Copies `bytes` bytes of the crashed process's memory: true when all of them are known. */
    bool (*read)(void *context, uint64_t address, void *to, size_t bytes);
    void *context;
    const char *root;       /* prefix of all files (another mount namespace: /proc/PID/root); "" none */
    const char *debug_path; /* like gdb's debug-file-directory; NULL: /usr/lib/debug */
    const char *debuginfod; /* DEBUGINFOD_URLS; NULL: never asked */
    uint32_t debuginfod_timeout_ms; /* for all of its answers together; 0: 2,000 */
    const char *perf_map; /* text of /tmp/perf-PID.map: names of compiled-at-run-time code; NULL none */
    size_t perf_map_bytes;
};

enum symbols_guess {
    SYMBOLS_SURE,          /* by call frame information */
    SYMBOLS_FRAME_POINTER, /* by the chain of frame pointers */
    SYMBOLS_SCANNED,       /* a word of the stack that looks like a return address */
    SYMBOLS_FIXED_UP,      /* the caller of a jump to nowhere: from [rsp] or x30 */
};

struct symbols_frame {
    uint64_t pc;          /* as found; of a caller the return address */
    uint64_t cfa;         /* 0 unknown */
    uint64_t offset;      /* pc less the module's bias: what addr2line wants */
    const char *function; /* demangled; NULL unknown */
    const char *symbol;   /* as in the symbol table; NULL unknown */
    const char *file;     /* NULL unknown */
    const char *module;   /* path, "[vdso]", "[jit]"; NULL unknown */
    const char *build_id; /* hexadecimal; NULL unknown */
    int line, column;     /* 0 unknown */
    bool is_inlined;      /* in the next frame, which has the same pc */
    bool is_signal;       /* frame of a UNIX-signal handler's return */
    bool is_approximate;  /* nearest exported symbol, not proven to hold the address */
    bool is_mismatched;   /* the file on disk is not the one that was running */
    enum symbols_guess guess;
};

struct symbols_stack {
    const struct symbols_frame *frames;
    uint32_t n_frames;      /* inlined ones included */
    uint32_t n_left_out;    /* between the outermost and the innermost of a very deep stack */
    uint32_t left_out_at;   /* index of the first frame behind the gap */
    const char *unwinder;   /* "dwfl", "libunwind", "frame-pointer", "scan" */
    const char *end_reason; /* why it stopped before the thread's first frame; NULL: it did not */
    /* A run of frames over and over: `recursion_period` return addresses, `recursion_times` times; 0 none. */
    uint32_t recursion_at; /* index of the first frame of the run */
    uint32_t recursion_period, recursion_times;
};

struct symbols;

/* 0, -errno; -ENOTSUP: another machine. `input` and what it points to must outlive the result. */
int symbols_open(struct symbols **ret_symbols, const struct symbols_input *input);
void symbols_close(struct symbols *symbols);
/* Unwinds from these registers, then names every frame, inlined ones in order. Valid until symbols_close(). */
const struct symbols_stack *symbols_walk(struct symbols *symbols,
                                         const uint64_t registers[SYMBOLS_REGISTERS]);
/* Names one address without unwinding: the frames of it, inlined ones first. Of a return address (throw sites) give pc - 1. */
const struct symbols_stack *symbols_name(struct symbols *symbols, uint64_t pc);
/*
 * Names an address of a file (module path and offset), for frames of reports whose process is long gone; the file is sought under
 * the root of `symbols`, which may have no modules. Of a return address give offset - 1. `build_id` NULL: not known, then any file of that name will do.
 */
const struct symbols_stack *symbols_name_offset(struct symbols *symbols, const char *path,
                                                const char *build_id, uint64_t offset);
/* C++ and Rust, legacy and v0. Returns a malloc'ed string, or NULL where the name is not mangled. */
char *symbols_demangle(const char *name);

#endif

/*
 * unwind_libunwind: the second unwinder, over the same memory, by libunwind's remote accessors.
 *
 * It is loaded when it is needed and where it is installed, RTLD_LOCAL: libunwind.so.8 defines _Unwind_*, and linked it would take
 * the place of libgcc's (facts/crash.md, EXP 1). It is told where a module's .eh_frame_hdr is, and reads all else as memory.
 */
#include "unwind.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <libunwind.h>
#include <string.h>

#define TEXT(x) TEXT_OF(x)
#define TEXT_OF(x) #x
#if defined(__x86_64__)
#define LIBRARY "libunwind-x86_64.so.8"
#define NATIVE EM_X86_64
#else
#define LIBRARY "libunwind-aarch64.so.8"
#define NATIVE EM_AARCH64
#endif
#define MAX_STEPS 4096u

struct libunwind {
    bool is_sought, is_there;
    unw_addr_space_t (*create)(unw_accessors_t *, int);
    void (*destroy)(unw_addr_space_t);
    int (*caching)(unw_addr_space_t, unw_caching_policy_t);
    int (*init)(unw_cursor_t *, unw_addr_space_t, void *);
    int (*step)(unw_cursor_t *);
    int (*get)(unw_cursor_t *, int, unw_word_t *);
    int (*is_signal)(unw_cursor_t *);
    int (*search)(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);
};

struct walk {
    struct symbols *symbols;
    const uint64_t *registers;
    const struct libunwind *library;
    bool found; /* call frame information, since the last step */
};

static const struct libunwind *load(void)
{
    static struct libunwind l; /* set once: Threads: one at a time */
    void *library = l.is_sought ? NULL : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    l.is_sought = true;
    if (!library)
        return &l;
    *(void **)&l.create = dlsym(library, TEXT(UNW_OBJ(create_addr_space)));
    *(void **)&l.destroy = dlsym(library, TEXT(UNW_OBJ(destroy_addr_space)));
    *(void **)&l.caching = dlsym(library, TEXT(UNW_OBJ(set_caching_policy)));
    *(void **)&l.init = dlsym(library, TEXT(UNW_OBJ(init_remote)));
    *(void **)&l.step = dlsym(library, TEXT(UNW_OBJ(step)));
    *(void **)&l.get = dlsym(library, TEXT(UNW_OBJ(get_reg)));
    *(void **)&l.is_signal = dlsym(library, TEXT(UNW_OBJ(is_signal_frame)));
    *(void **)&l.search = dlsym(library, TEXT(UNW_OBJ(dwarf_search_unwind_table)));
    l.is_there = l.create && l.destroy && l.caching && l.init && l.step && l.get && l.is_signal && l.search;
    return &l;
}

/* ---- accessors ---- */

/* The address of the module's .eh_frame_hdr; 0 none. */
static uint64_t find_eh_frame_hdr(const struct object *object, uint64_t *ret_bytes)
{
    GElf_Addr bias;
    size_t n = 0;
    Elf *elf = object->dwfl ? dwfl_module_getelf(object->dwfl, &bias) : NULL;
    if (!elf || elf_getphdrnum(elf, &n) != 0)
        return 0;
    for (size_t i = 0; i < n && i < 128; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_GNU_EH_FRAME) {
            *ret_bytes = segment.p_memsz;
            return segment.p_vaddr + bias;
        }
    }
    return 0;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info, int need_unwind_info,
                          void *argument)
{
    struct walk *walk = argument;
    struct object *object = objects_find(walk->symbols, ip);
    uint64_t bytes, header = object ? find_eh_frame_hdr(object, &bytes) : 0;
    struct {
        uint8_t version, pointer, count, table;
        int32_t eh_frame;
        uint32_t n;
    } hdr;
    /* the only form that linkers write: a sorted table of pairs of 32-bit offsets */
    if (!header || !memory_copy(walk->symbols, header, &hdr, sizeof(hdr)) || hdr.version != 1 ||
        hdr.count != DW_EH_PE_udata4 || hdr.table != (DW_EH_PE_datarel | DW_EH_PE_sdata4) ||
        (hdr.pointer & 15) != DW_EH_PE_sdata4 || bytes < sizeof(hdr) || hdr.n > (bytes - sizeof(hdr)) / 8)
        return -UNW_ENOINFO;
    unw_dyn_info_t table = {
        .start_ip = object->low, .end_ip = object->high, .format = UNW_INFO_FORMAT_REMOTE_TABLE};
    table.u.rti.segbase = header;
    table.u.rti.table_data = header + sizeof(hdr);
    table.u.rti.table_len = (unw_word_t)hdr.n * 8u / sizeof(unw_word_t);
    int result = walk->library->search(space, ip, &table, info, need_unwind_info, argument);
    walk->found |= result >= 0;
    return result;
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument)
{
    (void)space, (void)info, (void)argument;
}

static int get_dyn_info_list_addr(unw_addr_space_t space, unw_word_t *address, void *argument)
{
    (void)space, (void)address, (void)argument;
    return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *word, int write, void *argument)
{
    struct walk *walk = argument;
    uint64_t value;
    (void)space;
    if (write || !memory_word(walk->symbols, address, &value))
        return -UNW_EINVAL;
    *word = value;
    return 0;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t number, unw_word_t *word, int write,
                      void *argument)
{
    struct walk *walk = argument;
    (void)space;
    if (write || number < 0 || number >= machine_of(walk->symbols)->n_registers)
        return -UNW_EBADREG;
    *word = memory_strip(walk->symbols, walk->registers[number]);
    return 0;
}

static int access_fpreg(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *word, int write,
                        void *argument)
{
    (void)space, (void)number, (void)word, (void)write, (void)argument;
    return -UNW_EINVAL;
}

static int resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument)
{
    (void)space, (void)cursor, (void)argument;
    return -UNW_EINVAL;
}

static int get_proc_name(unw_addr_space_t space, unw_word_t ip, char *name, size_t bytes, unw_word_t *offset,
                         void *argument)
{
    (void)space, (void)ip, (void)name, (void)bytes, (void)offset, (void)argument;
    return -UNW_ENOINFO;
}

/* ---- the walk ---- */

static void take_steps(struct walk *walk, unw_cursor_t *cursor, struct trace *trace)
{
    const struct machine *machine = machine_of(walk->symbols);
    bool is_by_rule = true, is_exact = true;
    int result = 0;
    for (unsigned i = 0; i < MAX_STEPS; i++) {
        unw_word_t pc, sp, fp;
        if (walk->library->get(cursor, UNW_REG_IP, &pc) < 0 ||
            walk->library->get(cursor, UNW_REG_SP, &sp) < 0)
            break;
        if (walk->library->get(cursor, machine->fp, &fp) < 0)
            fp = 0;
        bool is_signal = walk->library->is_signal(cursor) > 0;
        struct trace_frame frame = {.pc = pc,
                                    .sp = sp,
                                    .fp = fp,
                                    .is_exact = is_exact || is_signal,
                                    .is_signal = is_signal,
                                    .guess = is_by_rule ? SYMBOLS_SURE : SYMBOLS_FRAME_POINTER};
        if (!trace_add(walk->symbols, trace, &frame))
            return;
        walk->found = false;
        result = walk->library->step(cursor);
        if (result <= 0)
            break;
        is_by_rule = walk->found || is_signal;
        is_exact = is_signal;
    }
    /* 0 is its word for the first frame, but also for one without information */
    trace->is_complete = result == 0 && walk->found;
    if (!trace->is_complete && !trace->end_reason)
        trace->end_reason = "libunwind found no caller";
}

static void walk_libunwind(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                           struct trace *trace)
{
    const struct libunwind *library = load();
    struct walk walk = {symbols, registers, library, false};
    /* later versions have more accessors than the header this was compiled with, and copy them all */
    union {
        unw_accessors_t accessors;
        void *room[32];
    } given = {.room = {0}};
    unw_cursor_t cursor;
    if (!library->is_there || symbols->input->machine != NATIVE)
        return;
    given.accessors = (unw_accessors_t){.find_proc_info = find_proc_info,
                                        .put_unwind_info = put_unwind_info,
                                        .get_dyn_info_list_addr = get_dyn_info_list_addr,
                                        .access_mem = access_mem,
                                        .access_reg = access_reg,
                                        .access_fpreg = access_fpreg,
                                        .resume = resume,
                                        .get_proc_name = get_proc_name};
    unw_addr_space_t space = library->create(&given.accessors, 0);
    if (!space)
        return;
    library->caching(space, UNW_CACHE_NONE);
    if (library->init(&cursor, space, &walk) == 0)
        take_steps(&walk, &cursor, trace);
    library->destroy(space);
}

const struct unwinder unwind_libunwind = {"libunwind", walk_libunwind};

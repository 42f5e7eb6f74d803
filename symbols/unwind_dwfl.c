/*
 * unwind_dwfl: elfutils' unwinder over the memory callback, by call frame information.
 *
 * Where a module has none for an address, dwfl itself follows the frame pointer: such frames are marked as guesses. Pointer
 * authentication is stripped before dwfl sees a word, which it cannot do itself (facts/crash.md, EXP 13).
 */
#include "unwind.h"

#include <stdlib.h>

#define TID 1 /* of the only thread that dwfl is told of */

struct walk {
    struct symbols *symbols;
    const struct machine *machine;
    struct trace *trace;
    bool is_by_rule;  /* the frame before had call frame information: this one is no guess */
    bool was_signal;  /* the frame before was a trampoline */
    bool is_resumed;  /* the first frame is a caller: its program counter is one byte into the call */
    bool has_skipped; /* ended to go on behind a recursion */
    struct trace_frame next;
    uint64_t has_cfi_pc; /* last answer of has_cfi() */
    bool has_cfi;
};

/* ---- what dwfl asks ---- */

static pid_t next_thread(Dwfl *dwfl, void *argument, void **thread)
{
    (void)dwfl;
    if (*thread)
        return 0;
    *thread = argument;
    return TID;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *argument, void **thread)
{
    (void)dwfl;
    *thread = argument;
    return tid == TID;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *argument)
{
    struct symbols *symbols = argument;
    (void)dwfl;
    if (memory_word(symbols, address, ret_word))
        return true;
    symbols->is_memory_missing = true;
    return false;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    struct symbols *symbols = argument;
    const struct machine *machine = machine_of(symbols);
    unsigned n = machine->link ? machine->pc : machine->n_registers;
    if (!dwfl_thread_state_registers(thread, 0, n, symbols->registers))
        return false;
    if (machine->link)
        dwfl_thread_state_register_pc(thread, symbols->registers[machine->pc]);
    return true;
}

static const Dwfl_Thread_Callbacks callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = read_memory,
    .set_initial_registers = set_registers,
};

/* ---- the walk ---- */

static bool has_cfi_at(Dwarf_CFI *cfi, Dwarf_Addr address)
{
    Dwarf_Frame *frame = NULL;
    bool has = cfi && dwarf_cfi_addrframe(cfi, address, &frame) == 0;
    free(frame);
    return has;
}

/* As dwfl will look for it when it goes on from here. */
static bool has_cfi(struct walk *walk, uint64_t pc)
{
    Dwarf_Addr bias;
    if (walk->has_cfi_pc == pc)
        return walk->has_cfi;
    Dwfl_Module *module = dwfl_addrmodule(walk->symbols->dwfl, pc);
    walk->has_cfi_pc = pc;
    walk->has_cfi = false;
    if (module) {
        Dwarf_CFI *cfi = dwfl_module_eh_cfi(module, &bias);
        walk->has_cfi = has_cfi_at(cfi, pc - bias);
        if (!walk->has_cfi) {
            cfi = dwfl_module_dwarf_cfi(module, &bias);
            walk->has_cfi = has_cfi_at(cfi, pc - bias);
        }
    }
    return walk->has_cfi;
}

static int on_frame(Dwfl_Frame *state, void *argument)
{
    struct walk *walk = argument;
    struct trace *trace = walk->trace;
    bool is_exact = false, is_first = walk->has_cfi_pc == UNKNOWN;
    Dwarf_Addr pc;
    struct trace_frame frame = {0};
    walk->symbols->is_memory_missing = false;
    if (!dwfl_frame_pc(state, &pc, &is_exact)) /* unwinds one further: whether that is a signal's frame */
        return DWARF_CB_ABORT;
    if (is_first && walk->is_resumed) {
        is_exact = false;
        pc++;
    }
    frame.pc = pc;
    frame.is_exact = is_exact;
    if (dwfl_frame_reg(state, walk->machine->sp, &frame.sp) != 0 || (!is_first && frame.sp == 0))
        return DWARF_CB_ABORT;
    if (dwfl_frame_reg(state, walk->machine->fp, &frame.fp) != 0)
        frame.fp = 0;
    frame.is_signal = is_exact && !is_first && !walk->was_signal;
    frame.guess = walk->is_by_rule ? SYMBOLS_SURE : SYMBOLS_FRAME_POINTER;
    if (!trace_add(walk->symbols, trace, &frame))
        return DWARF_CB_ABORT;
    walk->was_signal = frame.is_signal;
    walk->is_by_rule = has_cfi(walk, is_exact ? pc : pc - 1);
    walk->has_skipped = trace->n % TRACE_SKIP_AFTER == 0 && trace_skip(walk->symbols, trace, &walk->next) > 0;
    return walk->has_skipped ? DWARF_CB_ABORT : DWARF_CB_OK;
}

static bool attach(struct symbols *symbols)
{
    symbols->machine_header = (Elf64_Ehdr){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = symbols->input->machine,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof(Elf64_Ehdr),
    };
    if (!symbols->machine)
        symbols->machine = elf_memory((char *)&symbols->machine_header, sizeof(symbols->machine_header));
    return symbols->machine && dwfl_attach_state(symbols->dwfl, symbols->machine, TID, &callbacks, symbols);
}

static void walk_dwfl(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                      struct trace *trace)
{
    struct walk walk = {symbols, machine_of(symbols), trace, .is_by_rule = true, .has_cfi_pc = UNKNOWN};
    if (dwfl_pid(symbols->dwfl) < 0 && !attach(symbols)) {
        trace->end_reason = "dwfl does not know this machine";
        return;
    }
    for (unsigned i = 0; i < SYMBOLS_REGISTERS; i++)
        symbols->registers[i] = memory_strip(symbols, registers[i]);
    int result = dwfl_getthread_frames(symbols->dwfl, TID, on_frame, &walk);
    while (walk.has_skipped) { /* half a million frames of a small recursion take 2 s by rule */
        const struct machine *machine = walk.machine;
        struct walk rest = {
            symbols, machine, trace, .is_by_rule = true, .is_resumed = true, .has_cfi_pc = UNKNOWN};
        symbols->registers[machine->pc] = walk.next.pc - 1;
        symbols->registers[machine->sp] = walk.next.sp;
        symbols->registers[machine->fp] = walk.next.fp;
        walk = rest;
        result = dwfl_getthread_frames(symbols->dwfl, TID, on_frame, &walk);
    }
    /* for dwfl a return address that cannot be read is one that is undefined: the end */
    if (result == 0 && !symbols->is_memory_missing && walk.is_by_rule)
        trace->is_complete = true;
    else if (result == 0 && !symbols->is_memory_missing)
        trace->end_reason = "no call frame information";
    else if (symbols->is_memory_missing)
        trace->end_reason = "the stack was not copied any further";
    else if (!trace->is_complete && !trace->end_reason)
        trace->end_reason = result < 0 ? dwfl_errmsg(-1) : "the frame's registers are unknown";
}

const struct unwinder unwind_dwfl = {"dwfl", walk_dwfl};

/* explain_memory: SIGSEGV and SIGBUS: what the address was, and what was done to it. */
#include "signals/crash/explain.h"

#include "signals/crash/instruction.h"
#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define NULL_PAGES 65536u         /* vm.mmap_min_addr: nothing is ever mapped below */
#define NEAR_STACK 65536u         /* of the stack pointer */
#define NEAR_MAPPING (1ull << 20) /* worth saying */
#define PAGE_FAULT 14u
#define CANONICAL_BITS 47
#define DATA_ABORT_WRITE 64u /* ESR: WnR */

enum access { ACCESS_UNKNOWN, ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE };

struct fault {
    const struct explain_input *input;
    struct arena *arena;
    uint64_t address, pc, sp;
    bool has_registers;
    enum access access;
    const struct symbols_module *mapping; /* of the address; NULL: none */
    const char *by;                       /* ", address from rax" or "" */
};

static uint64_t untagged(const struct fault *fault)
{
    bool is_tagged =
        fault->input->crash->machine == EM_AARCH64 && fault->address >> 56 && !(fault->address >> 55 & 1);
    return is_tagged ? fault->address & ((1ull << 56) - 1) : fault->address;
}

static enum access find_access(const struct explain_input *input)
{
    const uint64_t *registers = input->registers;
    if (!registers)
        return ACCESS_UNKNOWN;
    if (input->crash->machine == EM_AARCH64) {
        uint64_t esr = registers[WIRE_AARCH64_ESR], class = esr >> 26 & 0x3f;
        if (class == 0x20 || class == 0x21)
            return ACCESS_EXECUTE;
        return class != 0x24 && class != 0x25 ? ACCESS_UNKNOWN
               : esr & DATA_ABORT_WRITE       ? ACCESS_WRITE
                                              : ACCESS_READ;
    }
    uint64_t error = registers[WIRE_X86_64_ERROR];
    if (registers[WIRE_X86_64_TRAP] != PAGE_FAULT)
        return ACCESS_UNKNOWN;
    return error & 16 ? ACCESS_EXECUTE : error & 2 ? ACCESS_WRITE : ACCESS_READ;
}

static const char *verb(const struct fault *fault)
{
    static const char *const verbs[] = {"access", "read", "write", "jump"};
    return verbs[fault->access];
}

static const char *done(const struct fault *fault)
{
    static const char *const verbs[] = {"used", "read", "written", "called"};
    return verbs[fault->access];
}

static void find_origin(struct fault *fault)
{
    struct operand operand;
    const struct explain_input *input = fault->input;
    fault->by = "";
    if (!fault->has_registers || fault->access == ACCESS_EXECUTE ||
        !instruction_find_operand(input->crash->machine, input->code, input->n_code, input->registers,
                                  &operand) ||
        !instruction_explains(input->crash->machine, &operand, input->registers, fault->address))
        return;
    const char *base =
        operand.base >= 0 ? instruction_register_name(input->crash->machine, (unsigned)operand.base) : NULL;
    const char *index =
        operand.index >= 0 ? instruction_register_name(input->crash->machine, (unsigned)operand.index) : NULL;
    if (base && index)
        fault->by = arena_printf(fault->arena, ", address from %s = 0x%" PRIx64 " and %s = 0x%" PRIx64, base,
                                 input->registers[operand.base], index, input->registers[operand.index]);
    else if (base)
        fault->by = arena_printf(fault->arena, ", address from %s = 0x%" PRIx64, base,
                                 input->registers[operand.base]);
}

/* ---- what a mapping is called ---- */

static const char *place_of(const struct fault *fault, const struct symbols_module *mapping)
{
    if (!mapping->path[0])
        return "anonymous memory";
    if (strcmp(mapping->path, "[heap]") == 0)
        return "the heap";
    if (strncmp(mapping->path, "[stack", 6) == 0)
        return "the stack";
    return arena_printf(fault->arena, "%s", mapping->path);
}

static bool is_accessible(const struct symbols_module *mapping)
{
    return mapping && (mapping->is_readable || mapping->is_writable);
}

/* " (4 KiB behind /usr/lib/x.so)", or "". */
static const char *print_neighbour(const struct fault *fault)
{
    const struct symbols_module *below = crash_modules_below(fault->input->modules, fault->address);
    const struct symbols_module *above = crash_modules_above(fault->input->modules, fault->address);
    uint64_t behind = below ? fault->address - below->high : UINT64_MAX;
    uint64_t before = above ? above->low - fault->address : UINT64_MAX;
    if (behind < NEAR_MAPPING && behind <= before)
        return arena_printf(fault->arena, " (%" PRIu64 " bytes behind the end of %s)", behind,
                            place_of(fault, below));
    if (before < NEAR_MAPPING)
        return arena_printf(fault->arena, " (%" PRIu64 " bytes before the beginning of %s)", before,
                            place_of(fault, above));
    return "";
}

/* ---- kinds ---- */

static bool is_stack_like(const struct symbols_module *mapping)
{
    return mapping && mapping->is_writable &&
           (!mapping->path[0] || strncmp(mapping->path, "[stack", 6) == 0 ||
            strncmp(mapping->path, "[anon", 5) == 0);
}

/* A stack pointer that points nowhere is something else; so is an address that can be used. */
static bool is_stack_overflow(const struct fault *fault)
{
    if (!fault->has_registers || fault->access == ACCESS_EXECUTE || fault->sp < NULL_PAGES ||
        fault->sp >> CANONICAL_BITS)
        return false;
    uint64_t distance = fault->sp > fault->address ? fault->sp - fault->address : fault->address - fault->sp;
    if (distance > NEAR_STACK || is_accessible(fault->mapping))
        return false;
    if (!fault->input->modules->has_rights)
        return true;
    const struct symbols_module *above = crash_modules_above(fault->input->modules, fault->address);
    while (above && !is_accessible(above))
        above = crash_modules_above(fault->input->modules, above->high - 1);
    return is_stack_like(above);
}

static void explain_null(struct fault *fault, struct explanation *explanation)
{
    const char *where = fault->address ? arena_printf(fault->arena, "null pointer + %" PRIu64, fault->address)
                                       : "null pointer";
    if (fault->access == ACCESS_EXECUTE || (fault->has_registers && fault->pc == fault->address)) {
        explanation->class = "null-call";
        explanation->brief = "call through a null pointer";
        explanation->reason =
            arena_printf(fault->arena, "a function was called through a null pointer (address 0x%" PRIx64 ")",
                         fault->address);
        return;
    }
    explanation->class = "null";
    explanation->brief = arena_printf(fault->arena, "%s %s", where, done(fault));
    explanation->reason =
        arena_printf(fault->arena, "%s %s 0x%" PRIx64 ": %s%s", verb(fault),
                     fault->access == ACCESS_WRITE ? "to" : "of", fault->address, where, fault->by);
}

static void explain_stack_overflow(struct fault *fault, struct explanation *explanation)
{
    explanation->class = "stack-overflow";
    explanation->brief = "stack overflow";
    explanation->reason = arena_printf(
        fault->arena, "stack overflow: 0x%" PRIx64 " lies just beyond the stack (sp 0x%" PRIx64 ")",
        fault->address, fault->sp);
}

static void explain_wild_jump(struct fault *fault, struct explanation *explanation)
{
    bool is_mapped = fault->mapping || fault->input->crash->code == SEGV_ACCERR;
    const char *place = fault->mapping ? place_of(fault, fault->mapping) : "memory";
    explanation->class = is_mapped ? "execute-data" : "wild-jump";
    explanation->brief = is_mapped ? "execution of data" : "jump to nowhere";
    explanation->reason =
        is_mapped ? arena_printf(fault->arena, "jump to 0x%" PRIx64 " in %s, which may not be executed",
                                 fault->address, place)
                  : arena_printf(fault->arena, "jump to 0x%" PRIx64 ", where nothing is mapped%s",
                                 fault->address, print_neighbour(fault));
}

static void explain_unmapped(struct fault *fault, struct explanation *explanation)
{
    explanation->class = "unmapped";
    explanation->brief = arena_printf(fault->arena, "bad address %s", done(fault));
    explanation->reason = arena_printf(
        fault->arena, "%s %s 0x%" PRIx64 ", where nothing is mapped (any more)%s%s", verb(fault),
        fault->access == ACCESS_WRITE ? "to" : "of", fault->address, print_neighbour(fault), fault->by);
}

static void explain_forbidden(struct fault *fault, struct explanation *explanation)
{
    const struct symbols_module *mapping = fault->mapping;
    bool is_read_only = fault->access == ACCESS_WRITE && (!mapping || mapping->is_readable);
    const char *place = mapping ? place_of(fault, mapping) : "memory";
    const char *which =
        fault->input->modules->has_rights ? "which allows no access" : "which does not allow it";
    explanation->class = is_read_only ? "read-only" : "no-access";
    explanation->brief = is_read_only ? "write to read-only memory" : "access to protected memory";
    explanation->reason =
        is_read_only ? arena_printf(fault->arena, "write to 0x%" PRIx64 " in %s, which is read-only%s",
                                    fault->address, place, fault->by)
                     : arena_printf(fault->arena, "%s %s 0x%" PRIx64 " in %s, %s%s", verb(fault),
                                    fault->access == ACCESS_WRITE ? "to" : "of", fault->address, place, which,
                                    fault->by);
}

/* Noticed late, there is no address, and the access was somewhere before this place. aarch64 alone. */
static void explain_memory_tag(struct fault *fault, struct explanation *explanation, bool is_late)
{
    explanation->has_address = !is_late;
    explanation->class = "memory-tag";
    explanation->brief = "memory tag mismatch";
    explanation->reason =
        is_late
            ? "memory tag mismatch: a pointer was used for memory that is not its own (freed, or beyond its "
              "end); noticed later, the address is not known"
            : arena_printf(fault->arena,
                           "memory tag mismatch: 0x%" PRIx64
                           " is memory of another pointer (freed, or beyond its end)%s",
                           fault->address, fault->by);
}

/*
 * The processor does not tell the address: a non-canonical one, or an access that wants an alignment. x86-64 alone. si_addr is 0
 * then, and means nothing.
 */
static void explain_general_protection(struct fault *fault, struct explanation *explanation)
{
    struct operand operand;
    const struct explain_input *input = fault->input;
    const char *base = NULL;
    bool is_known = fault->has_registers &&
                    instruction_find_operand(input->crash->machine, input->code, input->n_code,
                                             input->registers, &operand) &&
                    operand.base >= 0;
    uint64_t top = is_known ? operand.address >> CANONICAL_BITS : 0;
    if (is_known)
        base = instruction_register_name(input->crash->machine, (unsigned)operand.base);
    explanation->has_address = false;
    explanation->class = "non-canonical";
    explanation->brief = "general protection fault";
    explanation->reason =
        "general protection, address unknown: a pointer that no memory can have (non-canonical), "
        "or an access that is misaligned or privileged";
    if (is_known && top != 0 && top != 0x1ffff) {
        explanation->brief = "pointer is garbage (non-canonical)";
        explanation->reason = arena_printf(fault->arena,
                                           "general protection: %s = 0x%" PRIx64
                                           " is a pointer that no memory can have (non-canonical)",
                                           base, input->registers[operand.base]);
    } else if (is_known && operand.address % 16 && crash_modules_find(input->modules, operand.address)) {
        explanation->class = "misaligned";
        explanation->brief = "misaligned access";
        explanation->reason = arena_printf(
            fault->arena, "general protection: 0x%" PRIx64 " (from %s) is not aligned to 16 bytes",
            operand.address, base);
    }
}

static void explain_bus(struct fault *fault, struct explanation *explanation)
{
    const struct symbols_module *mapping = fault->mapping;
    int code = fault->input->crash->code;
    bool is_of_file = mapping && mapping->path[0] == '/';
    if (code == BUS_ADRALN) {
        explanation->class = "misaligned";
        explanation->brief = "misaligned access";
        explanation->reason =
            arena_printf(fault->arena, "misaligned access to 0x%" PRIx64 "%s", fault->address, fault->by);
    } else if (code == BUS_MCEERR_AR || code == BUS_MCEERR_AO) {
        explanation->class = "hardware";
        explanation->brief = "memory error of the hardware";
        explanation->reason =
            arena_printf(fault->arena, "the hardware reports a memory error at 0x%" PRIx64, fault->address);
    } else {
        explanation->class = is_of_file ? "truncated-file" : "no-access";
        explanation->brief = is_of_file ? "mapped file was truncated" : "no memory behind the address";
        explanation->reason =
            is_of_file
                ? arena_printf(fault->arena,
                               "0x%" PRIx64 " lies behind the end of %s: the file was truncated while mapped "
                               "(or its disk fails)",
                               fault->address, mapping->path)
                : arena_printf(fault->arena,
                               "nothing could be put behind 0x%" PRIx64 " (full tmpfs, huge pages)",
                               fault->address);
    }
}

static void explain_segv(struct fault *fault, struct explanation *explanation)
{
    int code = fault->input->crash->code;
    bool is_jump = fault->access == ACCESS_EXECUTE || (fault->has_registers && fault->pc == fault->address);
    if (code == SEGV_MTEAERR || code == SEGV_MTESERR)
        explain_memory_tag(fault, explanation, code == SEGV_MTEAERR);
    else if (fault->address < NULL_PAGES && !(fault->mapping && is_accessible(fault->mapping)))
        explain_null(fault, explanation);
    else if (is_stack_overflow(fault))
        explain_stack_overflow(fault, explanation);
    else if (is_jump)
        explain_wild_jump(fault, explanation);
    else if (code == SEGV_PKUERR) {
        explanation->class = "protection-key";
        explanation->brief = "memory protection key";
        explanation->reason = arena_printf(
            fault->arena, "access to 0x%" PRIx64 ", whose protection key forbids it", fault->address);
    } else if (code == SEGV_ACCERR)
        explain_forbidden(fault, explanation);
    else
        explain_unmapped(fault, explanation);
}

void explain_memory(const struct explain_input *input, struct arena *arena,
                    struct explanation *ret_explanation)
{
    const struct crash_case *crash = input->crash;
    bool is_arm = crash->machine == EM_AARCH64;
    struct fault fault = {.input = input, .arena = arena, .address = crash->address};
    fault.address = untagged(&fault);
    fault.has_registers = input->registers != NULL;
    if (fault.has_registers) {
        fault.pc = input->registers[is_arm ? WIRE_AARCH64_PC : WIRE_X86_64_IP];
        fault.sp = input->registers[is_arm ? WIRE_AARCH64_SP : 7];
    }
    fault.access = find_access(input);
    fault.mapping = crash_modules_find(input->modules, fault.address);
    find_origin(&fault);
    ret_explanation->has_address = true;
    ret_explanation->address = crash->address;
    if (crash->signal == SIGBUS)
        explain_bus(&fault, ret_explanation);
    else if (crash->code == SI_KERNEL)
        explain_general_protection(&fault, ret_explanation);
    else
        explain_segv(&fault, ret_explanation);
    if (fault.address != crash->address)
        ret_explanation->reason = arena_printf(arena, "%s; the pointer has the tag 0x%02x",
                                               ret_explanation->reason, (unsigned)(crash->address >> 56));
}

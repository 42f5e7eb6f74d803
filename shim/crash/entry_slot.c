/*
 * entry_slot: one fault into the crash slot, the surest first (shim/wire/README.md): registers, message, exception; stacks; modules.
 *
 * The claim is held, and memory_copy() reads whatever may be ruined; what faults all the same is undone (entry_capture.c).
 */
#include "entry_priv.h"
#include "real_libc.h"

#define RED_ZONE_BYTES 128u
#define PAGE 4096u
#define MAX_GUARD_PAGES 256u /* below a stack that overflowed */
#define MAX_ALTERNATE_BYTES \
    (32u << 10) /* of an alternate stack, from its top: the frame of the first signal is there */

/* ---- stacks ---- */
/* The first byte at or above that can be read: a stack that overflowed stands below its own memory. */
static uint64_t find_readable(uint64_t from)
{
    for (uint32_t i = 0; i < MAX_GUARD_PAGES; i++, from = (from & ~(uint64_t)(PAGE - 1)) + PAGE)
        if (memory_is_readable(from))
            return from;
    return 0;
}

static uint32_t copy_stack(uint8_t *to, uint32_t max_bytes, uint64_t stack_pointer, uint64_t frame_pointer,
                           uint64_t *ret_from)
{
    uint64_t from =
        find_readable(stack_pointer < RED_ZONE_BYTES ? stack_pointer : stack_pointer - RED_ZONE_BYTES);
    if (!from && frame_pointer > stack_pointer) /* an array of megabytes was stepped over */
        from = find_readable(frame_pointer & ~(uint64_t)(PAGE - 1));
    *ret_from = from;
    return from ? (uint32_t)memory_copy(to, from, max_bytes) : 0;
}

/*
 * Where the code stood that the first signal on this alternate stack interrupted. Every frame of the kernel's holds the stack's own
 * bounds (uc_stack): they are looked for from the top.
 */
static const ucontext_t *find_first_context(uint64_t from, uint64_t low, uint64_t high)
{
    if (high - from > MAX_ALTERNATE_BYTES)
        from = high - MAX_ALTERNATE_BYTES;
    from = (from + 7) & ~7ull;
    for (uint64_t at = (high & ~7ull) - sizeof(stack_t); at >= from && at < high; at -= 8) {
        const stack_t *stack = (const stack_t *)(uintptr_t)at; /* NOLINT(performance-no-int-to-ptr) */
        if ((uint64_t)(uintptr_t)stack->ss_sp == low && stack->ss_size == high - low)
            return (const ucontext_t *)(uintptr_t)(at -
                                                   offsetof(ucontext_t, uc_stack)); /* NOLINT: as above */
    }
    return NULL;
}

static void copy_stacks(struct wire_crash *crash, uint8_t *slot, const ucontext_t *context)
{
    uint64_t pointer = fault_stack_pointer(context), low, high;
    crash->stack_bytes = copy_stack(slot + WIRE_CRASH_STACK_OFFSET, WIRE_CRASH_STACK_MAX, pointer,
                                    fault_frame_pointer(context), &crash->stack_from);
    const ucontext_t *outer =
        fault_is_on_alternate(context, &low, &high) ? find_first_context(pointer, low, high) : NULL;
    if (outer)
        crash->outer_bytes =
            copy_stack(slot + WIRE_CRASH_OUTER_OFFSET, WIRE_CRASH_OUTER_MAX, fault_stack_pointer(outer),
                       fault_frame_pointer(outer), &crash->outer_from);
}

/* ---- the slot ---- */
/* glibc: struct abort_msg_s { unsigned int size; char msg[]; } *__abort_msg. */
static void copy_message(struct wire_crash *crash)
{
    uint64_t at = 0;
    const void *variable = libc_find_data("__abort_msg");
    if (!variable || memory_copy(&at, (uint64_t)(uintptr_t)variable, sizeof at) != sizeof at || !at)
        return;
    size_t n = memory_copy(crash->message, at + sizeof(unsigned), sizeof crash->message), bytes = 0;
    while (bytes < n && crash->message[bytes])
        bytes++;
    crash->message_bytes = (uint32_t)bytes;
}

static void set_state(struct wire_crash *crash, enum wire_crash_state state)
{
    __atomic_store_n(&crash->state, state, __ATOMIC_RELEASE);
}

void slot_write(uint8_t *slot, const struct crash_signal *signal, enum wire_fault_kind kind, bool is_again,
                uint32_t *ret_is_written)
{
    struct wire_crash *crash = (struct wire_crash *)(void *)slot;
    bool is_cut = false;
    uint32_t n_modules = 0;
    set_state(crash, WIRE_CRASH_CLAIMED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    crash->sequence++;
    crash_zero(&crash->flags, sizeof *crash - offsetof(struct wire_crash, flags));
    fault_fill(&crash->fault, signal, kind);
    crash->fault.pid = signal->pid;
    crash->fault.tid = signal->tid;
    crash->fault.sequence = 2;
    (void)sys_prctl(16 /* PR_GET_NAME */, crash->fault.thread_name);
    if (signal->number == SIGABRT && !is_again)
        copy_message(crash);
    thrown_copy(crash);
    set_state(crash, WIRE_CRASH_REGISTERS);
    *ret_is_written = 1;
    copy_stacks(crash, slot, signal->context);
    set_state(crash, WIRE_CRASH_STACK);
    crash->modules_bytes =
        modules_write(slot + WIRE_CRASH_MODULES_OFFSET, WIRE_CRASH_MODULES_MAX, &n_modules, &is_cut);
    crash->n_modules = n_modules;
    crash->flags |= is_cut ? WIRE_CRASH_CUT_MODULES : 0;
    set_state(crash, WIRE_CRASH_WHOLE);
}

/* callstack: see callstack.h. */
#include "callstack.h"

#include "buffer.h"
#include "crash/crash.h"
#include "settings.h"

#include <elf.h>
#include <string.h>

#define NS_PER_S 1000000000u
#define COUNT_BITS 8u
/* With room for the call's own record: in another chunk, one that is read before, the call would come without its stack. */
#define MAX_BYTES (sizeof(struct wire_stack) + WIRE_STACK_MAX + WIRE_RECORD_MAX)
static_assert(MAX_BYTES <= WIRE_CHUNK_BYTES, "both in one chunk");

/* Second and how many stacks it has had; relaxed, any thread. A fork child goes on with its parent's. */
static uint64_t copied;

static bool is_within_rate(uint64_t now_ns)
{
    uint64_t second = now_ns / NS_PER_S, before = __atomic_load_n(&copied, __ATOMIC_RELAXED), after;
    do {
        after = before >> COUNT_BITS == second ? before + 1 : second << COUNT_BITS | 1;
        if ((after & ((1u << COUNT_BITS) - 1)) > CALLSTACK_MAX_A_SECOND)
            return false;
    } while (!__atomic_compare_exchange_n(&copied, &before, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

/*
 * What the callers of this frame have left in registers, and where it stands now: with the unwind information of this very instruction
 * everything above can be found.
 */
static inline __attribute__((always_inline)) void copy_registers(uint64_t *registers)
{
#if defined(__x86_64__)
    __asm__ volatile(
        "leaq 0f(%%rip), %%rax\n0:\tmovq %%rax, 128(%0)\n\tmovq %%rbx, 24(%0)\n\tmovq %%rbp, 48(%0)\n\t"
        "movq %%rsp, 56(%0)\n\tmovq %%r12, 96(%0)\n\tmovq %%r13, 104(%0)\n\tmovq %%r14, 112(%0)\n\t"
        "movq %%r15, 120(%0)"
        :
        : "r"(registers)
        : "rax", "memory");
#elif defined(__aarch64__)
    __asm__ volatile("adr x9, 0f\n0:\tstr x9, [%0, 256]\n\tmov x9, sp\n\tstr x9, [%0, 248]\n\t"
                     "stp x19, x20, [%0, 152]\n\tstp x21, x22, [%0, 168]\n\tstp x23, x24, [%0, 184]\n\t"
                     "stp x25, x26, [%0, 200]\n\tstp x27, x28, [%0, 216]\n\tstp x29, x30, [%0, 232]"
                     :
                     : "r"(registers)
                     : "x9", "memory");
#endif
}

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define STACK_POINTER 7
#else
#define MACHINE EM_AARCH64
#define STACK_POINTER 31
#endif

/*
 * Not beyond the top of the thread's own stack. A stack may have been made by anybody (fibers, coroutines) and lie anywhere: pages
 * are asked for. Not by memcpy(): AddressSanitizer's looks for what lies between the program's variables.
 */
static uint32_t copy_stack(struct thread *thread, uint64_t from, uint8_t *to)
{
    uint64_t top = thread_stack_top(thread), bytes = WIRE_STACK_MAX;
    if (from < top && top - from < bytes)
        bytes = (top - from) & ~7ull;
    return (uint32_t)memory_copy_by_pages(to, from, bytes) & ~7u;
}

/* Not inlined: its frame is where the unwinder begins. */
static __attribute__((noinline)) void fill(struct wire_stack *stack, struct thread *thread)
{
    copy_registers(stack->registers);
    stack->machine = MACHINE;
    stack->tid = thread->tid;
    stack->stack_from = stack->registers[STACK_POINTER];
    stack->stack_bytes = copy_stack(thread, stack->stack_from, (uint8_t *)(stack + 1));
    stack->record = (struct wire_record){.bytes = (uint32_t)sizeof(*stack) + stack->stack_bytes,
                                         .kind = WIRE_RECORD_STACK};
}

void callstack_copy(const struct dropbox *box, struct thread *thread, const uint8_t *span_id, uint64_t now_ns)
{
    struct buffer_reservation reservation;
    if (!settings_get()->alert_stack)
        return;
    if (!is_within_rate(now_ns)) {
        dropbox_count(DROP_NO_STACK);
        return;
    }
    if (!buffer_reserve_in_as(box, thread, MAX_BYTES, DROP_NO_STACK, &reservation))
        return;
    struct wire_stack *stack = (struct wire_stack *)(void *)reservation.at;
    memset(stack, 0, sizeof(*stack));
    stack->mono_ns = now_ns;
    if (span_id)
        memcpy(stack->span_id, span_id, sizeof(stack->span_id));
    fill(stack, thread);
    buffer_commit(thread, &reservation, stack->record.bytes);
}

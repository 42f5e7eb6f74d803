/* entry_fault: who faulted, where, and with what in the registers (entry_priv.h). Of each thread the last fault is kept. */
#include "entry_priv.h"

#include <elf.h>
#include <errno.h>

#define MAX_PROBES 4u /* of the table for one thread: a fault that is handled is not to cost much */
#define MAX_HANDLER_BYTES (8u << 20) /* of stack that a handler may have used */
#define SYNDROME_MAGIC 0x45535201u   /* the kernel's ESR_MAGIC */

/* ---- registers, by their DWARF numbers ---- */
#if defined(__x86_64__)
uint64_t fault_stack_pointer(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RSP];
}

uint64_t fault_frame_pointer(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RBP];
}

uint64_t fault_counter(const ucontext_t *context)
{
    return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
}

static void fill_registers(uint64_t *registers, const ucontext_t *context)
{
    static const uint8_t from[20] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,   REG_RBP,
                                     REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12,   REG_R13,
                                     REG_R14, REG_R15, REG_RIP, REG_EFL, REG_ERR, REG_TRAPNO};
    for (uint32_t i = 0; i < sizeof from; i++)
        registers[i] = (uint64_t)context->uc_mcontext.gregs[from[i]];
}
#define MACHINE EM_X86_64
#else
uint64_t fault_stack_pointer(const ucontext_t *context)
{
    return context->uc_mcontext.sp;
}

uint64_t fault_frame_pointer(const ucontext_t *context)
{
    return context->uc_mcontext.regs[29];
}

uint64_t fault_counter(const ucontext_t *context)
{
    return context->uc_mcontext.pc;
}

/* The kernel's records follow one another: magic, size, contents. */
static uint64_t find_syndrome(const mcontext_t *machine)
{
    const uint8_t *at = (const uint8_t *)machine->__reserved;
    for (size_t left = sizeof machine->__reserved; left >= 16;) {
        const uint32_t *head = (const uint32_t *)(const void *)at;
        if (head[0] == SYNDROME_MAGIC)
            return *(const uint64_t *)(const void *)(at + 8);
        if (!head[0] || head[1] < 8 || head[1] > left || (head[1] & 7))
            break;
        at += head[1];
        left -= head[1];
    }
    return 0;
}

static void fill_registers(uint64_t *registers, const ucontext_t *context)
{
    const mcontext_t *machine = &context->uc_mcontext;
    for (uint32_t i = 0; i < 31; i++)
        registers[i] = machine->regs[i];
    registers[WIRE_AARCH64_SP] = machine->sp;
    registers[WIRE_AARCH64_PC] = machine->pc;
    registers[WIRE_AARCH64_PSTATE] = machine->pstate;
    registers[WIRE_AARCH64_FAULT] = machine->fault_address;
    registers[WIRE_AARCH64_ESR] = find_syndrome(machine);
}
#define MACHINE EM_AARCH64
#endif

bool fault_is_on_alternate(const ucontext_t *context, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t low = (uint64_t)(uintptr_t)context->uc_stack.ss_sp, bytes = context->uc_stack.ss_size;
    if ((context->uc_stack.ss_flags & SS_DISABLE) || fault_stack_pointer(context) - low >= bytes)
        return false;
    *ret_low = low;
    *ret_high = low + bytes;
    return true;
}

/* ---- one fault ---- */
static uint64_t fault_address(const siginfo_t *info)
{
    return info->si_code > 0 ? (uint64_t)(uintptr_t)info->si_addr : 0;
}

/* Program counter and stack pointer, of what was filled before. */
static bool is_same_place(const struct wire_fault *fault, const ucontext_t *context)
{
#if defined(__x86_64__)
    uint64_t counter = fault->registers[WIRE_X86_64_IP], stack = fault->registers[7];
#else
    uint64_t counter = fault->registers[WIRE_AARCH64_PC], stack = fault->registers[WIRE_AARCH64_SP];
#endif
    return counter == fault_counter(context) && stack == fault_stack_pointer(context);
}

static bool is_repeated(const struct wire_fault *fault, const struct crash_signal *signal)
{
    const siginfo_t *last = (const siginfo_t *)(const void *)fault->siginfo;
    return is_same_place(fault, signal->context) && last->si_signo == signal->number &&
           last->si_code == signal->info->si_code && fault_address(last) == fault_address(signal->info);
}

void fault_fill(struct wire_fault *fault, const struct crash_signal *signal, enum wire_fault_kind kind)
{
    fault->machine = MACHINE;
    fault->kind = (uint8_t)kind;
    fault->flags = 0;
    fault->mono_ns = signal->mono_ns;
    fault->stack_low = fault->stack_high = 0;
    if (fault_is_on_alternate(signal->context, &fault->stack_low, &fault->stack_high))
        fault->flags = WIRE_FAULT_ON_ALTERNATE;
    fault->context = (uint64_t)(uintptr_t)signal->context;
    crash_copy(fault->siginfo, signal->info, sizeof fault->siginfo);
    fill_registers(fault->registers, signal->context);
}

bool fault_is_running(const struct wire_fault *fault, uint64_t stack_pointer)
{
#if defined(__x86_64__)
    uint64_t at = offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]),
             counter = fault->registers[WIRE_X86_64_IP], found;
#else
    uint64_t at = offsetof(ucontext_t, uc_mcontext.pc), counter = fault->registers[WIRE_AARCH64_PC], found;
#endif
    return fault->context - stack_pointer < MAX_HANDLER_BYTES &&
           memory_copy(&found, fault->context + at, sizeof found) == sizeof found && found == counter;
}

/* ---- the table ---- */
static struct wire_fault *table_of(uint8_t *slot)
{
    return (struct wire_fault *)(void *)(slot + WIRE_CRASH_FAULTS_OFFSET);
}

struct wire_fault *fault_find(uint8_t *slot, uint32_t tid)
{
    struct wire_fault *table = table_of(slot);
    for (uint32_t i = 0; i < MAX_PROBES; i++) {
        struct wire_fault *fault = &table[(tid + i) % WIRE_CRASH_FAULTS];
        if (__atomic_load_n(&fault->tid, __ATOMIC_RELAXED) == tid)
            return fault;
    }
    return NULL;
}

bool fault_is_nested(uint8_t *slot, const struct crash_signal *signal)
{
    const struct wire_fault *fault = fault_find(slot, signal->tid);
    uint64_t here = (uint64_t)(uintptr_t)signal->context;
    return fault && fault->kind == WIRE_FAULT_HANDLED && here < fault->context &&
           fault_is_running(fault, here);
}

/* Nobody's, a dead thread's, else the first one that nobody is writing to. */
static struct wire_fault *claim(uint8_t *slot, const struct crash_signal *signal)
{
    struct wire_fault *table = table_of(slot);
    for (uint32_t i = 0; i < 2 * MAX_PROBES; i++) {
        struct wire_fault *fault = &table[(signal->tid + i % MAX_PROBES) % WIRE_CRASH_FAULTS];
        uint32_t owner = __atomic_load_n(&fault->tid, __ATOMIC_RELAXED);
        if (owner && i < MAX_PROBES && sys_tgkill(fault->pid, owner, 0) != -ESRCH)
            continue;
        if (!__atomic_compare_exchange_n(&fault->tid, &owner, signal->tid, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED))
            continue;
        fault->pid = sys_getpid();
        fault->repeats = 0;
        crash_zero(fault->thread_name, sizeof fault->thread_name);
        crash_zero(fault->registers, sizeof fault->registers);
        (void)sys_prctl(16 /* PR_GET_NAME */, fault->thread_name);
        return fault;
    }
    return NULL;
}

struct wire_fault *fault_note(uint8_t *slot, const struct crash_signal *signal, enum wire_fault_kind kind,
                              uint32_t flags)
{
    struct wire_fault *fault = fault_find(slot, signal->tid);
    bool is_known = fault && fault->sequence && fault->kind == (uint8_t)kind && is_repeated(fault, signal);
    if (!fault)
        fault = claim(slot, signal);
    if (!fault)
        return NULL;
    /* Odd already: this very thread was interrupted here. */
    uint32_t odd = fault->sequence | 1;
    __atomic_store_n(&fault->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    if (is_known) {
        fault->repeats++;
        fault->mono_ns = signal->mono_ns;
        fault->context = (uint64_t)(uintptr_t)signal->context;
    } else {
        fault->repeats = 0;
        fault_fill(fault, signal, kind);
    }
    fault->flags = (uint8_t)((fault->flags & ~WIRE_FAULT_EXITED_INSIDE) | flags);
    __atomic_store_n(&fault->sequence, odd + 1, __ATOMIC_RELEASE);
    return fault;
}

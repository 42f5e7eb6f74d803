/*
 * entry_capture: who captures, on which stack, and the wait for the reader (entry_priv.h).
 *
 * It runs on a stack of its own, as there may be a kilobyte left on the program's alternate one: the kernel must then not be told
 * of that one, or a fault in here would be laid over the frame that we return through. Such a fault is undone: its context goes on
 * behind crash_run() (facts "crash" 5: redis/memtier_benchmark lost a report, and the program its status, to a second fault).
 */
#include "crash/sharing.h"
#include "entry_priv.h"
#include "start.h"

#include <errno.h>
#include <sys/resource.h>

#define STACK_BYTES (48u << 10)
#define MAX_TRIES 2u
#define WAIT_STEP_NS 10000000u
#define MAX_START_NS 100000000u /* an exporter that was started has its lock by then */
#define PR_SET_PTRACER 0x59616d61

static struct {
    uint64_t holder; /* pid << 32 | tid; 0 nobody. Futex: its lower half */
    uint32_t kind;   /* of the holder's fault */
    uint32_t is_done;
    uint32_t is_guarded; /* the holder is in capture(), and `landing` holds */
    uint32_t n_faults;   /* of the capture itself */
    uint32_t is_written; /* registers and message are in the slot */
    /* the holder's own */
    const struct crash_signal *signal;
    uint8_t siginfo[128];
    struct crash_landing landing;
    stack_t alternate; /* what it was, as are these */
    uint64_t limits[3][2];
    bool is_lifted[3];
} claim;
static _Alignas(16) uint8_t own_stack[STACK_BYTES];

/* ---- the claim ---- */
static uint64_t identity(const struct crash_signal *signal)
{
    return (uint64_t)signal->pid << 32 | signal->tid;
}

/* This very thread left it behind; a vfork child that was done with it, or is gone. */
static bool may_be_taken(uint64_t holder, const struct crash_signal *signal)
{
    uint32_t pid = (uint32_t)(holder >> 32);
    if (holder == identity(signal))
        return true;
    return pid != signal->pid && (claim.is_done || sys_tgkill(pid, (uint32_t)holder, 0) == -ESRCH);
}

bool capture_claim(const struct crash_signal *signal, enum wire_fault_kind kind, uint64_t wait_ns)
{
    uint64_t now_ns = signal->mono_ns, end_ns = now_ns + wait_ns;
    for (;;) {
        uint64_t holder = __atomic_load_n(&claim.holder, __ATOMIC_ACQUIRE);
        if ((!holder || may_be_taken(holder, signal)) &&
            __atomic_compare_exchange_n(&claim.holder, &holder, identity(signal), false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            break;
        if (now_ns >= end_ns)
            return false;
        uint64_t left_ns = end_ns - now_ns;
        (void)sys_futex_wait(&claim.holder, (uint32_t)holder,
                             left_ns < WAIT_STEP_NS ? left_ns : WAIT_STEP_NS);
        now_ns = crash_now_ns();
    }
    claim.signal = signal;
    claim.n_faults = claim.is_guarded = claim.is_written = 0;
    crash_copy(claim.siginfo, signal->info, sizeof claim.siginfo);
    __atomic_store_n(&claim.is_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&claim.kind, kind, __ATOMIC_RELEASE);
    return true;
}

void capture_release(const struct crash_signal *signal)
{
    uint64_t mine = identity(signal);
    __atomic_store_n(&claim.is_done, 1, __ATOMIC_RELEASE);
    if (claim.kind == WIRE_FAULT_FATAL) /* the others wait for its death */
        return;
    (void)__atomic_compare_exchange_n(&claim.holder, &mine, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    sys_futex_wake(&claim.holder);
}

bool capture_is_dying(uint32_t pid)
{
    uint64_t holder = __atomic_load_n(&claim.holder, __ATOMIC_ACQUIRE);
    return (uint32_t)(holder >> 32) == pid &&
           __atomic_load_n(&claim.kind, __ATOMIC_RELAXED) == WIRE_FAULT_FATAL;
}

bool capture_was_made(const struct crash_signal *signal)
{
    return __atomic_load_n(&claim.holder, __ATOMIC_RELAXED) == identity(signal) && claim.is_done &&
           claim.kind == WIRE_FAULT_FATAL;
}

/* ---- the slot ---- */
/* A crash that nobody has read yet is worth more than a fault that the program handles. */
static bool may_write(const struct wire_crash *crash, const struct dropbox *box)
{
    uint32_t kind = crash->fault.kind, captured = __atomic_load_n(&box->exporter->captured, __ATOMIC_RELAXED);
    return claim.kind != WIRE_FAULT_HANDLED || crash->state < WIRE_CRASH_REGISTERS ||
           kind != WIRE_FAULT_FATAL || captured == crash->sequence;
}

/* ---- the exporter ---- */
/* Is there still somebody to wait for? One that was just started has no lock yet. */
static bool may_wait(const struct dropbox *box, uint64_t since_ns, bool is_quiet, bool is_starting)
{
    return is_quiet || (is_starting && since_ns < MAX_START_NS) || dropbox_has_exporter(box);
}

static void wait_until_captured(const struct dropbox *box, uint32_t sequence, bool is_quiet, bool is_starting)
{
    uint64_t begin_ns = claim.signal->mono_ns, now_ns = crash_now_ns();
    while (now_ns - begin_ns < CRASH_HOLD_NS) {
        uint32_t captured = __atomic_load_n(&box->exporter->captured, __ATOMIC_ACQUIRE);
        if (captured == sequence)
            return;
        uint64_t left_ns = begin_ns + CRASH_HOLD_NS - now_ns;
        (void)sys_futex_wait(&box->exporter->captured, captured,
                             left_ns < WAIT_STEP_NS ? left_ns : WAIT_STEP_NS);
        now_ns = crash_now_ns();
        if (!may_wait(box, now_ns - begin_ns, is_quiet, is_starting))
            return;
        dropbox_ring_for_crash(box, now_ns, is_quiet);
    }
}

/* Yama lets a process be looked at by whom it names: for the other threads and the deep stack. */
static void announce(const struct dropbox *box, uint32_t sequence, bool is_quiet)
{
    bool is_starting = false;
    uint32_t exporter = box->exporter->pid;
    if (!is_quiet && exporter && claim.kind == WIRE_FAULT_FATAL)
        (void)sys_call6(__NR_prctl, PR_SET_PTRACER, exporter, 0, 0, 0, 0);
    dropbox_ring_for_crash(box, claim.signal->mono_ns, is_quiet);
    if (is_quiet ? !exporter
                 : !dropbox_has_exporter(box) && !(is_starting = start_exporter(box->header->start_ticks)))
        return;
    wait_until_captured(box, sequence, is_quiet, is_starting);
}

/* ---- limits ---- */
/* What a file needs that is yet to be made. The hard limits are the administrator's; the soft ones go back before the core is written. */
static const int resources[] = {RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_FSIZE};
#define N_RESOURCES (sizeof resources / sizeof resources[0])

static void lift_limits(void)
{
    for (uint32_t i = 0; i < N_RESOURCES; i++) {
        uint64_t *was = claim.limits[i], now[2];
        if (was[1] || sys_is_error(sys_prlimit(resources[i], NULL, was)) || was[0] == was[1])
            continue;
        now[0] = now[1] = was[1];
        claim.is_lifted[i] = !sys_is_error(sys_prlimit(resources[i], now, NULL));
    }
}

static void put_limits_back(void)
{
    for (uint32_t i = 0; i < N_RESOURCES; i++) {
        if (claim.is_lifted[i])
            (void)sys_prlimit(resources[i], claim.limits[i], NULL);
        claim.is_lifted[i] = false;
        claim.limits[i][1] = 0;
    }
}

/* ---- on the own stack ---- */
static void use(const struct dropbox *box, bool is_quiet)
{
    struct wire_crash *crash = (struct wire_crash *)(void *)box->crash_slot;
    if (!may_write(crash, box))
        return;
    slot_write(box->crash_slot, claim.signal, (enum wire_fault_kind)claim.kind, claim.n_faults != 0,
               &claim.is_written);
    if (claim.kind != WIRE_FAULT_HANDLED)
        announce(box, crash->sequence, is_quiet);
    if (claim.kind == WIRE_FAULT_ASKED && box->exporter->captured != crash->sequence)
        dropbox_keep(box); /* for an exporter that comes later */
}

static void capture(void)
{
    static const stack_t none = {.ss_flags = SS_DISABLE};
    static const uint64_t mask = ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGILL - 1) |
                                   1ull << (SIGFPE - 1) | 1ull << (SIGTRAP - 1) | 1ull << (SIGSYS - 1));
    __atomic_store_n(&claim.is_guarded, 1, __ATOMIC_SEQ_CST);
    sys_restore_signals(&mask); /* a fault in here is to come to us */
    bool is_quiet = crash_sandbox() != crash_setup.sandbox;
    (void)sys_call3(__NR_sigaltstack, (long)&none, (long)&claim.alternate, 0);
    if (is_quiet)
        crash_setup.is_quiet = crash_setup.is_filtered = true;
    const struct dropbox *box = dropbox_file(), *made = NULL;
    if (!box && claim.kind == WIRE_FAULT_FATAL)
        lift_limits();
    if (!box && !is_quiet)
        box = made =
            claim.kind == WIRE_FAULT_FATAL ? dropbox_open_for_crash(claim.n_faults != 0) : dropbox_open();
    if (made &&
        claim.kind == WIRE_FAULT_FATAL) /* the exporter gets to know the process while the slot is written */
        dropbox_ring_for_crash(made, claim.signal->mono_ns, false);
    if (box &&
        claim.kind == WIRE_FAULT_FATAL) /* what exit() ran behind our destructor crashes: no clean exit */
        (void)__atomic_fetch_and(&box->header->state, ~WIRE_STATE_EXITED, __ATOMIC_RELAXED);
    if (box)
        use(box, is_quiet);
    if (made && !sharing_is_own())
        dropbox_leave(made);
}

void capture_run(void)
{
    uint64_t old;
    claim.alternate.ss_flags = SS_DISABLE;
    sys_block_signals(&old);
    for (uint32_t i = 0; i < MAX_TRIES; i++)
        if (!crash_run(capture, own_stack + sizeof own_stack, &claim.landing) || claim.is_written)
            break;
    __atomic_store_n(&claim.is_guarded, 0, __ATOMIC_SEQ_CST);
    put_limits_back();
    if (!(claim.alternate.ss_flags & SS_DISABLE)) /* the program's handler may look */
        (void)sys_call3(__NR_sigaltstack, (long)&claim.alternate, 0, 0);
    sys_restore_signals(&old);
}

/*
 * Not by the way back, which is lost, or has led here again: from here. Where even that is refused (a filter), the fault comes
 * again with its signal blocked: that the kernel ends by itself.
 */
static void die_at_once(int number, ucontext_t *context)
{
    const siginfo_t *info = (const siginfo_t *)(const void *)claim.siginfo;
    static const uint64_t nothing;
    disposition_let_die(info->si_signo);
    sys_restore_signals(&nothing);
    if (sys_is_error(sys_call6(__NR_rt_tgsigqueueinfo, (long)sys_getpid(), (long)sys_gettid(), info->si_signo,
                               (long)info, 0, 0)))
        (void)sys_tgkill(sys_getpid(), sys_gettid(), info->si_signo);
    *(uint64_t *)(void *)&context->uc_sigmask |= 1ull << (number - 1);
}

static void land(ucontext_t *context)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)&crash_landed;
    context->uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)&claim.landing;
#else
    context->uc_mcontext.pc = (uint64_t)(uintptr_t)&crash_landed;
    context->uc_mcontext.regs[0] = (uint64_t)(uintptr_t)&claim.landing;
#endif
}

/* A filter's trap: the system call says that there is none. */
static void refuse(ucontext_t *context)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#else
    context->uc_mcontext.regs[0] = (uint64_t)-ENOSYS;
#endif
}

bool capture_undo(int number, const siginfo_t *info, ucontext_t *context)
{
    uint64_t holder = __atomic_load_n(&claim.holder, __ATOMIC_RELAXED);
    if (!holder || holder != ((uint64_t)sys_getpid() << 32 | sys_gettid()))
        return false;
    bool is_dying = claim.kind == WIRE_FAULT_FATAL;
    if (!claim.is_guarded && (!is_dying || info->si_code <= 0))
        return false;
    if (info->si_code <= 0) /* sent by somebody: the death we are at is the answer */
        return true;
    if (number == SIGSYS && claim.is_guarded)
        refuse(context);
    else if (claim.is_guarded && claim.n_faults++ < MAX_TRIES)
        land(context);
    else if (is_dying)
        die_at_once(number, context);
    else
        disposition_let_die(number);
    return true;
}

/*
 * entry: what becomes of a crash signal (crash.h).
 *
 *   the program handles it   noted in a table, 64 KiB of stack at most every 10 ms; then its handler runs as if we were not there
 *   it does not              into the crash slot; then SIG_DFL, the original siginfo once more, and back: the kernel kills where it
 *                            would have killed (facts "crash" 14)
 */
#include "entry_priv.h"
#include "hot.h"

#define CAPTURE_GAP_NS 10000000u
#define OWN_FRAMES_BYTES 1024u

struct crash_setup crash_setup HOT_DATA;
static uint64_t handled_ns; /* when a stack was last kept of a fault that the program handles */

bool crash_is_on(void)
{
    return crash_setup.is_on;
}

/* What the kernel raises where the fault is, and raises again if nothing is done. */
static bool is_fault(const struct crash_signal *signal)
{
    return signal->info->si_code > 0 && (signal->number == SIGSEGV || signal->number == SIGBUS ||
                                         signal->number == SIGILL || signal->number == SIGFPE);
}

/* But for what the memory tags of aarch64 noticed late: it strikes once (facts "crash" 127). */
static bool comes_again(const struct crash_signal *signal)
{
    return is_fault(signal) && !(signal->number == SIGSEGV && signal->info->si_code == SEGV_MTEAERR);
}

/* ---- nothing handles it ---- */
/* The signal stays blocked until the kernel takes the mask out of the context: then it strikes at the place of the fault. */
static void die(const struct crash_signal *signal)
{
    uint64_t old;
    disposition_let_die(signal->number);
    /* A filter of its own might kill for the call below, and qemu takes the signal for its own fault. It faults again. */
    bool is_simple = (crash_setup.is_quiet || crash_setup.is_emulated) && is_fault(signal);
    if (is_simple && comes_again(signal))
        return;
    sys_block_signals(&old);
    bool is_raised = signal->info->si_code == SI_TKILL && (uint32_t)signal->info->si_pid == signal->pid;
    if ((crash_setup.is_quiet && is_raised) || is_simple ||
        sys_is_error(sys_call6(__NR_rt_tgsigqueueinfo, (long)signal->pid, (long)signal->tid, signal->number,
                               (long)signal->info, 0, 0)))
        (void)sys_tgkill(signal->pid, signal->tid, signal->number);
}

static void note_other(const struct crash_signal *signal)
{
    const struct dropbox *box = dropbox_file();
    if (box)
        (void)fault_note(box->crash_slot, signal, WIRE_FAULT_OTHER, 0);
}

static void end(const struct crash_signal *signal)
{
    if (signal->pid == 1 && signal->info->si_code <= 0)
        return; /* the kernel would not have delivered it (facts "crash" 1) */
    if (!capture_was_made(signal)) {
        if (capture_is_dying(signal->pid))
            note_other(signal);
        if (capture_claim(signal, WIRE_FAULT_FATAL, CRASH_HOLD_NS)) {
            capture_run();
            capture_release(signal);
        }
    }
    die(signal);
}

static void show_stacks(const struct crash_signal *signal)
{
    if (!capture_claim(signal, WIRE_FAULT_ASKED, 0))
        return;
    capture_run();
    capture_release(signal);
}

/* ---- the program handles it ---- */
static bool is_time_to_capture(const struct crash_signal *signal)
{
    uint64_t last_ns = __atomic_load_n(&handled_ns, __ATOMIC_RELAXED);
    return signal->mono_ns - last_ns >= CAPTURE_GAP_NS &&
           __atomic_compare_exchange_n(&handled_ns, &last_ns, signal->mono_ns, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

/*
 * Rust's handler aborts on an alternate stack of 8 KiB. Where the kernel could not lay another frame there it would kill with SIGSEGV:
 * then better without us (facts "crash" EXP 5).
 */
static uint32_t make_room(const struct crash_signal *signal)
{
    uint64_t low = (uint64_t)(uintptr_t)signal->context->uc_stack.ss_sp;
    uint64_t room = (uint64_t)(uintptr_t)__builtin_frame_address(0) - low;
    struct disposition abort_view;
    if ((signal->context->uc_stack.ss_flags & SS_DISABLE) || room >= signal->context->uc_stack.ss_size ||
        room >= crash_setup.frame_bytes + OWN_FRAMES_BYTES)
        return 0;
    disposition_get(SIGABRT, &abort_view);
    if (abort_view.handler)
        return 0;
    disposition_let_die(SIGABRT);
    return WIRE_FAULT_BLOCKED_ABORT;
}

static void note_handled(struct crash_signal *signal)
{
    uint32_t flags = make_room(signal);
    const struct dropbox *box = dropbox_file();
    if (!box && !is_fault(signal) && signal->number != SIGABRT) /* it was only sent */
        return;
    if (box && fault_is_nested(box->crash_slot, signal))
        return; /* the first one is what the process may die of */
    bool is_time = is_time_to_capture(signal);
    if (is_time)
        signal->pid = sys_getpid();
    if (is_time && capture_claim(signal, WIRE_FAULT_HANDLED, 0)) {
        capture_run();
        capture_release(signal);
        box = dropbox_file();
    }
    if (!box)
        return;
    crash_setup.has_faults = true;
    (void)fault_note(box->crash_slot, signal, WIRE_FAULT_HANDLED, flags);
}

uint64_t crash_decide(int number, siginfo_t *info, void *context)
{
    struct disposition view;
    if (capture_undo(number, info, context))
        return 0;
    disposition_get(number, &view);
    if (view.handler == 1 /* SIG_IGN */)
        return 0;
    struct crash_signal signal = {number, 0, sys_gettid(), info, context, crash_now_ns()};
    if (view.handler) {
        note_handled(&signal);
        if (disposition_note_call(number, &view))
            return view.handler;
    }
    signal.pid = sys_getpid();
    if (number == SIGQUIT)
        show_stacks(&signal);
    else
        end(&signal);
    return 0;
}

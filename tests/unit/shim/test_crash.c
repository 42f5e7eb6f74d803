/* What the crash handler copies, of what it may, and who may write the slot: memory.c, modules.c, entry_fault.c, entry_capture.c. */
#include "mapped_file.h"

#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>

#include "crash/entry_priv.h"
#include "real_libc.h"

#define PAGE 4096u

static struct crash_signal signal_of(uint32_t pid, uint32_t tid, int code, ucontext_t *context)
{
    static siginfo_t info;
    info.si_signo = SIGSEGV;
    info.si_code = code;
    info.si_addr = (void *)8;
    return (struct crash_signal){SIGSEGV, pid, tid, &info, context, crash_now_ns()};
}

static ucontext_t here(void)
{
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_flags = SS_DISABLE;
    return context;
}

/* ---- memory ---- */
static void copies_what_is_there(bool is_filtered)
{
    crash_setup.is_filtered = is_filtered;
    uint8_t *map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            to[3 * PAGE];
    CHECK(map != MAP_FAILED);
    memset(map, 7, 3 * PAGE);
    mprotect(map + 2 * PAGE, PAGE, PROT_NONE);
    memset(to, 0, sizeof to);
    uint64_t at = (uint64_t)(uintptr_t)map;
    CHECK(memory_copy(to, at + 100, PAGE) == PAGE && to[0] == 7 && to[PAGE - 1] == 7 && to[PAGE] == 0);
    CHECK(memory_copy(to, at + 100, 3 * PAGE - 100) == 2 * PAGE - 100 && to[2 * PAGE - 101] == 7 &&
          to[2 * PAGE - 100] == 0);
    CHECK(memory_copy(to, at + 2 * PAGE, 8) == 0);
    CHECK(memory_copy(to, at + 2 * PAGE - 3, 8) == 3);
    CHECK(memory_is_readable(at) && !memory_is_readable(at + 2 * PAGE));
    CHECK(memory_copy(to, 0, 8) == 0 && memory_copy(to, 8, 8) == 0);
    CHECK(memory_copy(to, ~0ull - 3, 8) == 0);             /* beyond the end of everything */
    CHECK(memory_copy(to, 0x4141414141414141ull, 8) == 0); /* not canonical */
    CHECK(memory_copy(to, 0xffff800000000000ull, 8) == 0); /* the kernel's */
}

static void memory_by_one_call(void)
{
    copies_what_is_there(false);
}

static void memory_by_questions(void)
{
    uint64_t before = 0, after = 0;
    sys_block_signals(&before);
    sys_restore_signals(&before);
    copies_what_is_there(true);
    sys_block_signals(&after);
    CHECK(before == after);
}

static void test_memory(void **state)
{
    (void)state;
    run_alone(memory_by_one_call);
    run_alone(memory_by_questions);
}

/* ---- modules ---- */
static uint8_t modules[WIRE_CRASH_MODULES_MAX];

static const struct wire_module *find_module(uint32_t n, const char *part)
{
    const uint8_t *at = modules;
    for (uint32_t i = 0; i < n; i++) {
        const struct wire_module *module = (const struct wire_module *)(const void *)at;
        if (memmem(module + 1, module->path_bytes, part, strlen(part)))
            return module;
        at += module->bytes;
    }
    return NULL;
}

static void modules_are_listed(void)
{
    uint32_t n = 0;
    bool is_cut = true;
    crash_start();
    uint32_t bytes = modules_write(modules, sizeof modules, &n, &is_cut);
    const struct wire_module *program = (const struct wire_module *)(const void *)modules,
                             *libc = find_module(n, "/libc.so.6");
    uint64_t code = (uint64_t)(uintptr_t)&modules_are_listed,
             function = (uint64_t)(uintptr_t)&gnu_get_libc_version;
    CHECK(n >= 3 && bytes && !is_cut);
    CHECK(program->path_bytes == 0 && program->low <= code && code < program->high);
    CHECK(libc && libc->low <= function && function < libc->high && libc->build_id_bytes == 20);
}

static void modules_are_cut(void)
{
    uint32_t n = 0, bytes, whole;
    bool is_cut = false;
    crash_start();
    whole = modules_write(modules, sizeof modules, &n, &is_cut);
    memset(modules, 0xee, sizeof modules);
    bytes = modules_write(modules, whole - 8, &n, &is_cut);
    CHECK(is_cut && bytes < whole && modules[whole - 8] == 0xee);
    bytes = modules_write(modules, 8, &n, &is_cut);
    CHECK(is_cut && bytes == 0 && n == 0);
}

static void ruined_list_ends(void)
{
    uint32_t n = 0;
    bool is_cut = false;
    crash_start();
    struct link_map *first = (struct link_map *)(uintptr_t)libc_first_object(), *next = first->l_next;
    first->l_next = first;
    (void)modules_write(modules, sizeof modules, &n, &is_cut);
    CHECK(is_cut);
    first->l_next = (struct link_map *)0x4141414141414141;
    (void)modules_write(modules, sizeof modules, &n, &is_cut);
    CHECK(n == 1);
    first->l_next = next;
    char *name = next->l_name;
    next->l_name = (char *)8;
    next->l_addr += 0x100000000000;
    uint32_t bytes = modules_write(modules, sizeof modules, &n, &is_cut);
    CHECK(bytes && n >= 3 && !is_cut);
    next->l_addr -= 0x100000000000;
    next->l_name = name;
}

static void test_modules(void **state)
{
    (void)state;
    run_alone(modules_are_listed);
    run_alone(modules_are_cut);
    run_alone(ruined_list_ends);
}

/* ---- the claim ---- */
static void one_thread_captures(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context),
                        other = signal_of(pid, pid + 1000000, 1, &context);
    CHECK(capture_claim(&mine, WIRE_FAULT_FATAL, 0));
    CHECK(capture_is_dying(pid) && !capture_was_made(&mine));
    CHECK(!capture_claim(&other, WIRE_FAULT_FATAL, 30000000));
    CHECK(crash_now_ns() - other.mono_ns >= 25000000);
    capture_release(&mine);
    CHECK(capture_was_made(&mine) &&
          !capture_was_made(&other)); /* the process dies of it: nobody else captures */
    CHECK(!capture_claim(&other, WIRE_FAULT_FATAL, 0));
}

static void vfork_child_first(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    struct crash_signal child =
        signal_of((uint32_t)getppid(), (uint32_t)getppid(), 1, &context); /* somebody who lives */
    CHECK(capture_claim(&child, WIRE_FAULT_FATAL, 0));
    CHECK(!capture_claim(&mine, WIRE_FAULT_FATAL, 0));
    capture_release(&child);
    CHECK(capture_claim(&mine, WIRE_FAULT_FATAL, 0));
    child = signal_of(pid + 1000000, pid + 1000000, 1, &context); /* it died in the middle */
    capture_release(&mine);
    CHECK(capture_claim(&child, WIRE_FAULT_FATAL, 0));
    CHECK(capture_claim(&mine, WIRE_FAULT_FATAL, 0));
}

static void handled_lets_go(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context),
                        other = signal_of(pid, pid + 1000000, 1, &context);
    CHECK(capture_claim(&mine, WIRE_FAULT_HANDLED, 0) && !capture_is_dying(pid));
    capture_release(&mine);
    CHECK(capture_claim(&other, WIRE_FAULT_FATAL, 0));
}

static void test_claim(void **state)
{
    (void)state;
    run_alone(one_thread_captures);
    run_alone(vfork_child_first);
    run_alone(handled_lets_go);
}

/* ---- the slot ---- */
static struct wire_crash read_crash(void)
{
    struct mapped_file file;
    struct wire_crash crash;
    CHECK(find_file(&file, getpid()));
    CHECK(pread(file.fd, &crash, sizeof crash, (off_t)file.header.crash_slot.offset) ==
          (ssize_t)sizeof crash);
    close(file.fd);
    return crash;
}

static void set_captured(uint32_t sequence)
{
    struct mapped_file file;
    CHECK(find_file(&file, getpid()));
    CHECK(pwrite(file.fd, &sequence, 4, WIRE_EXPORTER_OFFSET + offsetof(struct wire_exporter, captured)) ==
          4);
    close(file.fd);
}

static void capture_once(const struct crash_signal *signal, enum wire_fault_kind kind)
{
    CHECK(capture_claim(signal, kind, 0));
    capture_run();
    capture_release(signal);
}

static void slot_is_whole(void)
{
    uint64_t mask_before, mask_after;
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    stack_t before, after;
    sigaltstack(NULL, &before);
    sys_block_signals(&mask_before);
    sys_restore_signals(&mask_before);
    capture_once(&mine, WIRE_FAULT_FATAL);
    sys_block_signals(&mask_after);
    sys_restore_signals(&mask_after);
    sigaltstack(NULL, &after);
    CHECK(mask_before == mask_after && before.ss_flags == after.ss_flags && before.ss_sp == after.ss_sp);
    struct wire_crash crash = read_crash();
    CHECK(crash.state == WIRE_CRASH_WHOLE && crash.sequence == 1 && crash.fault.kind == WIRE_FAULT_FATAL);
    CHECK(crash.fault.tid == pid && crash.fault.pid == pid && !memcmp(crash.fault.siginfo, mine.info, 128));
    CHECK(crash.stack_bytes > 128 && crash.stack_from <= fault_stack_pointer(&context) &&
          crash.stack_from + crash.stack_bytes > fault_stack_pointer(&context));
    CHECK(crash.n_modules >= 3 && crash.modules_bytes && crash.message_bytes == 0);
#if defined(__x86_64__)
    CHECK(crash.fault.machine == EM_X86_64 &&
          crash.fault.registers[WIRE_X86_64_IP] == fault_counter(&context));
    CHECK(crash.fault.registers[7] == fault_stack_pointer(&context) &&
          crash.fault.registers[6] == fault_frame_pointer(&context));
#endif
}

/* What nobody has read yet is not overwritten by what the program handles. */
static void crash_goes_first(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    struct crash_signal child = signal_of((uint32_t)getppid(), (uint32_t)getppid(), 1, &context);
    capture_once(&child, WIRE_FAULT_FATAL);
    capture_once(&mine, WIRE_FAULT_HANDLED);
    struct wire_crash crash = read_crash();
    CHECK(crash.sequence == 1 && crash.fault.kind == WIRE_FAULT_FATAL &&
          crash.fault.pid == (uint32_t)getppid());
    set_captured(1);
    capture_once(&mine, WIRE_FAULT_HANDLED);
    crash = read_crash();
    CHECK(crash.sequence == 2 && crash.fault.kind == WIRE_FAULT_HANDLED && crash.fault.pid == pid);
    capture_once(&mine, WIRE_FAULT_FATAL);
    CHECK(read_crash().sequence == 3);
}

/* A stack that overflowed, one that is nowhere, one under an array of megabytes. */
static void stacks_that_are_not_there(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    uint8_t *map = mmap(NULL, 8u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED && !mprotect(map, 4u << 20, PROT_NONE));
    uint64_t low = (uint64_t)(uintptr_t)map + (4u << 20);
#if defined(__x86_64__)
    greg_t *pointer = &context.uc_mcontext.gregs[REG_RSP], *frame = &context.uc_mcontext.gregs[REG_RBP];
#else
    unsigned long long *pointer = &context.uc_mcontext.sp, *frame = &context.uc_mcontext.regs[29];
#endif
    *pointer = (__typeof__(*pointer))(low - 3 * PAGE);
    capture_once(&mine, WIRE_FAULT_HANDLED);
    struct wire_crash crash = read_crash();
    CHECK(crash.stack_from == low && crash.stack_bytes == WIRE_CRASH_STACK_MAX);
    *pointer = (__typeof__(*pointer))(low - (3u << 20));
    *frame = (__typeof__(*frame))(low + PAGE + 16);
    capture_once(&mine, WIRE_FAULT_HANDLED);
    crash = read_crash();
    CHECK(crash.stack_from == low + PAGE && crash.stack_bytes == WIRE_CRASH_STACK_MAX);
    *pointer = *frame = 0;
    capture_once(&mine, WIRE_FAULT_HANDLED);
    crash = read_crash();
    CHECK(crash.state == WIRE_CRASH_WHOLE && crash.stack_bytes == 0);
}

/* The capture itself faults: an alternate stack that the program has unmapped. */
static void fault_in_capture_is_undone(void)
{
    if (IS_SANITIZED)
        SKIP("the sanitizer has the signals");
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    uint8_t *map = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    context.uc_stack = (stack_t){.ss_sp = map, .ss_size = 4 * PAGE};
#if defined(__x86_64__)
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)(map + PAGE);
#else
    context.uc_mcontext.sp = (uint64_t)(uintptr_t)(map + PAGE);
#endif
    capture_once(&mine, WIRE_FAULT_FATAL);
    struct wire_crash crash = read_crash();
    CHECK(crash.state == WIRE_CRASH_REGISTERS && crash.sequence == 1);
    capture_once(&mine, WIRE_FAULT_FATAL); /* and again: nothing was left locked */
    CHECK(read_crash().sequence == 2);
}

static void test_slot(void **state)
{
    (void)state;
    run_alone(slot_is_whole);
    run_alone(crash_goes_first);
    run_alone(stacks_that_are_not_there);
    run_alone(fault_in_capture_is_undone);
}

/* ---- the table of handled faults ---- */
static _Alignas(8) uint8_t slot[WIRE_CRASH_SLOT_BYTES];

static void faults_are_noted(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    CHECK(!fault_find(slot, pid));
    struct wire_fault *fault = fault_note(slot, &mine, WIRE_FAULT_HANDLED, 0);
    CHECK(fault && fault == fault_find(slot, pid) && fault->repeats == 0 && fault->sequence == 2 &&
          fault->pid == pid);
    CHECK(fault_note(slot, &mine, WIRE_FAULT_HANDLED, 0) == fault && fault->repeats == 1 &&
          fault->sequence == 4);
    CHECK(fault_note(slot, &mine, WIRE_FAULT_HANDLED, WIRE_FAULT_BLOCKED_ABORT) == fault &&
          fault->repeats == 2);
    CHECK(fault->flags == WIRE_FAULT_BLOCKED_ABORT);
    struct crash_signal sent = signal_of(pid, pid, 0, &context);
    CHECK(fault_note(slot, &sent, WIRE_FAULT_HANDLED, 0) == fault && fault->repeats == 0 &&
          fault->flags == 0);
    fault->sequence |= 1; /* this thread was interrupted while it wrote */
    CHECK(fault_note(slot, &mine, WIRE_FAULT_HANDLED, 0) == fault && !(fault->sequence & 1));
}

/* Entries of dead threads are taken first, then somebody's. */
static void table_is_full(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    for (uint32_t i = 0; i < 3 * WIRE_CRASH_FAULTS; i++) {
        struct crash_signal dead = signal_of(pid, 4000000 + i, 1, &context);
        struct wire_fault *fault = fault_note(slot, &dead, WIRE_FAULT_HANDLED, 0);
        CHECK(fault && fault->tid == 4000000 + i);
    }
    struct wire_fault *table = (struct wire_fault *)(void *)(slot + WIRE_CRASH_FAULTS_OFFSET);
    for (uint32_t i = 0; i < WIRE_CRASH_FAULTS; i++)
        table[i].tid = pid; /* all live, as far as the kernel knows */
    struct crash_signal other = signal_of(pid, pid + 1, 1, &context);
    CHECK(fault_note(slot, &other, WIRE_FAULT_HANDLED, 0));
}

static void handler_is_running(void)
{
    ucontext_t context = here();
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal mine = signal_of(pid, pid, 1, &context);
    struct wire_fault *fault = fault_note(slot, &mine, WIRE_FAULT_HANDLED, 0);
    uint64_t at = (uint64_t)(uintptr_t)&context;
    CHECK(fault_is_running(fault, at - 4096));
    CHECK(!fault_is_running(fault, at + 4096)); /* it has returned, or was left by longjmp */
    memset(&context, 0, sizeof context);        /* its place is used for something else */
    CHECK(!fault_is_running(fault, at - 4096));
}

static void first_fault_is_kept(void)
{
    ucontext_t contexts[2] = {here(), here()}; /* the second one lies higher: it was first */
    crash_start();
    uint32_t pid = (uint32_t)getpid();
    struct crash_signal nested = signal_of(pid, pid, 1, &contexts[0]),
                        first = signal_of(pid, pid, 1, &contexts[1]);
    CHECK(!fault_is_nested(slot, &nested));
    CHECK(fault_note(slot, &first, WIRE_FAULT_HANDLED, 0));
    CHECK(fault_is_nested(slot, &nested) && !fault_is_nested(slot, &first));
    memset(&contexts[1], 0, sizeof contexts[1]);
    CHECK(!fault_is_nested(slot, &nested));
}

static void test_table(void **state)
{
    (void)state;
    run_alone(faults_are_noted);
    run_alone(table_is_full);
    run_alone(handler_is_running);
    run_alone(first_fault_is_kept);
}

int main(void)
{
    make_box("65536");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory), cmocka_unit_test(test_modules), cmocka_unit_test(test_claim),
        cmocka_unit_test(test_slot),   cmocka_unit_test(test_table),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_box();
    return failed;
}

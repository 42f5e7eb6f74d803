/* explain_sent: UNIX signals that somebody sent, and those of seccomp filters. siginfo is read by its layout, as the kernel has it. */
#include "signals/crash/explain.h"

#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>

/* Offsets in siginfo_t on 64-bit machines (man 2 sigaction). */
#define SENDER_PID 16
#define SENDER_UID 20
#define SENT_VALUE 24
#define SYSCALL_NUMBER 24
#define SYSCALL_MACHINE 28

static const struct {
    const char *name;
    int x86_64, aarch64;
} system_calls[] = {
#define SYSCALL(name, x86_64, aarch64) {#name, x86_64, aarch64},
#include "signals/crash/syscalls.h"
#undef SYSCALL
};

static uint32_t word_at(const struct crash_case *crash, size_t offset)
{
    uint32_t word;
    memcpy(&word, crash->siginfo + offset, sizeof(word));
    return word;
}

uint32_t explain_sender(const struct crash_case *crash)
{
    return word_at(crash, SENDER_PID);
}

static const char *name_system_call(uint32_t machine, int number)
{
    for (size_t i = 0; i < sizeof(system_calls) / sizeof(system_calls[0]); i++)
        if (number >= 0 &&
            number == (machine == AUDIT_ARCH_AARCH64 ? system_calls[i].aarch64 : system_calls[i].x86_64))
            return system_calls[i].name;
    return NULL;
}

void explain_seccomp(const struct explain_input *input, struct arena *arena,
                     struct explanation *ret_explanation)
{
    int number = (int)word_at(input->crash, SYSCALL_NUMBER);
    uint32_t machine = word_at(input->crash, SYSCALL_MACHINE);
    bool is_native = machine == AUDIT_ARCH_X86_64 || machine == AUDIT_ARCH_AARCH64;
    const char *name = is_native ? name_system_call(machine, number) : NULL;
    const char *on = machine == AUDIT_ARCH_X86_64    ? "x86-64"
                     : machine == AUDIT_ARCH_AARCH64 ? "aarch64"
                     : machine == AUDIT_ARCH_I386    ? "32-bit x86"
                                                     : arena_printf(arena, "machine 0x%x", machine);
    const char *call =
        name ? arena_printf(arena, "%s (%d)", name, number) : arena_printf(arena, "number %d", number);
    ret_explanation->class = "seccomp";
    ret_explanation->brief =
        arena_printf(arena, "forbidden system call %s", name ? name : arena_printf(arena, "%d", number));
    ret_explanation->reason =
        arena_printf(arena, "a seccomp filter does not allow the system call %s of %s", call, on);
    ret_explanation->detail = ret_explanation->brief;
}

void explain_sent(const struct explain_input *input, struct arena *arena, struct explanation *ret_explanation)
{
    const struct crash_case *crash = input->crash;
    uint32_t pid = explain_sender(crash), uid = word_at(crash, SENDER_UID);
    bool is_own = pid == crash->pid;
    const char *name = signal_name(arena, crash->signal), *value = "";
    if (crash->code == SI_QUEUE)
        value = arena_printf(arena, " with the value %d", (int)word_at(crash, SENT_VALUE));
    ret_explanation->class = "sent";
    ret_explanation->sender_pid = pid;
    ret_explanation->sender_uid = uid;
    if (is_own && crash->signal == SIGABRT) {
        ret_explanation->class = "abort";
        ret_explanation->reason = "the program called abort()";
    } else if (is_own) {
        ret_explanation->brief = "raised by the program itself";
        ret_explanation->reason =
            arena_printf(arena, "the program sent itself %s%s (raise, kill or pthread_kill)", name, value);
    } else if (pid == 0) {
        ret_explanation->brief = "sent from outside";
        ret_explanation->reason = arena_printf(
            arena, "%s%s was sent by a process that cannot be seen from here (another pid namespace)", name,
            value);
    } else {
        ret_explanation->brief = arena_printf(arena, "sent by pid %u", pid);
        ret_explanation->reason =
            arena_printf(arena, "%s%s was sent by pid %u, uid %u", name, value, pid, uid);
    }
}

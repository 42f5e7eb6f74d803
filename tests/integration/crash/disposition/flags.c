/* flags: SA_RESETHAND, SA_NODEFER, SA_ONSTACK, masks, and calls that must fail. */
#include "disposition.h"

#include <errno.h>
#include <sys/mman.h>

static void own_stack(void)
{
    alternate = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = alternate, .ss_size = ALTERNATE_BYTES};
    say("  sigaltstack: %d\n", sigaltstack(&stack, NULL));
}

static void run_flags(int number, int flags)
{
    install(number, flags & SA_NODEFER ? handler_nests : handler_returns, flags);
    say_action("  installed", number);
    raise(number);
    say_action("  after one", number);
    say_stack("  after one");
    raise(number);
    say_action("  after two", number);
}

static void run_without_siginfo(int number, int flags)
{
    struct sigaction action = {.sa_handler = handler_plain, .sa_flags = flags};
    sigfillset(&action.sa_mask);
    say("  sigaction: %d\n", sigaction(number, &action, &previous));
    say_action("  installed", number);
    cause(number);
}

static void run_stack_first(int number, int flags)
{
    say_stack("  before");
    own_stack();
    say_stack("  own");
    run_flags(number, flags);
    stack_t off = {.ss_flags = SS_DISABLE}, old;
    int result = sigaltstack(&off, &old);
    say("  off: %d, was the program's %d size %zu\n", result, old.ss_sp == alternate, old.ss_size);
    say_stack("  off");
    raise(number);
}

/* The handler is there first, then the alternate stack that it asked for. */
static void run_stack_later(int number, int flags)
{
    install(number, handler_returns, flags);
    raise(number);
    own_stack();
    say_action("  with a stack", number);
    raise(number);
}

static void run_bad_calls(int number, int flags)
{
    stack_t small = {.ss_sp = &small, .ss_size = 16}, odd = {.ss_flags = 77};
    (void)flags;
    errno = 0;
    say("  small: %d", sigaltstack(&small, NULL));
    say(" errno %d\n", errno);
    say("  odd: %d", sigaltstack(&odd, NULL));
    say(" errno %d\n", errno);
    say_stack("  after bad ones");
    struct sigaction action = {.sa_handler = handler_plain};
    int bad[] = {0, -1, 65, 66, 1000, SIGKILL, SIGSTOP, 32, 33};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        say("  sigaction(%d): %d", bad[i], sigaction(bad[i], &action, NULL));
        say(" errno %d,", errno);
        say(" signal: %d", signal(bad[i], SIG_DFL) == SIG_ERR);
        say(" errno %d\n", errno);
    }
    errno = 0;
    say("  SIG_ERR: %d", signal(number, SIG_ERR) == SIG_ERR);
    say(" errno %d\n", errno);
    say("  nothing: %d\n", sigaction(number, NULL, NULL));
}

static void run_default_with_flags(int number, int flags)
{
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = flags}, old;
    sigfillset(&action.sa_mask);
    sigaction(number, &action, &old);
    say_action("  default with flags", number);
    action.sa_handler = SIG_IGN;
    sigaction(number, &action, &old);
    say_action("  ignored with flags", number);
    raise(number);
    say("  lives\n");
    sigaction(number, &previous, &old);
    say("  was %s flags %x\n", name_of(&old), (unsigned)old.sa_flags);
    raise(number);
}

void flags(void)
{
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int number = numbers[i];
        say("signal %d\n", number);
        in_child("none", run_flags, number, 0);
        in_child("RESETHAND", run_flags, number, (int)SA_RESETHAND);
        in_child("NODEFER", run_flags, number, SA_NODEFER);
        in_child("RESTART", run_flags, number, SA_RESTART);
        in_child("ONSTACK, no stack", run_flags, number, SA_ONSTACK);
        in_child("unknown bits", run_flags, number, 0x20000000 | 0x00800000);
        in_child("ONSTACK, stack first", run_stack_first, number, SA_ONSTACK);
        in_child("no ONSTACK, stack first", run_stack_first, number, 0);
        in_child("ONSTACK, stack later", run_stack_later, number, SA_ONSTACK);
        in_child("no SIGINFO", run_without_siginfo, number, 0);
        in_child("RESETHAND, no SIGINFO", run_without_siginfo, number, (int)SA_RESETHAND);
        in_child("bad calls", run_bad_calls, number, 0);
        in_child("default with flags", run_default_with_flags, number,
                 (int)(SA_RESETHAND | SA_RESTART | SA_ONSTACK));
    }
}

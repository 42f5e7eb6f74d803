/* signal_names: names of UNIX signals and of their codes (man 2 sigaction). */
#include "signals/crash/explain.h"

#include <signal.h>
#include <string.h>

#ifndef SEGV_MTEAERR
#define SEGV_MTEAERR 8
#define SEGV_MTESERR 9
#endif
#ifndef TRAP_PERF
#define TRAP_PERF 6
#endif
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#define SYS_USER_DISPATCH 2
#endif

struct code_name {
    int number, code; /* number 0: of any */
    const char *name;
};

static const struct code_name codes[] = {
#define CODE(NUMBER, NAME)  \
    {                       \
        NUMBER, NAME, #NAME \
    }
    CODE(SIGSEGV, SEGV_MAPERR),
    CODE(SIGSEGV, SEGV_ACCERR),
    CODE(SIGSEGV, SEGV_BNDERR),
    CODE(SIGSEGV, SEGV_PKUERR),
    CODE(SIGSEGV, SEGV_MTEAERR),
    CODE(SIGSEGV, SEGV_MTESERR),
    CODE(SIGBUS, BUS_ADRALN),
    CODE(SIGBUS, BUS_ADRERR),
    CODE(SIGBUS, BUS_OBJERR),
    CODE(SIGBUS, BUS_MCEERR_AR),
    CODE(SIGBUS, BUS_MCEERR_AO),
    CODE(SIGFPE, FPE_INTDIV),
    CODE(SIGFPE, FPE_INTOVF),
    CODE(SIGFPE, FPE_FLTDIV),
    CODE(SIGFPE, FPE_FLTOVF),
    CODE(SIGFPE, FPE_FLTUND),
    CODE(SIGFPE, FPE_FLTRES),
    CODE(SIGFPE, FPE_FLTINV),
    CODE(SIGFPE, FPE_FLTSUB),
    CODE(SIGILL, ILL_ILLOPC),
    CODE(SIGILL, ILL_ILLOPN),
    CODE(SIGILL, ILL_ILLADR),
    CODE(SIGILL, ILL_ILLTRP),
    CODE(SIGILL, ILL_PRVOPC),
    CODE(SIGILL, ILL_PRVREG),
    CODE(SIGILL, ILL_COPROC),
    CODE(SIGILL, ILL_BADSTK),
    CODE(SIGTRAP, TRAP_BRKPT),
    CODE(SIGTRAP, TRAP_TRACE),
    CODE(SIGTRAP, TRAP_BRANCH),
    CODE(SIGTRAP, TRAP_HWBKPT),
    CODE(SIGTRAP, TRAP_PERF),
    CODE(SIGSYS, SYS_SECCOMP),
    CODE(SIGSYS, SYS_USER_DISPATCH),
    CODE(0, SI_USER),
    CODE(0, SI_KERNEL),
    CODE(0, SI_QUEUE),
    CODE(0, SI_TIMER),
    CODE(0, SI_MESGQ),
    CODE(0, SI_ASYNCIO),
    CODE(0, SI_SIGIO),
    CODE(0, SI_TKILL),
#undef CODE
};

const char *signal_code_name(int number, int code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].code == code && (codes[i].number == number || codes[i].number == 0))
            return codes[i].name;
    return NULL;
}

const char *signal_name(struct arena *arena, int number)
{
    const char *short_name = sigabbrev_np(number);
    return short_name ? arena_printf(arena, "SIG%s", short_name) : arena_printf(arena, "signal %d", number);
}

bool signal_was_sent(int code)
{
    return code <= 0;
}

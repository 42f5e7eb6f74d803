/* handlers: those of the program; each says what it sees. */
#include "disposition.h"

#include <errno.h>
#include <unistd.h>

static int n_calls;
struct sigaction previous;

/* As it is in every run: of what is mapped anywhere, the offset in its page. */
static unsigned long address_of(const siginfo_t *info)
{
    if (!info || info->si_code <= 0)
        return 0;
    unsigned long address = (unsigned long)info->si_addr;
    return address >> 32 ? address & 4095 : address;
}

static void describe(int number, const siginfo_t *info, const void *here)
{
    struct sigaction now;
    sigaction(number, NULL, &now);
    say("  call %d: signal %d code %d address %lx, mask %llx, on %s, action %s flags %x, errno %d\n",
        ++n_calls, number, info ? info->si_code : 0, address_of(info), (unsigned long long)mask_now(),
        where_is(here), name_of(&now), (unsigned)now.sa_flags, errno);
}

void handler_returns(int number, siginfo_t *info, void *context)
{
    char here = 0;
    (void)context;
    describe(number, info, &here);
    if (n_calls == 3)
        _exit(9);
}

void handler_exits(int number, siginfo_t *info, void *context)
{
    char here = 0;
    (void)context;
    describe(number, info, &here);
    _exit(7);
}

void handler_to_default(int number, siginfo_t *info, void *context)
{
    char here = 0;
    (void)context;
    describe(number, info, &here);
    signal(number, SIG_DFL);
    if (info->si_code <= 0)
        raise(number);
}

void handler_to_previous(int number, siginfo_t *info, void *context)
{
    char here = 0;
    (void)context;
    describe(number, info, &here);
    sigaction(number, &previous, NULL);
    if (info->si_code <= 0)
        raise(number);
}

void handler_plain(int number)
{
    char here = 0;
    describe(number, NULL, &here);
    if (n_calls == 3)
        _exit(9);
}

void handler_nests(int number, siginfo_t *info, void *context)
{
    char here = 0;
    (void)context;
    describe(number, info, &here);
    if (n_calls < 3)
        raise(number);
}

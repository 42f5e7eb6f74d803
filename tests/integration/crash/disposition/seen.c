/* seen: what a program can see of its UNIX signals. */
#include "disposition.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void say(const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (write(STDOUT_FILENO, text, (size_t)n) < 0)
        _exit(99);
}

char *alternate;
char *interrupted;

const char *where_is(const void *address)
{
    const char *at = address;
    if (alternate && at >= alternate && at < alternate + ALTERNATE_BYTES)
        return "the program's alternate stack";
    return at < interrupted && interrupted - at < 32768 ? "the interrupted stack" : "elsewhere";
}

uint64_t mask_now(void)
{
    uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
    return mask;
}

const char *name_of(const struct sigaction *action)
{
    if (action->sa_handler == SIG_DFL)
        return "SIG_DFL";
    if (action->sa_handler == SIG_IGN)
        return "SIG_IGN";
    if (action->sa_sigaction == handler_returns)
        return "handler_returns";
    return action->sa_handler == handler_plain ? "handler_plain" : "another handler";
}

void say_action(const char *what, int number)
{
    struct sigaction now;
    uint64_t mask;
    if (sigaction(number, NULL, &now) != 0) {
        say("%s: errno %d\n", what, errno);
        return;
    }
    memcpy(&mask, &now.sa_mask, sizeof(mask));
    say("%s: %s flags %x mask %llx restorer %d\n", what, name_of(&now), (unsigned)now.sa_flags,
        (unsigned long long)mask,
        now.sa_flags & 0x04000000 && now.sa_restorer); /* else libc has not written it */
}

void say_stack(const char *what)
{
    stack_t now;
    int result = sigaltstack(NULL, &now);
    say("%s: alternate stack %d %s flags %d size %zu\n", what, result,
        now.ss_sp == NULL        ? "none"
        : now.ss_sp == alternate ? "the program's"
                                 : "another",
        now.ss_flags, now.ss_size);
}

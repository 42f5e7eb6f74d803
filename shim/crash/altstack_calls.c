/*
 * altstack_calls: sigaltstack(), pthread_create() and thrd_create(), interposed.
 *
 *   sigaltstack      ours reads back as none. The program's own replaces ours; when it takes its own away, ours is back
 *   pthread_create   the new thread puts its alternate stack on and jumps to the program's function: no frame of ours stands
 *                    below it, so exceptions, pthread_exit and cancellation go their way
 *   traps            a thread starts without an alternate stack (clone); libc's own threads (SIGEV_THREAD, aio) come past us. Where
 *                    libpthread is a library of its own (glibc before 2.34) and not there, nobody can make threads: EAGAIN.
 *                    A vfork child has its parent's alternate stack and its own kernel state: it only asks the kernel
 */
#include "crash/altstack_priv.h"
#include "crash/onstack.h"
#include "crash/sharing.h"
#include "real_libc.h"
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#define REAL_NAMES(X) X(sigaltstack) X(pthread_create) X(thrd_create)
#define REAL_NUMBER(name) REAL_##name,
enum { REAL_NAMES(REAL_NUMBER) N_REALS };
static void *reals[N_REALS];
/* Libc's, or of another interposer behind us. */
#define REAL(name) ((__typeof__(&name))libc_find_once(&reals[REAL_##name], #name))

/* The kernel reads and writes first: a bad pointer is EFAULT. */
EXPORTED int sigaltstack(const stack_t *stack, stack_t *old)
{
    stack_t before = {.ss_flags = SS_DISABLE};
    stack_t *to = old ? old : &before;
    int result = REAL(sigaltstack)(stack, to);
    if (result != 0)
        return result;
    if (!(to->ss_flags & SS_DISABLE) && altstack_is_ours(to->ss_sp))
        *to = (stack_t){.ss_flags = SS_DISABLE};
    if (!stack || !sharing_is_own())
        return 0;
    if (stack->ss_flags & SS_DISABLE)
        altstack_put_on();
    else
        onstack_reveal();
    return 0;
}

static void *start_thread(void *of)
{
    struct altstack *stack = of;
    void *(*run)(void *) = stack->run;
    void *argument = stack->argument;
    altstack_use(stack);
    return run(argument);
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                            void *argument)
{
    __typeof__(&pthread_create) real = REAL(pthread_create);
    if (!real)
        return EAGAIN;
    struct altstack *stack = altstack_claim();
    if (!stack)
        return real(thread, attributes, run, argument);
    stack->run = run;
    stack->argument = argument;
    int result = real(thread, attributes, start_thread, stack);
    if (result != 0)
        altstack_give_back(stack);
    return result;
}

/* The function returns an int: where it is, in the register, libc takes it. */
EXPORTED int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
    __typeof__(&thrd_create) real = REAL(thrd_create);
    if (!real)
        return thrd_error;
    struct altstack *stack = altstack_claim();
    if (!stack)
        return real(thread, run, argument);
    stack->run = (void *(*)(void *))(void (*)(void))run;
    stack->argument = argument;
    int result = real(thread, (thrd_start_t)(void (*)(void))start_thread, stack);
    if (result != thrd_success)
        altstack_give_back(stack);
    return result;
}

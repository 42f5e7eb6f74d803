/*
 * onstack: SA_ONSTACK in a program that has no alternate stack of its own.
 *
 * There the flag changes nothing: handlers run where the thread was. With an alternate stack of ours the kernel would put them on
 * it: 64 KiB under handlers that may run a whole PHP shutdown function or the JVM's error report. So the kernel is not told of
 * the flag, until the program has an alternate stack of its own; the program reads it back all the same.
 *
 * Context: signal. Freestanding, but for onstack_ask() (no lock, no allocation).
 */
#ifndef OTELSHIM_CRASH_ONSTACK_H
#define OTELSHIM_CRASH_ONSTACK_H

#include "crash.h"

/* Cold, constructor: threads have alternate stacks of ours. */
HIDDEN void onstack_start_hiding(void);
/* The program wants an action for `signal`, with that flag or not. */
HIDDEN void onstack_ask(int signal, bool has_flag);
/* Is the flag kept from the kernel? */
HIDDEN bool onstack_is_hidden(int signal);
/* Do handlers run on alternate stacks, which some threads of the program have? */
HIDDEN bool onstack_is_in_use(void);
/* The program has an alternate stack: the kernel is told of every flag, now and from now on. */
HIDDEN void onstack_reveal(void);

#endif

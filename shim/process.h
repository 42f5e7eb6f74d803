/*
 * process: the interposed exec*, posix_spawn and _exit.
 *
 * Context: cold; the entry points are async-signal-safe, as exec must be in a child of fork.
 */
#ifndef OTELSHIM_PROCESS_H
#define OTELSHIM_PROCESS_H

/* Finds the real functions while that is safe: a fork child of a threaded program must not walk the loader's lists. */
void process_start(void);

#endif

/*
 * stdio: standard output and error, where OTELSHIM_STDIO asks for them.
 *
 * Context: cold. Threads: the constructor's.
 */
#ifndef OTELSHIM_STDIO_H
#define OTELSHIM_STDIO_H

#include <stdbool.h>
#include <stdint.h>

/* Before loader_start(), which patches the objects. `streams`: as settings.h has it. */
void stdio_start(uint32_t streams);

/* It was asked for, and libc's own stdio cannot be seen. */
bool stdio_is_blind(void);

/* The program renounced what a sandbox forbids. */
bool stdio_is_in_sandbox(void);

#endif

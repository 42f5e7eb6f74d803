/*
 * lifecycle: constructor, exit, and the one ordered list of the shim's parts.
 *
 * Context: cold.
 */
#ifndef OTELSHIM_LIFECYCLE_H
#define OTELSHIM_LIFECYCLE_H

#include <stdbool.h>

/* May this process be recorded? Hot: one load. True even before the constructor ran (then it decides now). */
bool lifecycle_is_active(void);

/* Process is about to end through exit path `_exit` or quick_exit, which runs no destructors. */
void lifecycle_before_exit(void);
void lifecycle_before_exec(void);
void lifecycle_exec_failed(void);

#endif

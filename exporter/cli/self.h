/*
 * self: this binary: where it lies, whether it was replaced, and that it is not traced by itself.
 *
 * Context: start of the process; self_was_replaced() also from the loop.
 */
#ifndef OTELSHIM_SELF_H
#define OTELSHIM_SELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SELF_LIBRARY "libotelshim.so"

/*
 * Where LD_PRELOAD has our library, takes it out and starts this binary again with the same arguments: an exporter must
 * never trace itself. Other libraries stay.
 */
void self_leave_preload(char **argv);
/* Had LD_PRELOAD our library before that? */
bool self_was_preloaded(void);
/* Path of this binary; "" when it is not known. */
const char *self_path(void);
/* Another file lies there now, whole since two seconds. */
bool self_was_replaced(void);
/* Does not return, but with -errno. */
int self_restart(char **argv);

/*
 * The library that belongs to this binary: beside it (a build tree), in ../lib, else its bare name, which the dynamic
 * linker looks for itself.
 */
void self_find_library(char ret_path[PATH_MAX]);
/* `list` (NULL: empty) with `library` in front, and no other copy of it. Allocated. */
char *self_join_preload(const char *library, const char *list);
/* `list` without our library; allocated. *ret_had_it. */
char *self_strip_preload(const char *list, bool *ret_had_it);

#endif

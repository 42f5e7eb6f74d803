/*
 * proc: what /proc says about one process.
 *
 * Context: loop; every call is a few reads of small kernel files. Threads: any.
 * Errors: 0 or a negative errno; outputs unchanged on failure.
 */
#ifndef OTELSHIM_SOURCE_PROC_H
#define OTELSHIM_SOURCE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A descriptor of /proc/<pid>: it stays with that process, so that everything read through it is about the same one
 * even if the pid is used again meanwhile (reads then fail with -ESRCH).
 */
int proc_open(uint32_t pid);

/* Reads at most max - 1 bytes of a file below it and puts a NUL behind them. How many, or -errno. */
int proc_read(int proc_fd, const char *name, char *text, size_t max);

/* Field 22 of stat: clock ticks from boot to the start of the process. */
int proc_start_ticks(int proc_fd, uint64_t *ret_ticks);

/* Memory that is resident. */
int proc_resident_bytes(int proc_fd, uint64_t *ret_bytes);

/* Effective uid. Not the owner of the directory: that is root for a process that is not dumpable. */
int proc_effective_uid(int proc_fd, uint32_t *ret_uid);

/* Inode of this process's own pid namespace; 0 unknown. */
uint64_t proc_own_pid_namespace(void);

/*
 * Values of the environment variables in `names` (NULL-terminated) as the process was started with them, as
 * "NAME=value\0"…, allocated. Nothing else of the environment is kept. -EACCES when it may not be read.
 */
int proc_read_environment(int proc_fd, const char *const *names, char **ret_text, size_t *ret_bytes);

/* False only where the thread is gone for certain. */
bool proc_may_have_thread(uint32_t pid, uint32_t tid);

#endif

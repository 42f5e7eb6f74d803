/*
 * start: starting an exporter that the host never sees (shim/wire/README.md, "Starting an exporter unseen").
 *
 * Context: cold, async-signal-safe: raw system calls only, no libc, one start at a time.
 */
#ifndef OTELSHIM_START_H
#define OTELSHIM_START_H

#include <stdbool.h>
#include <stdint.h>

/* Constructor: remembers the library's name (a crash must not wait for the loader's lock), and where LD_PRELOAD=./libotelshim.so was,
 * in case the program changes its directory. No system call where the name is a whole path. */
void start_note_directory(void);

/* Prepares argv, envp and the path once (needs settings); no process is made. False: no exporter can be found. */
bool start_prepare(void);

/*
 * Starts `otelshim export` detached. Never in pid 1 or a child subreaper. errno and the signal mask are kept. False: not started.
 * It is given a pidfd of this process (descriptor 3, explained by OTELSHIM_STARTED_BY): whatever becomes of this process before the
 * exporter looks, it can be asked how it ended. `start_ticks`: field 22 of /proc/self/stat; 0 unknown.
 */
bool start_exporter(uint64_t start_ticks);

#endif

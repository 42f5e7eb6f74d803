/*
 * disposable: a child process that may die of what it reads: with limits, without anything it could harm.
 *
 * Context: loop; nothing here waits. Ownership: the caller asks disposable_has_ended() until it says so.
 */
#ifndef OTELSHIM_CRASH_DISPOSABLE_H
#define OTELSHIM_CRASH_DISPOSABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DISPOSABLE_MEMORY_BYTES (3ull << 30) /* address space: files are mapped */
#define DISPOSABLE_CPU_S 20u
#define DISPOSABLE_FILE_BYTES (64ull << 20)
#define DISPOSABLE_WALL_MS 30000u
#define DISPOSABLE_ROOT_FD 3 /* where `root_fd` is in the child: "/proc/self/fd/3" */
#define DISPOSABLE_ROOT_PATH "/proc/self/fd/3"
#define DISPOSABLE_DATA_FD 4 /* where `data_fd` is: what it is to read, and to write its answer into */

struct disposable {
    pid_t pid; /* 0: none */
    uint64_t started_mono_ns;
};

/* Ends with this process. `root_fd`, `data_fd` -1: none. 0 or -errno. */
int disposable_start(struct disposable *child, const char *path, char *const argv[], int root_fd,
                     int data_fd);
/* Kills it when its time is up. True once it has ended: *ret_is_fine says whether by exit(0). */
bool disposable_has_ended(struct disposable *child, bool *ret_is_fine);
void disposable_kill(struct disposable *child);

#endif

/*
 * executable: what the executable of a traced process says of its version: package metadata and build id (symbols/elf_notes.h).
 *
 * The file that runs is read, /proc/<pid>/exe, also where its name belongs to another one by now; where that may not be read any
 * more, the file of that name, if it is older than the process. Once per file: its device, inode, size and times are remembered.
 *
 * Context: loop; one open and two reads of a file's beginning, four system calls for a file that is known [15 us].
 */
#ifndef OTELSHIM_EXECUTABLE_H
#define OTELSHIM_EXECUTABLE_H

#include "telemetry/process.h"

/* Fills package_version and build_id, where they can be known. */
void executable_describe(struct process *process);
/* Of a file that is open. */
void executable_read(int fd, struct process *process);

#endif

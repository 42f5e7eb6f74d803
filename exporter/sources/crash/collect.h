/*
 * collect: a crash case out of what there is: the crash slot, the header of the process's file, and, as long as it lives, /proc.
 *
 * Context: loop. collect_living() runs while a dying thread waits: it blocks the loop as long as threads_copy() does, no file but
 * /proc is opened. Ownership: all that is collected lives in the case's arena. Errors: what cannot be had is left out, and said
 * (registers_missing, threads_missing).
 */
#ifndef OTELSHIM_CRASH_COLLECT_H
#define OTELSHIM_CRASH_COLLECT_H

#include "sources/crash/slot.h"
#include "telemetry/crash_case.h"
#include "telemetry/process.h"

/* Deep stacks are copied up to this: all of the default 8 MiB. */
#define COLLECT_STACK_MAX (8u << 20)

/* Who it is: name, service, host, arguments. `serial` tells several cases of one process apart: the id is made of it. */
void collect_process(struct crash_case *crash, const struct process *process, const char *serial);
/* The fault: signal, registers, thread. */
void collect_fault(struct crash_case *crash, const struct wire_fault *fault);
/* And all else of the slot; its copy must live in the case's arena. */
void collect_slot(struct crash_case *crash, const struct slot *slot);
/*
 * The program handled `fault`, and the crash happened within that handler (it calls abort(), raises the signal again): the kernel's
 * frame of that handler lies on the stack above. Then that fault is what is told of, and true returned.
 */
bool collect_root(struct crash_case *crash, const struct wire_fault *fault);
/* There is no fault to tell of: only how and when it ended. */
void collect_time(struct crash_case *crash, uint64_t mono_ns);
/*
 * Of the living process `pid`: mappings, the stack beyond what the slot holds, the other threads, memory in use. False: nothing of it was taken,
 * `threads_missing` says why. `is_claimed`: a mapped file says that it is that process; an exporter that runs as root then looks only
 * into what the file's owner may look into himself.
 */
bool collect_living(struct crash_case *crash, uint32_t pid, uint64_t start_ticks, bool is_claimed);
/* Only its mappings, without stopping anything, in any case as for a mapped file's claim. False: they cannot be had. */
bool collect_maps(struct crash_case *crash, const struct process *process);
/* Why there is nothing of that kind: a process of another pid namespace. NULL: it may be looked at. */
const char *collect_why_not(const struct process *process);
/* The root of the process where it is another one than ours: a descriptor; -1: it is ours, or unknown. */
int collect_open_root(uint32_t pid);

#endif

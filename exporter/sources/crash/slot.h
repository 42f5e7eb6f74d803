/*
 * slot: a copy of a crash slot (shim/wire/crash_slot.h), made sense of. A crashed process wrote it, or somebody who wants us to
 * crash as well: every length, number and text is checked here, once, and nobody behind this looks at the raw one.
 *
 * Context: loop. Pure. Ownership: what is found points into the copy, which must outlive it.
 */
#ifndef OTELSHIM_CRASH_SLOT_H
#define OTELSHIM_CRASH_SLOT_H

#include <crash_slot.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot {
    uint32_t state, sequence;
    struct wire_fault fault;      /* thread_name ends with a NUL */
    const uint8_t *stack, *outer; /* NULL: none */
    uint64_t stack_from, outer_from;
    uint32_t stack_bytes, outer_bytes;
    const uint8_t *modules; /* struct wire_module, one after the other, as many as are right */
    uint32_t modules_bytes;
    bool are_modules_cut;
    const uint8_t *message; /* not NUL-terminated; NULL none */
    uint32_t message_bytes;
    const uint8_t *thrown_type, *thrown_what; /* NULL none */
    uint32_t thrown_type_bytes, thrown_what_bytes;
    uint64_t thrown_frames[WIRE_THROWN_FRAMES];
    uint32_t n_thrown_frames;
};

/*
 * `bytes` are the first WIRE_CRASH_SLOT_BYTES of the slot. False: no fault whose registers are whole stands in it. One of kind
 * WIRE_FAULT_HANDLED is a crash only if the process then died of it.
 */
bool slot_decode(const uint8_t *bytes, struct slot *ret_slot);

/*
 * The youngest fault of the table that the program handled itself, of thread `tid` (0: of any), not older than `oldest_mono_ns`. `bytes` as above. A fault
 * on its way to be handled says nothing: the caller knows that the process died.
 */
bool slot_find_handled(const uint8_t *bytes, uint32_t tid, uint64_t oldest_mono_ns,
                       struct wire_fault *ret_fault);

/* How many of the bytes are whole and right struct wire_module. */
uint32_t slot_check_modules(const uint8_t *bytes, uint32_t n_bytes);

#endif

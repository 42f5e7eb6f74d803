/*
 * fuzz_crash_slot: whatever a process leaves in its crash slot, what is made of it lies within the copy, and its texts end.
 *
 * Input: the beginning of struct wire_crash; then 1 KiB of modules; then faults of the table; the rest is zero. State, kind and machine
 * are put right unless the first byte is 0xff.
 */
#include "sources/crash/slot.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MODULES_BYTES 1024u

static volatile unsigned sink;

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void touch(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sink += bytes[i];
}

static size_t take(uint8_t *to, size_t max_bytes, const uint8_t **data, size_t *size)
{
    size_t n = *size < max_bytes ? *size : max_bytes;
    memcpy(to, *data, n);
    *data += n;
    *size -= n;
    return n;
}

static void put_right(uint8_t *bytes)
{
    struct wire_crash *crash = (struct wire_crash *)(void *)bytes;
    crash->state = WIRE_CRASH_REGISTERS + crash->state % 3;
    crash->fault.kind = (uint8_t)(WIRE_FAULT_FATAL + crash->fault.kind % 3);
    crash->fault.machine = crash->fault.machine & 1 ? EM_AARCH64 : EM_X86_64;
    crash->fault.pid |= 1;
    crash->fault.tid |= 1;
}

static void check_modules(const struct slot *slot)
{
    struct wire_module module;
    for (uint32_t at = 0; at < slot->modules_bytes; at += module.bytes) {
        check(slot->modules_bytes - at >= sizeof(module));
        memcpy(&module, slot->modules + at, sizeof(module));
        check(module.bytes <= slot->modules_bytes - at && module.bytes >= sizeof(module));
        check(module.path_bytes <= module.bytes - sizeof(module));
        check(module.build_id_bytes <= sizeof(module.build_id));
        touch(slot->modules + at + sizeof(module), module.path_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = calloc(1, WIRE_CRASH_SLOT_BYTES); /* on the heap: a byte too far is seen */
    bool is_raw = size && data[0] == 0xff;
    take(bytes, sizeof(struct wire_crash), &data, &size);
    take(bytes + WIRE_CRASH_MODULES_OFFSET, MODULES_BYTES, &data, &size);
    take(bytes + WIRE_CRASH_FAULTS_OFFSET, WIRE_CRASH_FAULTS * sizeof(struct wire_fault), &data, &size);
    if (!is_raw)
        put_right(bytes);
    struct slot slot;
    if (slot_decode(bytes, &slot)) {
        check(slot.stack_bytes <= WIRE_CRASH_STACK_MAX && slot.outer_bytes <= WIRE_CRASH_OUTER_MAX);
        check(slot.n_thrown_frames <= WIRE_THROWN_FRAMES);
        sink += (unsigned)strlen(slot.fault.thread_name);
        touch(slot.stack, slot.stack ? slot.stack_bytes : 0);
        touch(slot.outer, slot.outer ? slot.outer_bytes : 0);
        touch(slot.message, slot.message ? slot.message_bytes : 0);
        touch(slot.thrown_type, slot.thrown_type ? slot.thrown_type_bytes : 0);
        touch(slot.thrown_what, slot.thrown_what ? slot.thrown_what_bytes : 0);
        check_modules(&slot);
    }
    struct wire_fault fault;
    if (slot_find_handled(bytes, 0, 0, &fault)) {
        check(fault.pid != 0 && fault.tid != 0 && (fault.sequence & 1) == 0);
        sink += (unsigned)strlen(fault.thread_name);
    }
    free(bytes);
    return 0;
}

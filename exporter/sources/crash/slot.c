/* slot: see slot.h. */
#include "sources/crash/slot.h"

#include <elf.h>
#include <string.h>

static bool is_right_fault(const struct wire_fault *fault)
{
    return fault->pid != 0 && fault->tid != 0 && fault->kind >= WIRE_FAULT_FATAL &&
           fault->kind <= WIRE_FAULT_ASKED && (fault->machine == EM_X86_64 || fault->machine == EM_AARCH64);
}

uint32_t slot_check_modules(const uint8_t *bytes, uint32_t n_bytes)
{
    uint32_t at = 0;
    struct wire_module module;
    while (n_bytes - at >= sizeof(module)) {
        memcpy(&module, bytes + at, sizeof(module));
        if (module.bytes < sizeof(module) || module.bytes % 8 || module.bytes > n_bytes - at ||
            module.path_bytes > module.bytes - sizeof(module) ||
            module.build_id_bytes > sizeof(module.build_id) || module.low > module.high)
            break;
        at += module.bytes;
    }
    return at;
}

/* Of an array that may not end: the bytes before its NUL. */
static const uint8_t *find_text(const uint8_t *text, size_t max_bytes, uint32_t *ret_bytes)
{
    *ret_bytes = (uint32_t)strnlen((const char *)text, max_bytes);
    return *ret_bytes ? text : NULL;
}

static void decode_stacks(const uint8_t *bytes, const struct wire_crash *crash, struct slot *slot)
{
    if (crash->stack_bytes && crash->stack_bytes <= WIRE_CRASH_STACK_MAX) {
        slot->stack = bytes + WIRE_CRASH_STACK_OFFSET;
        slot->stack_bytes = crash->stack_bytes;
        slot->stack_from = crash->stack_from;
    }
    if (crash->outer_bytes && crash->outer_bytes <= WIRE_CRASH_OUTER_MAX) {
        slot->outer = bytes + WIRE_CRASH_OUTER_OFFSET;
        slot->outer_bytes = crash->outer_bytes;
        slot->outer_from = crash->outer_from;
    }
}

static void decode_thrown(const uint8_t *bytes, const struct wire_crash *crash, struct slot *slot)
{
    const struct wire_crash *there = (const struct wire_crash *)(const void *)bytes;
    slot->thrown_type = find_text(there->thrown_type, sizeof(there->thrown_type), &slot->thrown_type_bytes);
    slot->thrown_what = find_text(there->thrown_what, sizeof(there->thrown_what), &slot->thrown_what_bytes);
    slot->n_thrown_frames =
        crash->n_thrown_frames <= WIRE_THROWN_FRAMES ? crash->n_thrown_frames : WIRE_THROWN_FRAMES;
    memcpy(slot->thrown_frames, crash->thrown_frames, sizeof(slot->thrown_frames));
}

bool slot_decode(const uint8_t *bytes, struct slot *ret_slot)
{
    struct wire_crash crash;
    memcpy(&crash, bytes, sizeof(crash));
    if (crash.state < WIRE_CRASH_REGISTERS || crash.state > WIRE_CRASH_WHOLE || !is_right_fault(&crash.fault))
        return false;
    struct slot *slot = ret_slot;
    *slot = (struct slot){.state = crash.state, .sequence = crash.sequence, .fault = crash.fault};
    slot->fault.thread_name[sizeof(slot->fault.thread_name) - 1] = 0;
    if (crash.message_bytes && crash.message_bytes <= WIRE_CRASH_MESSAGE_MAX) {
        slot->message = bytes + offsetof(struct wire_crash, message);
        slot->message_bytes = crash.message_bytes;
    }
    decode_thrown(bytes, &crash, slot);
    if (crash.state >= WIRE_CRASH_STACK)
        decode_stacks(bytes, &crash, slot);
    if (crash.state >= WIRE_CRASH_WHOLE && crash.modules_bytes <= WIRE_CRASH_MODULES_MAX) {
        slot->modules = bytes + WIRE_CRASH_MODULES_OFFSET;
        slot->modules_bytes = slot_check_modules(slot->modules, crash.modules_bytes);
        slot->are_modules_cut =
            crash.flags & WIRE_CRASH_CUT_MODULES || slot->modules_bytes < crash.modules_bytes;
    }
    return true;
}

bool slot_find_handled(const uint8_t *bytes, uint32_t tid, uint64_t oldest_mono_ns,
                       struct wire_fault *ret_fault)
{
    bool is_found = false;
    for (uint32_t i = 0; i < WIRE_CRASH_FAULTS; i++) {
        struct wire_fault fault;
        memcpy(&fault, bytes + WIRE_CRASH_FAULTS_OFFSET + i * sizeof(fault), sizeof(fault));
        if (!fault.sequence || fault.sequence & 1 || !is_right_fault(&fault) ||
            fault.kind != WIRE_FAULT_HANDLED || fault.mono_ns < oldest_mono_ns || (tid && fault.tid != tid) ||
            (is_found && fault.mono_ns <= ret_fault->mono_ns))
            continue;
        fault.thread_name[sizeof(fault.thread_name) - 1] = 0;
        *ret_fault = fault;
        is_found = true;
    }
    return is_found;
}

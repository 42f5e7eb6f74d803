/* call: see call.h. */
#include "sources/crash/call.h"

#include "sources/crash/collect.h"
#include <elf.h>
#include <string.h>

bool call_collect(struct crash_case *crash, const struct raw_stack *raw)
{
    collect_process(crash, raw->process, "call");
    if (raw->stack.machine != crash->machine)
        return false;
    struct crash_thread *thread = arena_zalloc(&crash->arena, sizeof(*thread));
    struct crash_memory *memory = arena_zalloc(&crash->arena, sizeof(*memory));
    static_assert(WIRE_REGISTERS == WIRE_STACK_REGISTERS, "one numbering");
    *memory = (struct crash_memory){
        .address = raw->stack.stack_from,
        .bytes = (uint8_t *)arena_copy(&crash->arena, raw->bytes, raw->stack.stack_bytes),
        .n_bytes = raw->stack.stack_bytes,
    };
    thread->tid = raw->stack.tid;
    memcpy(thread->registers, raw->stack.registers, sizeof(thread->registers));
    thread->memory = memory;
    thread->n_memory = memory->n_bytes > 0;
    crash->threads = thread;
    crash->n_threads = 1;
    crash->tid = raw->stack.tid;
    crash->kind = CRASH_STACKS;
    crash->ended_by = "lives";
    crash->debuginfod = NULL; /* nobody waits for a server */
    return true;
}

uint64_t call_pc(const struct crash_case *crash)
{
    return crash->threads[0].registers[crash->machine == EM_AARCH64 ? WIRE_AARCH64_PC : WIRE_X86_64_IP];
}

bool call_is_like(const struct crash_case *crash, uint64_t pc, const struct call_mark *marks,
                  uint32_t n_marks)
{
    if (!n_marks || !crash->n_threads || !crash->threads[0].n_memory || call_pc(crash) != pc)
        return false;
    const struct crash_memory *memory = &crash->threads[0].memory[0];
    for (uint32_t i = 0; i < n_marks; i++) {
        uint64_t word;
        if (marks[i].offset > memory->n_bytes || memory->n_bytes - marks[i].offset < sizeof(word))
            return false;
        memcpy(&word, memory->bytes + marks[i].offset, sizeof(word));
        if (word != marks[i].address)
            return false;
    }
    return true;
}

/*
 * unwind_guess: what is left when there is no call frame information: the chain of frame pointers, and the words of the stack that
 * look like return addresses. Every frame of these is marked.
 */
#include "unwind.h"

#define MAX_CHAIN 256u
#define MAX_FRAME_BYTES (1u << 20)
#define SCAN_BYTES (64u << 10)
#define SCAN_MISSES 512u /* words that could not be read, or were none, in a row: then it ends */
#define SCAN_MAX 24u

static void walk_frame_pointers(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                                struct trace *trace)
{
    const struct machine *machine = machine_of(symbols);
    uint64_t fp = registers[machine->fp], sp = registers[machine->sp], next_fp, pc;
    for (unsigned i = 0; i < MAX_CHAIN; i++) {
        if (fp < sp || fp - sp > MAX_FRAME_BYTES || fp & 7 || !memory_word(symbols, fp, &next_fp) ||
            !memory_word(symbols, fp + 8, &pc) || !is_return_address(symbols, pc))
            return;
        sp = fp + 16;
        struct trace_frame frame = {.pc = pc, .sp = sp, .fp = next_fp, .guess = SYMBOLS_FRAME_POINTER};
        if (!trace_add(symbols, trace, &frame))
            return;
        fp = next_fp;
    }
}

static void walk_words(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                       struct trace *trace)
{
    const struct machine *machine = machine_of(symbols);
    uint64_t sp = (registers[machine->sp] + 7) & ~UINT64_C(7), word;
    for (uint64_t at = sp, misses = 0, found = 0;
         at - sp < SCAN_BYTES && misses < SCAN_MISSES && found < SCAN_MAX; at += 8) {
        if (!memory_word(symbols, at, &word))
            return;
        misses++;
        if (!is_return_address(symbols, word))
            continue;
        struct trace_frame frame = {.pc = word, .sp = at + 8, .guess = SYMBOLS_SCANNED};
        if (!trace_add(symbols, trace, &frame))
            return;
        misses = 0;
        found++;
    }
}

const struct unwinder unwind_frame_pointer = {"frame-pointer", walk_frame_pointers};
const struct unwinder unwind_scan = {"scan", walk_words};

/* call_stack: see call_stack.h. */
#include "signals/crash/call_stack.h"

#include "signals/crash/own.h"
#include "signals/crash/title.h"
#include "telemetry/attribute.h"
#include <inttypes.h>
#include <string.h>

#define MAX_LINES 64u
#define MAX_MARKS 64u

/* ---- printing ---- */

static bool is_of_library(const struct crash_frame *frame)
{
    static const char name[] = "libotelshim";
    return frame->module && strncmp(own_base_name(frame->module), name, sizeof(name) - 1) == 0;
}

/* Where the program's own begins: in front of it is this library, and what of libc called it back. */
static uint32_t find_first(const struct crash_stack *stack)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < stack->n_frames; i++)
        if (stack->frames[i].is_own)
            return i;
    while (first < stack->n_frames && is_of_library(&stack->frames[first]))
        first++;
    return first;
}

void call_stack_print(FILE *out, struct arena *arena, const struct crash_stack *stack)
{
    uint32_t first = find_first(stack);
    for (uint32_t i = first; i < stack->n_frames && i < first + MAX_LINES; i++) {
        const char *place = title_place(arena, &stack->frames[i]);
        fprintf(out, "#%u %s\n", i - first, place ? place : "?");
    }
}

/* The last place in [from, to) of the stack with that word. */
static bool find_word(const struct crash_memory *memory, uint64_t from, uint64_t to, uint64_t word,
                      uint64_t *ret_offset)
{
    uint64_t end = memory->address + memory->n_bytes;
    for (uint64_t at = to < end ? to : end;
         at >= from + sizeof(word) && at >= memory->address + sizeof(word);) {
        uint64_t found;
        at -= sizeof(word);
        memcpy(&found, memory->bytes + (at - memory->address), sizeof(found));
        if (found == word) {
            *ret_offset = at - memory->address;
            return true;
        }
    }
    return false;
}

void call_stack_print_marks(FILE *out, const struct crash_stack *stack, const struct crash_memory *memory)
{
    struct call_mark marks[MAX_MARKS];
    uint64_t from = memory->address;
    uint32_t n = 0;
    if (stack->n_left_out)
        return;
    for (uint32_t i = 1; i < stack->n_frames; i++) {
        const struct crash_frame *callee = &stack->frames[i - 1];
        if (callee->is_inlined)
            continue;
        if (n == MAX_MARKS || callee->cfa < from || callee->guess ||
            !find_word(memory, from, callee->cfa, stack->frames[i].address, &marks[n].offset))
            return;
        marks[n++].address = stack->frames[i].address;
        from = callee->cfa;
    }
    for (uint32_t i = 0; i < n; i++)
        fprintf(out, "=%" PRIx64 " %" PRIx64 "\n", marks[i].offset, marks[i].address);
}

/* ---- reading ---- */

/* Returns where the lines begin. */
static const char *read_marks(struct call_stack *stack, struct arena *arena, const char *text)
{
    struct call_mark *marks = arena_alloc(arena, MAX_MARKS * sizeof(*marks));
    int bytes;
    while (stack->n_marks < MAX_MARKS &&
           sscanf(text, "=%" SCNx64 " %" SCNx64 "%n",
                  &marks[stack->n_marks].offset, /* NOLINT(cert-err34-c): 64 bits wrap */
                  &marks[stack->n_marks].address, &bytes) == 2 &&
           (text[bytes] == '\n' || !text[bytes])) {
        stack->n_marks++;
        text += bytes + (text[bytes] == '\n');
    }
    stack->marks = marks;
    return text;
}

bool call_stack_read(struct call_stack *ret_stack, struct arena *arena, const char *text, size_t n_bytes)
{
    n_bytes = n_bytes < CALL_STACK_MAX_BYTES ? n_bytes : CALL_STACK_MAX_BYTES;
    while (n_bytes && text[n_bytes - 1] == '\n')
        n_bytes--;
    *ret_stack = (struct call_stack){.n_lines = 0};
    const char *whole = read_marks(ret_stack, arena, text_repaired(arena, text, n_bytes).bytes);
    const char **lines = arena_alloc(arena, MAX_LINES * sizeof(*lines));
    uint32_t n = 0;
    for (const char *at = whole; *at && n < MAX_LINES; n++) {
        size_t bytes = strcspn(at, "\n");
        lines[n] = arena_copy(arena, at, bytes);
        at += bytes + (at[bytes] == '\n');
    }
    ret_stack->lines = lines;
    ret_stack->n_lines = n;
    ret_stack->text = whole;
    return n > 0;
}

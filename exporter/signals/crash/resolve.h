/*
 * resolve: registers and memory of a case → stacks with names. The one place that asks symbols/.
 *
 * Context: commands (symbols/ may die of what it reads); at CRASH_RAW also loop. Ownership: the report's arena.
 */
#ifndef OTELSHIM_CRASH_RESOLVE_H
#define OTELSHIM_CRASH_RESOLVE_H

#include "signals/crash/explain.h"
#include "signals/crash/report.h"

struct resolver {
    const struct crash_case *crash;
    struct arena *arena;
    struct crash_modules modules;
    struct symbols *symbols; /* NULL: CRASH_RAW, or they could not be opened */
    enum crash_depth depth;
};

void resolver_init(struct resolver *resolver, const struct crash_case *crash, struct arena *arena,
                   enum crash_depth depth);
void resolver_fini(struct resolver *resolver);
/* Bytes of the instruction at `pc`, out of the mapped file. Returns how many. */
size_t resolver_read_code(const struct resolver *resolver, uint64_t pc, uint8_t ret_code[EXPLAIN_CODE_BYTES]);
void resolver_walk(struct resolver *resolver, const uint64_t *registers, struct crash_stack *ret_stack);
/* The place of the throw: `addresses` are return addresses. */
void resolver_name(struct resolver *resolver, const uint64_t *addresses, uint32_t n,
                   struct crash_stack *ret_stack);
/* Of a C++ type, as typeid().name() has it; itself where it cannot be demangled. */
const char *resolver_demangle_type(const struct resolver *resolver, const char *name);

#endif

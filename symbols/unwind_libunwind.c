#include "unwind.h"
static void walk_libunwind(struct symbols *symbols, const uint64_t registers[SYMBOLS_REGISTERS],
                           struct trace *trace)
{
    (void)symbols, (void)registers, (void)trace;
}
const struct unwinder unwind_libunwind = {"libunwind", walk_libunwind};

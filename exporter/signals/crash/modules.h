/*
 * modules: what was mapped where in the crashed process: /proc/PID/maps and the loader's list, read by symbols/, and looked up here.
 *
 * Context: any. Hostile input. Ownership: crash_modules_fini().
 */
#ifndef OTELSHIM_CRASH_MODULES_H
#define OTELSHIM_CRASH_MODULES_H

#include "symbols.h"
#include "telemetry/crash_case.h"

struct crash_modules {
    struct symbols_modules list;
    bool has_rights; /* from maps: what may be read, written, executed is known */
};

void crash_modules_make(const struct crash_case *crash, struct crash_modules *ret_modules);
void crash_modules_fini(struct crash_modules *modules);
/* The mapping that holds it; NULL: none. */
const struct symbols_module *crash_modules_find(const struct crash_modules *modules, uint64_t address);
/* The nearest one above it, the nearest one below; NULL: none. */
const struct symbols_module *crash_modules_above(const struct crash_modules *modules, uint64_t address);
const struct symbols_module *crash_modules_below(const struct crash_modules *modules, uint64_t address);
/* Address less the bias, or place in the file where that is not known. */
uint64_t crash_modules_offset(const struct symbols_module *module, uint64_t address);

#endif

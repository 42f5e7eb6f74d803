/* symbols: open and close; see symbols.h. */
#include "unwind.h"

#include <errno.h>
#include <libelf.h>
#include <stdlib.h>

int symbols_open(struct symbols **ret_symbols, const struct symbols_input *input)
{
    struct symbols *symbols = calloc(1, sizeof(*symbols));
    int error = symbols && elf_version(EV_CURRENT) != EV_NONE ? 0 : -ENOMEM;
    if (symbols && !error) {
        symbols->input = input;
        error = machine_of(symbols) ? objects_open(symbols) : -ENOTSUP;
    }
    if (error) {
        symbols_close(symbols);
        return error;
    }
    *ret_symbols = symbols;
    return 0;
}

void symbols_close(struct symbols *symbols)
{
    if (!symbols)
        return;
    offline_fini(symbols);
    if (symbols->dwfl)
        dwfl_end(symbols->dwfl);
    elf_end(symbols->machine);
    debuginfod_fini(symbols);
    pool_fini(&symbols->pool);
    free(symbols);
}

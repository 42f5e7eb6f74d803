/*
 * symtab: the symbol that holds an address, out of .symtab or what is left of it.
 *
 * dwfl's own search fetches every symbol anew for every address: 15 ms a frame in a binary of 400,000. Here they are fetched once,
 * and only what may be a function is kept.
 */
#include "symbols_priv.h"

#define MAX_SYMBOLS (4u << 20)

struct symbol {
    uint64_t value, size;
    const char *name;
    uint8_t rank; /* of several at the same place: global, weak, local; then those that are no functions */
};

static bool may_be_code(const struct symbols *symbols, const GElf_Sym *symbol, uint64_t value,
                        const char *name)
{
    int type = GELF_ST_TYPE(symbol->st_info);
    if (!name || !*name || symbol->st_shndx == SHN_UNDEF)
        return false;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        return true;
    /* labels of assembly; but not $x and $d, which say on aarch64 what is code */
    return type == STT_NOTYPE && name[0] != '$' && (!symbols->n_modules || is_code(symbols, value));
}

static uint8_t rank_of(const GElf_Sym *symbol)
{
    int bind = GELF_ST_BIND(symbol->st_info), type = GELF_ST_TYPE(symbol->st_info);
    return (uint8_t)((bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2) + (type == STT_NOTYPE ? 3 : 0));
}

static void load(struct symbols *symbols, struct object *object)
{
    int n = dwfl_module_getsymtab(object->dwfl);
    object->has_symtab = true;
    if (n <= 1 || n > (int)MAX_SYMBOLS)
        return;
    object->symtab = pool_alloc(&symbols->pool, (size_t)n * sizeof(*object->symtab));
    for (int i = 1; object->symtab && i < n; i++) {
        GElf_Sym symbol;
        GElf_Addr value;
        const char *name = dwfl_module_getsym_info(object->dwfl, i, &symbol, &value, NULL, NULL, NULL);
        if (may_be_code(symbols, &symbol, value, name))
            object->symtab[object->n_symtab++] =
                (struct symbol){value, symbol.st_size, name, rank_of(&symbol)};
    }
}

static bool is_better(const struct symbol *symbol, const struct symbol *best)
{
    return !best || symbol->value > best->value ||
           (symbol->value == best->value && symbol->rank < best->rank);
}

const char *symtab_find(struct symbols *symbols, struct object *object, uint64_t address,
                        bool *ret_is_approximate)
{
    const struct symbol *holds = NULL, *nearest = NULL;
    if (!object->has_symtab)
        load(symbols, object);
    for (uint32_t i = 0; i < object->n_symtab; i++) {
        const struct symbol *symbol = &object->symtab[i];
        if (symbol->value > address)
            continue;
        /* a label of assembly (__restore_rt) has no size: it is sure only of its first byte */
        if (address - symbol->value < (symbol->size ? symbol->size : 1) && is_better(symbol, holds))
            holds = symbol;
        if (is_better(symbol, nearest))
            nearest = symbol;
    }
    *ret_is_approximate = !holds;
    return holds ? holds->name : nearest ? nearest->name : NULL;
}

/*
 * names: an address → module, function, file and line, and the functions that were inlined there, innermost first.
 *
 * Debuggers' rules: a return address is looked up one byte earlier, in the call; the line of an inlined function's caller is that
 * of the call. DW_AT_linkage_name is preferred, as it demangles to a name with its namespaces.
 */
#include "symbols_priv.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INLINED 64
#define MAX_SCOPES 256
#define MAX_NAMESPACES 16

/* ---- frames ---- */

static struct symbols_frame *add_frame(struct symbols *symbols, struct naming *naming, uint64_t pc)
{
    if (naming->n == naming->max) {
        uint32_t max = naming->max ? 2 * naming->max : 32;
        struct symbols_frame *frames = pool_alloc(&symbols->pool, max * sizeof(*frames));
        if (!frames)
            return NULL;
        if (naming->n)
            memcpy(frames, naming->frames, naming->n * sizeof(*frames));
        naming->frames = frames;
        naming->max = max;
    }
    struct symbols_frame *frame = &naming->frames[naming->n++];
    frame->pc = pc;
    frame->offset = pc;
    return frame;
}

static void set_function(struct symbols *symbols, struct symbols_frame *frame, const char *name)
{
    if (!name || !*name)
        return;
    char *demangled = symbols_demangle(name);
    frame->symbol = pool_copy(&symbols->pool, name, strlen(name));
    frame->function = demangled ? pool_copy(&symbols->pool, demangled, strlen(demangled)) : frame->symbol;
    free(demangled);
}

/* ---- DWARF ---- */

/* Of compilers that write no .debug_aranges (clang, rustc) dwfl finds no unit: then every unit's own ranges are asked. */
static Dwarf_Die *find_unit(Dwfl_Module *module, uint64_t address, Dwarf_Addr *ret_bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, ret_bias);
    if (unit)
        return unit;
    while ((unit = dwfl_module_nextcu(module, unit, ret_bias)))
        if (dwarf_haspc(unit, address - *ret_bias) == 1)
            return unit;
    return NULL;
}

/* "engine::(anonymous namespace)::run": where the compiler gave no linkage name, as it does for what is local to a file. */
static const char *qualified_name(struct symbols *symbols, Dwarf_Die *die, const char *name)
{
    Dwarf_Attribute attribute;
    Dwarf_Die origin = *die, *scopes = NULL;
    char text[1024];
    size_t at = sizeof(text) - 1;
    for (int i = 0; i < 4 && (dwarf_attr(&origin, DW_AT_abstract_origin, &attribute) ||
                              dwarf_attr(&origin, DW_AT_specification, &attribute));
         i++)
        if (!dwarf_formref_die(&attribute, &origin))
            return name;
    text[at] = 0;
    int n = dwarf_getscopes_die(&origin, &scopes);
    for (int i = 0; i < n; i++) {
        int tag = dwarf_tag(&scopes[i]);
        bool is_scope = tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type;
        const char *part = i == 0 ? name : is_scope ? dwarf_diename(&scopes[i]) : "";
        part = part ? part : tag == DW_TAG_namespace ? "(anonymous namespace)" : "";
        size_t bytes = strlen(part);
        if (!bytes)
            continue;
        if (bytes + 2 > at)
            break;
        if (text[at]) {
            at -= 2;
            memcpy(text + at, "::", 2);
        }
        at -= bytes;
        memcpy(text + at, part, bytes);
    }
    free(scopes);
    const char *copy = pool_copy(&symbols->pool, text + at, strlen(text + at));
    return n > 0 && copy ? copy : name;
}

static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    return name ? name : dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
}

/* The mangled name of the function that an address lies in; NULL none. */
static const char *mangled_symbol(struct symbols *symbols, struct object *object, uint64_t address)
{
    bool is_approximate;
    const char *name = symtab_find(symbols, object, address, &is_approximate);
    return name && !is_approximate && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R') ? name : NULL;
}

static bool is_c(Dwarf_Die *unit)
{
    int language = dwarf_srclang(unit);
    return language < 0 || language == DW_LANG_C || language == DW_LANG_C89 || language == DW_LANG_C99 ||
           language == DW_LANG_C11;
}

/* `code`: an address of the function that has code of its own, which the symbol table may name; 0 for an inlined one. */
static const char *die_name(struct symbols *symbols, struct object *object, Dwarf_Die *unit, Dwarf_Die *die,
                            uint64_t code)
{
    Dwarf_Attribute attribute;
    const char *name = linkage_name(die);
    if (!name && code && !is_c(unit))
        name = mangled_symbol(symbols, object, code);
    if (name)
        return name;
    name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    return !name || is_c(unit) ? name : qualified_name(symbols, die, name);
}

static int number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 && value < INT32_MAX ? (int)value
                                                                                                : 0;
}

static const char *call_file(Dwarf_Die *unit, Dwarf_Die *inlined)
{
    Dwarf_Files *files;
    size_t n_files;
    int number = number_of(inlined, DW_AT_call_file);
    if (!dwarf_hasattr(inlined, DW_AT_call_file) || dwarf_getsrcfiles(unit, &files, &n_files) != 0 ||
        (size_t)number >= n_files)
        return NULL;
    return dwarf_filesrc(files, (size_t)number, NULL, NULL);
}

static bool may_hold_functions(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
           tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type || tag == DW_TAG_module;
}

/* The function below `parent` that holds the address: in most units one look at each child. */
static bool find_subprogram(Dwarf_Die *parent, uint64_t address, int depth, Dwarf_Die *ret_function)
{
    Dwarf_Die child;
    if (depth > MAX_NAMESPACES || dwarf_child(parent, &child) != 0)
        return false;
    do {
        int tag = dwarf_tag(&child);
        if (tag == DW_TAG_subprogram && dwarf_haspc(&child, address) == 1) {
            *ret_function = child;
            return true;
        }
        if (may_hold_functions(tag) && find_subprogram(&child, address, depth + 1, ret_function))
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

/* The child with code that holds the address. */
static bool find_scope(Dwarf_Die *parent, uint64_t address, Dwarf_Die *ret_child)
{
    if (dwarf_child(parent, ret_child) != 0)
        return false;
    do {
        int tag = dwarf_tag(ret_child);
        if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block || tag == DW_TAG_try_block ||
             tag == DW_TAG_catch_block || tag == DW_TAG_subprogram) &&
            dwarf_haspc(ret_child, address) == 1)
            return true;
    } while (dwarf_siblingof(ret_child, ret_child) == 0);
    return false;
}

/*
 * The functions around an address, as DIEs, innermost first: inlined ones, then the one that has code of its own. A descent of our
 * own, as dwarf_getscopes() and dwarf_getscopes_die() each go through a whole unit.
 */
static int find_functions(Dwarf_Die *unit, uint64_t address, Dwarf_Die ret_functions[MAX_INLINED])
{
    Dwarf_Die found[MAX_INLINED], scope, child;
    int n = 0;
    if (!find_subprogram(unit, address, 0, &scope))
        return 0;
    found[n++] = scope;
    for (int depth = 0; depth < MAX_SCOPES && n < MAX_INLINED && find_scope(&scope, address, &child);
         depth++) {
        int tag = dwarf_tag(&child);
        if (tag ==
            DW_TAG_subprogram) /* nested, with code of its own: what is around it did not call it here */
            n = 0;
        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
            found[n++] = child;
        scope = child;
    }
    for (int i = 0; i < n; i++)
        ret_functions[i] = found[n - 1 - i];
    return n;
}

static void set_line(struct symbols *symbols, struct symbols_frame *frame, const char *file, int line,
                     int column)
{
    if (file)
        frame->file = pool_copy(&symbols->pool, file, strlen(file));
    frame->line = line;
    frame->column = column;
}

static void name_by_dwarf(struct symbols *symbols, struct naming *naming, struct object *object, uint64_t pc,
                          uint64_t look_up)
{
    Dwarf_Die functions[MAX_INLINED];
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(object->dwfl, look_up, &bias);
    struct symbols_frame *frame = &naming->frames[naming->n - 1];
    struct symbols_frame module_of = *frame;
    int line = 0, column = 0;
    if (!unit)
        return;
    Dwarf_Line *found = dwarf_getsrc_die(unit, look_up - bias);
    if (found) {
        (void)dwarf_lineno(found, &line);
        (void)dwarf_linecol(found, &column);
        set_line(symbols, frame, dwarf_linesrc(found, NULL, NULL), line, column);
    }
    int n = find_functions(unit, look_up - bias, functions);
    for (int i = 0; i < n; i++) {
        if (i > 0) {
            frame->is_inlined = true;
            frame = add_frame(symbols, naming, pc);
            if (!frame)
                return;
            *frame = module_of;
            set_line(symbols, frame, call_file(unit, &functions[i - 1]),
                     number_of(&functions[i - 1], DW_AT_call_line),
                     number_of(&functions[i - 1], DW_AT_call_column));
        }
        set_function(symbols, frame,
                     die_name(symbols, object, unit, &functions[i], i == n - 1 ? look_up : 0));
    }
}

/* ---- one address ---- */

void names_of_object(struct symbols *symbols, struct naming *naming, struct object *object, uint64_t pc,
                     uint64_t look_up)
{
    struct symbols_frame *frame = add_frame(symbols, naming, pc);
    if (!frame)
        return;
    frame->module = object->path;
    frame->build_id = object->build_id_text;
    frame->is_mismatched = object->is_mismatched;
    if (object->bias != UNKNOWN)
        frame->offset = pc - object->bias;
    if (!object->dwfl)
        return;
    name_by_dwarf(symbols, naming, object, pc, look_up);
    frame = &naming->frames[naming->n - 1]; /* the function that has code of its own */
    if (!frame->function)
        set_function(symbols, frame, symtab_find(symbols, object, look_up, &frame->is_approximate));
    frame->is_approximate = frame->is_approximate && frame->function;
}

void names_add(struct symbols *symbols, struct naming *naming, uint64_t pc, uint64_t look_up)
{
    const struct symbols_module *module = modules_find(symbols, look_up);
    struct object *object = module ? objects_find(symbols, look_up) : NULL;
    if (object) {
        names_of_object(symbols, naming, object, pc, look_up);
        return;
    }
    struct symbols_frame *frame = add_frame(symbols, naming, pc);
    if (!frame || !module || !module->is_executable)
        return;
    frame->module = module->path[0] ? module->path : "[jit]";
    frame->offset = pc - module->low;
    set_function(symbols, frame, jit_name(symbols, look_up));
}

/* resolve: see resolve.h. */
#include "signals/crash/resolve.h"

#include "signals/crash/own.h"
#include "telemetry/attribute.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SP_X86_64 7
#define LR_AARCH64 30
#define PERF_MAP_MAX_BYTES (16u << 20)

/* ---- memory ---- */

static bool read_piece(const struct crash_memory *memory, uint64_t address, void *to, size_t bytes)
{
    if (address < memory->address || address - memory->address > memory->n_bytes ||
        bytes > memory->n_bytes - (address - memory->address))
        return false;
    memcpy(to, memory->bytes + (address - memory->address), bytes);
    return true;
}

static bool read_memory(void *context, uint64_t address, void *to, size_t bytes)
{
    const struct crash_case *crash = context;
    for (uint32_t t = 0; t < crash->n_threads; t++)
        for (uint32_t i = 0; i < crash->threads[t].n_memory; i++)
            if (read_piece(&crash->threads[t].memory[i], address, to, bytes))
                return true;
    return false;
}

size_t resolver_read_code(const struct resolver *resolver, uint64_t pc, uint8_t ret_code[EXPLAIN_CODE_BYTES])
{
    const struct symbols_module *module = crash_modules_find(&resolver->modules, pc);
    struct stat status;
    char *path;
    if (resolver->depth == CRASH_RAW || !resolver->modules.has_rights || !module || module->path[0] != '/')
        return 0;
    path = arena_printf(resolver->arena, "%s%s", resolver->crash->root ? resolver->crash->root : "",
                        module->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    ssize_t n = fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
                    ? pread(fd, ret_code, EXPLAIN_CODE_BYTES, (off_t)(pc - module->low + module->file_offset))
                    : -1;
    close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* ---- frames ---- */

static struct crash_frame copy_frame(const struct resolver *resolver, const struct symbols_frame *from)
{
    static const char *const guesses[] = {[SYMBOLS_SURE] = NULL,
                                          [SYMBOLS_FRAME_POINTER] = "frame-pointer",
                                          [SYMBOLS_SCANNED] = "scan",
                                          [SYMBOLS_FIXED_UP] = "fixed-up"};
    return (struct crash_frame){
        .function = text_valid(resolver->arena, from->function ? from->function : from->symbol),
        .file = text_valid(resolver->arena, from->file),
        .module = text_valid(resolver->arena, from->module),
        .build_id = text_valid(resolver->arena, from->build_id),
        .address = from->pc,
        .offset = from->offset,
        .cfa = from->cfa,
        .line = from->line > 0 ? (uint32_t)from->line : 0,
        .column = from->column > 0 ? (uint32_t)from->column : 0,
        .is_inlined = from->is_inlined,
        .is_signal = from->is_signal,
        .is_approximate = from->is_approximate,
        .is_mismatched = from->is_mismatched,
        .guess = from->guess <= SYMBOLS_FIXED_UP ? guesses[from->guess] : NULL,
    };
}

static void copy_stack(const struct resolver *resolver, const struct symbols_stack *from,
                       struct crash_stack *ret_stack)
{
    *ret_stack = (struct crash_stack){
        .frames = arena_zalloc(resolver->arena, (from->n_frames + 1) * sizeof(struct crash_frame)),
        .n_left_out = from->n_left_out,
        .left_out_at = from->left_out_at,
        .unwinder = text_valid(resolver->arena, from->unwinder),
        .end_reason = text_valid(resolver->arena, from->end_reason),
        .recursion_at = from->recursion_at,
        .recursion_period = from->recursion_period,
        .recursion_times = from->recursion_times,
    };
    for (uint32_t i = 0; i < from->n_frames; i++)
        ret_stack->frames[ret_stack->n_frames++] = copy_frame(resolver, &from->frames[i]);
}

/* By maps alone: module and offset. */
static struct crash_frame locate(const struct resolver *resolver, uint64_t pc, const char *guess)
{
    struct crash_frame frame = {.address = pc, .guess = guess};
    const struct symbols_module *module = crash_modules_find(&resolver->modules, pc);
    if (module && module->path[0]) {
        frame.module = text_valid(resolver->arena, module->path);
        frame.offset = crash_modules_offset(module, pc);
        if (module->n_build_id) /* at most BUILD_ID_MAX of symbols/ */
            frame.build_id = text_print_hex(resolver->arena, module->build_id, module->n_build_id);
    }
    return frame;
}

/* Of a jump to nowhere the caller too, which stands on the stack or in the link register. */
static void locate_stack(const struct resolver *resolver, const uint64_t *registers,
                         struct crash_stack *stack)
{
    bool is_arm = resolver->crash->machine == EM_AARCH64;
    uint64_t pc = registers[is_arm ? WIRE_AARCH64_PC : WIRE_X86_64_IP], caller = registers[LR_AARCH64];
    const struct symbols_module *module = crash_modules_find(&resolver->modules, pc);
    stack->frames = arena_zalloc(resolver->arena, 2 * sizeof(*stack->frames));
    stack->frames[stack->n_frames++] = locate(resolver, pc, NULL);
    bool is_wild = !module || !module->is_executable;
    if (is_wild && (is_arm || read_memory((void *)(uintptr_t)resolver->crash, registers[SP_X86_64], &caller,
                                          sizeof(caller))))
        stack->frames[stack->n_frames++] = locate(resolver, caller, "fixed-up");
    stack->end_reason = "not unwound";
}

/* Data that was executed has no function: the nearest symbol (_fini, say) would be told, and be part of the fingerprint. */
static void mark_data(const struct resolver *resolver, struct crash_stack *stack)
{
    const struct symbols_module *module =
        stack->n_frames ? crash_modules_find(&resolver->modules, stack->frames[0].address) : NULL;
    if (!resolver->modules.has_rights || !module || module->is_executable)
        return;
    stack->frames[0].function = OWN_DATA;
    stack->frames[0].is_approximate = false;
}

/* int3 is reported behind itself; everything else at the instruction. */
static bool is_behind_breakpoint(const struct crash_case *crash)
{
    return crash->machine != EM_AARCH64 && crash->signal == SIGTRAP && crash->code == SI_KERNEL;
}

void resolver_walk(struct resolver *resolver, const uint64_t *registers, struct crash_stack *ret_stack)
{
    uint64_t adjusted[WIRE_REGISTERS];
    static_assert(WIRE_REGISTERS == SYMBOLS_REGISTERS, "one numbering");
    memcpy(adjusted, registers, sizeof(adjusted));
    if (registers == resolver->crash->threads[0].registers && is_behind_breakpoint(resolver->crash))
        adjusted[WIRE_X86_64_IP]--;
    *ret_stack = (struct crash_stack){.n_frames = 0};
    const struct symbols_stack *stack = resolver->symbols ? symbols_walk(resolver->symbols, adjusted) : NULL;
    if (stack && stack->n_frames)
        copy_stack(resolver, stack, ret_stack);
    else
        locate_stack(resolver, adjusted, ret_stack);
    mark_data(resolver, ret_stack);
}

void resolver_name(struct resolver *resolver, const uint64_t *addresses, uint32_t n,
                   struct crash_stack *ret_stack)
{
    uint32_t max = n * 8;
    *ret_stack = (struct crash_stack){.n_frames = 0};
    if (!n)
        return;
    ret_stack->frames = arena_zalloc(resolver->arena, max * sizeof(*ret_stack->frames));
    for (uint32_t i = 0; i < n; i++) {
        const struct symbols_stack *named =
            resolver->symbols ? symbols_name(resolver->symbols, addresses[i] - 1) : NULL;
        for (uint32_t f = 0; named && f < named->n_frames && ret_stack->n_frames < max; f++)
            ret_stack->frames[ret_stack->n_frames++] = copy_frame(resolver, &named->frames[f]);
        if ((!named || !named->n_frames) && ret_stack->n_frames < max)
            ret_stack->frames[ret_stack->n_frames++] = locate(resolver, addresses[i], NULL);
    }
}

const char *resolver_demangle_type(const struct resolver *resolver, const char *name)
{
    static const char prefix[] = "typeinfo name for ";
    if (resolver->depth == CRASH_RAW)
        return text_valid(resolver->arena, name);
    bool is_symbol = strncmp(name, "_Z", 2) == 0;
    char *text = symbols_demangle(is_symbol ? name : arena_printf(resolver->arena, "_ZTS%s", name));
    if (!text)
        return text_valid(resolver->arena, name);
    size_t skip = strncmp(text, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    const char *copy = text_valid(resolver->arena, text + skip);
    free(text);
    return copy;
}

/* ---- life ---- */

/*
 * Names of code that was compiled at run time: what a JIT writes for perf(1). Anybody may put a file there: it must be the process's
 * user's, or root's.
 */
static const char *read_perf_map(const struct crash_case *crash, struct arena *arena, size_t *ret_bytes)
{
    const char *path = arena_printf(arena, "%s/tmp/perf-%u.map", crash->root ? crash->root : "", crash->pid);
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    char *text = NULL;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
        (status.st_uid == crash->uid || status.st_uid == 0)) {
        size_t max = status.st_size < (off_t)PERF_MAP_MAX_BYTES ? (size_t)status.st_size : PERF_MAP_MAX_BYTES;
        text = arena_alloc(arena, max);
        ssize_t n = read(fd, text, max);
        *ret_bytes = n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return text;
}

void resolver_init(struct resolver *resolver, const struct crash_case *crash, struct arena *arena,
                   enum crash_depth depth)
{
    *resolver = (struct resolver){.crash = crash, .arena = arena, .depth = depth};
    crash_modules_make(crash, &resolver->modules);
    if (depth == CRASH_RAW)
        return;
    struct symbols_input *input = arena_zalloc(arena, sizeof(*input));
    *input = (struct symbols_input){
        .machine = crash->machine,
        .modules = resolver->modules.list.items,
        .n_modules = resolver->modules.list.n,
        .read = read_memory,
        .context = (void *)(uintptr_t)crash,
        .root = crash->root ? crash->root : "",
        .debuginfod = crash->debuginfod,
    };
    input->perf_map = read_perf_map(crash, arena, &input->perf_map_bytes);
    if (symbols_open(&resolver->symbols, input) != 0)
        resolver->symbols = NULL;
}

void resolver_fini(struct resolver *resolver)
{
    if (resolver->symbols)
        symbols_close(resolver->symbols);
    resolver->symbols = NULL;
    crash_modules_fini(&resolver->modules);
}

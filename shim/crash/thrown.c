/*
 * thrown: the C++ exception that a thread threw last, and from where.
 *
 *   begins    __cxa_throw, __cxa_rethrow (of an exception whose throw was not the last one seen)
 *   copied    at the throw: addresses only (object, type, return addresses, the runtime's per-thread record). The type's
 *             name and what() are read when the process dies, with memory_copy()
 *   frames    the throw itself, always; its callers by frame pointers, as far as the memory is certain to be there: to the top of the
 *             main thread's stack, elsewhere to the end of the page. Code without frame pointers gives guesses
 *   not done  what() is never called (the program's code); what does not begin with a runtime_error or logic_error has none here
 *   traps     several C++ runtimes in one process: real_find() decides as ld.so. An exception that was caught since is none: the
 *             runtime's record says which are in flight. We stand aside by a jump: the unwinder starts at the program's throw
 *
 * Context: hot (throw), signal (thrown_copy). Threads: any.
 */
#include "crash/crash.h"

#include "real.h"
#include "real_libc.h"
#include "sys.h"
#include <crash_slot.h>
#include <sys/auxv.h>

#define MAX_THROWS 64u    /* threads whose last throw is kept; by the thread pointer */
#define MAX_BASES 8u      /* of an exception's class */
#define HEADER_BYTES 256u /* at most, of what the runtime puts in front of an exception object */
#define MAIN_STACK_BYTES (64u << 20)

/* Itanium C++ ABI: what __cxa_get_globals() gives. */
struct exceptions {
    uint64_t caught; /* header of the exception that is being handled; 0 none */
    uint32_t n_uncaught;
};

/* One thread's last throw. */
struct throw
{
    uint32_t sequence; /* odd while it is written */
    uint32_t n_frames;
    uint64_t thread; /* thread pointer: key */
    uint64_t object, type;
    uint64_t exceptions; /* struct exceptions of the thread */
    uint64_t frames[WIRE_THROWN_FRAMES];
};

enum { ENTRY_THROW, ENTRY_RETHROW };
static struct real_entry entries[] = {
    [ENTRY_THROW] = {.name = "__cxa_throw"}, [ENTRY_RETHROW] = {.name = "__cxa_rethrow"}};

/* __cxa_get_globals() of each C++ runtime: there is one in nearly every process. Written once each, the library last. */
struct runtime {
    const struct real_library *library;
    struct exceptions *(*get_exceptions)(void);
};

static struct {
    struct throw throws[MAX_THROWS];
    struct runtime runtimes[4];
    uint64_t main_stack_top;
    uint64_t one_base, more_bases; /* what the type of a class with bases begins with */
} state;

EXPORTED void __cxa_throw(void *object, void *type, void (*destroy)(void *));
EXPORTED void __cxa_rethrow(void);

static uint64_t find_vtable(const char *name)
{
    uint64_t at = (uint64_t)(uintptr_t)libc_find_data_anywhere(name);
    return at ? at + 16 : 0;
}

static struct exceptions *exceptions_of(const struct real_entry *entry)
{
    const struct real_library *library = __atomic_load_n(&entry->library, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; library && i < sizeof(state.runtimes) / sizeof(state.runtimes[0]); i++) {
        struct runtime *runtime = &state.runtimes[i];
        const struct real_library *there = __atomic_load_n(&runtime->library, __ATOMIC_ACQUIRE);
        if (there == library)
            return runtime->get_exceptions ? runtime->get_exceptions() : NULL;
        if (there)
            continue;
        /* Two threads at once write the same. */
        runtime->get_exceptions = (struct exceptions * (*)(void)) real_sibling(entry, "__cxa_get_globals");
        state.one_base = find_vtable("_ZTVN10__cxxabiv120__si_class_type_infoE");
        state.more_bases = find_vtable("_ZTVN10__cxxabiv121__vmi_class_type_infoE");
        __atomic_store_n(&runtime->library, library, __ATOMIC_RELEASE);
        return runtime->get_exceptions ? runtime->get_exceptions() : NULL;
    }
    return NULL;
}

/* Where reading up the stack must end. */
static uint64_t end_of(uint64_t frame)
{
    if (!state.main_stack_top)
        state.main_stack_top = getauxval(AT_RANDOM);
    uint64_t top = state.main_stack_top;
    return frame < top && top - frame < MAIN_STACK_BYTES ? top : (frame | 4095) + 1;
}

/* `frame` is the wrapper's: the caller's frame pointer stands there. */
static uint32_t walk(uint64_t frame, uint64_t *frames)
{
    uint64_t end = end_of(frame);
    uint32_t n = 0;
    for (uint64_t at = frame; n < WIRE_THROWN_FRAMES && at + 16 <= end && !(at & 7);) {
        const uint64_t *pair = (const uint64_t *)(uintptr_t)at; /* NOLINT(performance-no-int-to-ptr) */
        if (!pair[1] || (n && pair[1] == frames[n - 1] && pair[0] <= at))
            break;
        frames[n++] = pair[1];
        if (pair[0] <= at)
            break;
        at = pair[0];
    }
    return n;
}

static struct throw *throw_of(uint64_t thread)
{
    return &state.throws[(thread >> 6 ^ thread >> 12) % MAX_THROWS];
}

static void note(uint64_t object, uint64_t type, uint64_t frame, const struct exceptions *exceptions)
{
    uint64_t thread = (uint64_t)(uintptr_t)__builtin_thread_pointer();
    struct throw *throw = throw_of(thread);
    uint32_t sequence = __atomic_load_n(&throw->sequence, __ATOMIC_RELAXED);
    if (sequence & 1 || !__atomic_compare_exchange_n(&throw->sequence, &sequence, sequence + 1, false,
                                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return; /* another thread's, this very moment */
    throw->thread = thread;
    throw->object = object;
    throw->type = type;
    throw->exceptions = (uint64_t)(uintptr_t)exceptions;
    throw->n_frames = walk(frame, throw->frames);
    __atomic_store_n(&throw->sequence, sequence + 2, __ATOMIC_RELEASE);
}

EXPORTED void __cxa_throw(void *object, void *type, void (*destroy)(void *))
{
    struct real_entry *entry = &entries[ENTRY_THROW];
    __typeof__(&__cxa_throw) real =
        (__typeof__(&__cxa_throw))real_find(entry, __builtin_return_address(0), NULL);
    const struct exceptions *exceptions = crash_is_on() ? exceptions_of(entry) : NULL;
    if (exceptions)
        note((uint64_t)(uintptr_t)object, (uint64_t)(uintptr_t)type,
             (uint64_t)(uintptr_t)__builtin_frame_address(0), exceptions);
    real(object, type, destroy);
}

/* Of the exception that is being handled: its header begins with its type. */
EXPORTED void __cxa_rethrow(void)
{
    struct real_entry *entry = &entries[ENTRY_RETHROW];
    __typeof__(&__cxa_rethrow) real =
        (__typeof__(&__cxa_rethrow))real_find(entry, __builtin_return_address(0), NULL);
    const struct exceptions *exceptions = crash_is_on() ? exceptions_of(entry) : NULL;
    uint64_t caught = exceptions ? exceptions->caught : 0;
    const struct throw *last = throw_of((uint64_t)(uintptr_t)__builtin_thread_pointer());
    if (caught && last->object - caught > HEADER_BYTES)
        note(caught, *(const uint64_t *)(uintptr_t)caught, /* NOLINT(performance-no-int-to-ptr) */
             (uint64_t)(uintptr_t)__builtin_frame_address(0), exceptions);
    real();
}

/* ---- the process dies ---- */
/* Without a look at the thread's memory: a thread that clone() made without one would fault. */
static uint64_t thread_pointer(void)
{
#if defined(__x86_64__)
    uint64_t pointer = 0;
    (void)sys_call3(__NR_arch_prctl, 0x1003 /* ARCH_GET_FS */, (long)&pointer, 0);
    return pointer;
#else
    return (uint64_t)(uintptr_t)__builtin_thread_pointer();
#endif
}

static uint64_t read_word(uint64_t address)
{
    uint64_t word;
    return memory_copy(&word, address, sizeof(word)) == sizeof(word) ? word : 0;
}

/* NUL-terminated where there is room for it; without the NUL counted. */
static uint32_t read_text(uint8_t *to, uint32_t max_bytes, uint64_t address)
{
    uint32_t n = 0, there = address ? (uint32_t)memory_copy(to, address, max_bytes - 1) : 0;
    while (n < there && to[n])
        n++;
    for (uint32_t i = n; i < max_bytes; i++)
        ((volatile uint8_t *)to)[i] = 0;
    return n;
}

static bool is_text(const uint8_t *text, const char *wanted)
{
    while (*wanted && *text == (uint8_t)*wanted)
        text++, wanted++;
    return !*text && !*wanted;
}

/* Names that begin with '*' are compared by address; the mangled name follows. */
static uint32_t read_name(uint8_t *to, uint32_t max_bytes, uint64_t type)
{
    uint64_t name = read_word(type + 8);
    uint8_t first;
    if (name && memory_copy(&first, name, 1) == 1 && first == '*')
        name++;
    return read_text(to, max_bytes, name);
}

/* The type of the base that lies at the object's beginning; 0: none. Of several bases each has a word of offset (from bit 8)
 * and flags (1: virtual). */
static uint64_t base_of(uint64_t type)
{
    uint64_t kind = read_word(type);
    if (kind && kind == state.one_base)
        return read_word(type + 16);
    uint32_t n = kind && kind == state.more_bases ? (uint32_t)(read_word(type + 16) >> 32) : 0;
    for (uint32_t i = 0; i < n && i < MAX_BASES; i++) {
        uint64_t place = read_word(type + 32 + 16ull * i);
        if (place >> 8 == 0 && !(place & 1))
            return read_word(type + 24 + 16ull * i);
    }
    return 0;
}

/* std::runtime_error and std::logic_error, and what begins with one, keep the text's address in their second word, in libstdc++ as
 * in libc++. */
static bool has_text(uint64_t type)
{
    uint8_t name[32];
    for (unsigned i = 0; i < MAX_BASES && type; i++) {
        (void)read_name(name, sizeof(name), type);
        if (is_text(name, "St13runtime_error") || is_text(name, "St11logic_error"))
            return true;
        type = base_of(type);
    }
    return false;
}

/* Is it in flight, or, where the thread aborts, what it handles? std::terminate() is called while it is handled. */
static bool is_uncaught(const struct throw *throw, int number)
{
    struct exceptions now;
    if (memory_copy(&now, throw->exceptions, sizeof(now)) != sizeof(now))
        return false;
    return now.n_uncaught || (number == SIGABRT && now.caught && throw->object - now.caught <= HEADER_BYTES);
}

void thrown_copy(struct wire_crash *crash)
{
    uint64_t thread = thread_pointer();
    const struct throw *throw = throw_of(thread);
    int number = ((const siginfo_t *)(const void *)crash->fault.siginfo)->si_signo;
    if (!thread || throw->thread != thread || throw->sequence & 1 || !is_uncaught(throw, number))
        return;
    crash->thrown_bytes = read_name(crash->thrown_type, sizeof(crash->thrown_type), throw->type);
    if (has_text(throw->type))
        (void)read_text(crash->thrown_what, sizeof(crash->thrown_what), read_word(throw->object + 8));
    for (uint32_t i = 0; i < throw->n_frames; i++)
        crash->thrown_frames[i] = throw->frames[i];
    crash->n_thrown_frames = throw->n_frames;
}

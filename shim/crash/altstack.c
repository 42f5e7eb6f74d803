/*
 * altstack: alternate stacks for threads that have none, from a pool.
 *
 *   [guard][stack 0][guard][stack 1] … [guard]      a block: reserved at once, each stack opened when it is first used
 *
 * A stack belongs to the thread whose tid stands in its entry, and is free once that thread is gone: asked of the kernel when
 * another one needs it. No thread-specific key (500 of 500 leaked at pthread_exit), no munmap (ASan unmaps what it finds), no
 * page touched before a signal comes.
 *
 * Context: cold, but for altstack_find() (signal). No libc. Threads: any, at once.
 */
#include "crash/altstack_priv.h"

#include "crash/disposition_priv.h"
#include "crash/onstack.h"
#include "crash/sharing.h"
#include "hot.h"
#include "real_libc.h"
#include "sys.h"
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define MIN_BYTES (64u << 10)
#define BLOCK_STACKS 32u
#define MAX_BLOCKS 128u
#define MAX_STACKS (1 + BLOCK_STACKS * (MAX_BLOCKS - 1))
#define MAX_LOOKS 8u       /* at stacks whose owner may be gone, before a new one is taken */
#define CLAIMED UINT32_MAX /* for a thread that is being made */

/* Not in .bss: the constructor writes it (disposition.c). */
static struct {
    uint32_t is_on;              /* set in the constructor; 0 for ever once Go is seen */
    uint32_t n_stacks;           /* used so far */
    uint32_t cursor;             /* where to look next */
    uint64_t bytes, guard_bytes; /* set in the constructor */
    uint64_t first_block;        /* address of its first guard; 0 none yet. It has one stack */
    struct altstack first;       /* in it: the main thread's */
} pool HOT_DATA;

static uint64_t blocks[MAX_BLOCKS]; /* the others; 0 none yet */
static struct altstack stacks[MAX_STACKS];

static struct altstack *stack_at(uint32_t number)
{
    return number ? &stacks[number] : &pool.first;
}

static uint32_t number_of(const struct altstack *stack)
{
    return stack == &pool.first ? 0 : (uint32_t)(stack - stacks);
}

static uint64_t *block_at(uint32_t block)
{
    return block ? &blocks[block] : &pool.first_block;
}

/* The first block is the first thread's: a program without threads reserves no more. */
static uint32_t stacks_of(uint32_t block)
{
    return block ? BLOCK_STACKS : 1;
}

static uint32_t block_of(uint32_t number)
{
    return (number + BLOCK_STACKS - 1) / BLOCK_STACKS;
}

static uint64_t bytes_of(uint32_t block)
{
    return stacks_of(block) * (pool.bytes + pool.guard_bytes) + pool.guard_bytes;
}

/* Lowest address of a stack; 0: its block could not be had. */
static uint64_t low_of(const struct altstack *stack)
{
    uint32_t number = number_of(stack), block = block_of(number);
    uint64_t at = __atomic_load_n(block_at(block), __ATOMIC_ACQUIRE);
    uint32_t n = block ? (number - 1) % BLOCK_STACKS : 0;
    return at ? at + pool.guard_bytes + n * (pool.bytes + pool.guard_bytes) : 0;
}

static bool make_block(uint32_t block)
{
    if (__atomic_load_n(block_at(block), __ATOMIC_ACQUIRE))
        return true;
    uint64_t none = 0;
    void *at = sys_mmap(NULL, bytes_of(block), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (at && !__atomic_compare_exchange_n(block_at(block), &none, (uint64_t)(uintptr_t)at, false,
                                           __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        sys_munmap(at, bytes_of(block)); /* another thread was first, and nobody has seen ours */
    return at || none;
}

/* The pages may be written from now on; none is. */
static bool open_stack(struct altstack *stack)
{
    if (stack->is_open)
        return true;
    if (!make_block(block_of(number_of(stack))))
        return false;
    long result = sys_call3(__NR_mprotect, (long)low_of(stack), (long)pool.bytes, PROT_READ | PROT_WRITE);
    stack->is_open = !sys_is_error(result);
    return stack->is_open;
}

static bool is_gone(uint32_t tid)
{
    return sys_tgkill(sys_getpid(), tid, 0) == -3 /* ESRCH */;
}

static bool take(struct altstack *stack, uint32_t from, uint32_t to)
{
    if (!__atomic_compare_exchange_n(&stack->owner, &from, to, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    if (open_stack(stack))
        return true;
    __atomic_store_n(&stack->owner, 0, __ATOMIC_RELEASE);
    return false;
}

static struct altstack *take_left(uint32_t owner)
{
    uint32_t n = __atomic_load_n(&pool.n_stacks, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < MAX_LOOKS && i < n; i++) {
        uint32_t at = __atomic_fetch_add(&pool.cursor, 1, __ATOMIC_RELAXED) % n;
        struct altstack *stack = stack_at(at);
        uint32_t of = __atomic_load_n(&stack->owner, __ATOMIC_RELAXED);
        if (of != CLAIMED && (!of || is_gone(of)) && take(stack, of, owner))
            return stack;
    }
    return NULL;
}

static struct altstack *take_new(uint32_t owner)
{
    uint32_t n = __atomic_load_n(&pool.n_stacks, __ATOMIC_RELAXED);
    while (n < MAX_STACKS)
        if (__atomic_compare_exchange_n(&pool.n_stacks, &n, n + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return take(stack_at(n), 0, owner) ? stack_at(n) : NULL;
    return NULL;
}

static struct altstack *find_by_address(uint64_t address)
{
    uint32_t n = __atomic_load_n(&pool.n_stacks, __ATOMIC_ACQUIRE);
    for (uint32_t block = 0; n && block <= block_of(n - 1); block++) {
        uint64_t from = __atomic_load_n(block_at(block), __ATOMIC_ACQUIRE);
        if (!from || address < from || address - from >= bytes_of(block))
            continue;
        uint64_t in = (address - from) / (pool.bytes + pool.guard_bytes);
        if (in >= stacks_of(block))
            return NULL;
        struct altstack *stack = stack_at(block ? 1 + (block - 1) * BLOCK_STACKS + (uint32_t)in : 0);
        return address - low_of(stack) < pool.bytes ? stack : NULL;
    }
    return NULL;
}

bool altstack_find(uint64_t address, uint64_t *ret_low, uint64_t *ret_high)
{
    const struct altstack *stack = find_by_address(address);
    if (!stack)
        return false;
    *ret_low = low_of(stack);
    *ret_high = *ret_low + pool.bytes;
    return true;
}

bool altstack_is_ours(const void *address)
{
    return find_by_address((uint64_t)(uintptr_t)address) != NULL;
}

static long change(const stack_t *set, stack_t *ret_old)
{
    return sys_call3(__NR_sigaltstack, (long)set, (long)ret_old, 0);
}

static struct altstack *current(void)
{
    stack_t now = {.ss_flags = SS_DISABLE};
    bool is_set = change(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE);
    return is_set ? find_by_address((uint64_t)(uintptr_t)now.ss_sp) : NULL;
}

/* In a fork child every owner but one is gone, and that one has another tid now. */
static void adopt(void)
{
    struct altstack *mine = current();
    uint32_t n = __atomic_load_n(&pool.n_stacks, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n; i++)
        __atomic_store_n(&stack_at(i)->owner, stack_at(i) == mine ? sys_gettid() : 0, __ATOMIC_RELAXED);
}

/* Where handlers that run on alternate stacks are installed, and some threads have such stacks, the others are to have
 * none: a handler must not get through where it would not. */
static bool is_wanted(void)
{
    return __atomic_load_n(&pool.is_on, __ATOMIC_RELAXED) && !onstack_is_in_use();
}

struct altstack *altstack_claim(void)
{
    if (!is_wanted() || !sharing_is_own())
        return NULL;
    if (sharing_is_first())
        adopt();
    struct altstack *stack = take_left(CLAIMED);
    return stack ? stack : take_new(CLAIMED);
}

void altstack_give_back(struct altstack *stack)
{
    __atomic_store_n(&stack->owner, 0, __ATOMIC_RELEASE);
}

void altstack_use(struct altstack *stack)
{
    const stack_t ours = {.ss_sp = (void *)(uintptr_t)low_of(stack),
                          .ss_size = pool.bytes}; /* NOLINT(performance-no-int-to-ptr) */
    __atomic_store_n(&stack->owner, sys_gettid(), __ATOMIC_RELEASE);
    if (change(&ours, NULL) != 0)
        altstack_give_back(stack);
}

void altstack_put_on(void)
{
    struct altstack *stack = altstack_claim();
    if (stack)
        altstack_use(stack);
}

/* Go's own functions, in a program or in a library of it (crosscall2 is cgo's way in). */
static bool has_go(void)
{
    static const char *const names[] = {"crosscall2", "_cgo_topofstack"};
    if (!libc_find_names(names, 2))
        return false;
    __atomic_store_n(&pool.is_on, 0, __ATOMIC_RELAXED);
    return true;
}

bool altstack_is_programs(void)
{
    stack_t now = {.ss_flags = SS_DISABLE};
    if (change(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE) &&
        !find_by_address((uint64_t)(uintptr_t)now.ss_sp))
        return true;
    return has_go();
}

void altstack_start(void)
{
    stack_t now = {.ss_flags = SS_DISABLE};
    uint64_t needed = 4 * getauxval(AT_MINSIGSTKSZ), page = getauxval(AT_PAGESZ);
    if (!crash_is_on() || !disposition_is_taken(SIGSEGV) || has_go())
        return;
    pool.guard_bytes = page;
    pool.bytes = ((needed > MIN_BYTES ? needed : MIN_BYTES) + page - 1) & ~(page - 1);
    __atomic_store_n(&pool.is_on, 1, __ATOMIC_RELAXED);
    (void)sharing_is_first();
    onstack_start_hiding();
    struct altstack *first = change(NULL, &now) == 0 && now.ss_flags & SS_DISABLE ? take_new(CLAIMED) : NULL;
    if (first)
        altstack_use(first);
}

/* What only aarch64 has: cases 119-127. Built as each case needs it; under qemu-user with -cpu max unless the case says another. */
#include "torture.h"
#include <sys/auxv.h>

#ifndef PROT_BTI
#define PROT_BTI 0x10
#endif
#ifndef PROT_MTE
#define PROT_MTE 0x20
#endif
#define SIGNED_STACK_BYTES 256

/* Saves no return address: the caller is in x30 alone. */
static NOINLINE int leaf(volatile int *volatile nothing)
{
    return *nothing = 1; /* here: leaf */
}

/* The return address as it was saved: signed ones have bits above those of an address. */
static void say_signed(void)
{
    uint64_t *frame = __builtin_frame_address(0);
    say("return addresses are %s\n", frame[1] >> 48 ? "signed" : "plain");
}

static NOINLINE int inner(volatile int *p)
{
    say_signed();
    return leaf(p) + 1; /* here: inner */
}

static NOINLINE int outer(volatile int *p)
{
    return inner(p) + 1; /* here: outer */
}

static void signed_frames(void)
{
    always = outer(NULL) + 1;
}

static NOINLINE void jump_to(void *address)
{
    __asm__ volatile("mov x1, %0\n\tblr x1" ::"r"(address) : "x1", "x30", "memory"); /* here: jump_to */
    always++;
}

static void no_landing_pad(void) /* a call of a page that wants `bti c` first */
{
    static const uint32_t code[] = {0xd503201f, 0xd65f03c0}; /* nop; ret */
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC | PROT_BTI) != 0)
        exit(77);
    __builtin___clear_cache(page, (char *)page + 4096);
    jump_to(page);
}

static void tagged(void) /* the tag is no part of the address */
{
    volatile uint64_t address = 0x5a00000000012340;
    always = *(volatile int *)address; /* here: tagged */
}

static NOINLINE void exclusive(volatile char *p)
{
    int value;
    __asm__ volatile("ldxr %w0, [%1]" : "=r"(value) : "r"(p + 1) : "memory"); /* here: exclusive */
    always = value;
}

static void unaligned_exclusive(void)
{
    static char bytes[16] __attribute__((aligned(16)));
    exclusive(bytes);
}

static void on_fault(int signal)
{
    char here;
    (void)signal;
    say("handler, on %s stack\n", (uintptr_t)&here >> 20 == 0 ? "no" : "its");
    abort();
}

static NOINLINE void fault_with_vectors(void)
{
    __asm__ volatile(".arch armv8.2-a+sve\n\tptrue p0.b\n\tmov z0.b, #1" ::: "memory");
    *(volatile int *)0 = 1; /* here: fault_with_vectors */
}

static void
vector_frame(void) /* a signal frame that is larger for SVE's registers, on the program's alternate stack */
{
    if (!(getauxval(AT_HWCAP) & (1ul << 22)))
        exit(77);
    size_t bytes = (size_t)sysconf(_SC_SIGSTKSZ);
    stack_t stack = {.ss_sp = malloc(bytes), .ss_size = bytes};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    fault_with_vectors();
}

static NOINLINE void count(int *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST); /* here: count */
    always++;
}

static void outlined_atomic(void) /* the fault is in libgcc's helper */
{
    count((int *)(uintptr_t)8);
    always++;
}

static NOINLINE void write_byte(volatile char *p)
{
    *p = 1; /* here: write_byte */
}

static void tag_mismatch(unsigned long how)
{
    if (prctl(55 /* PR_SET_TAGGED_ADDR_CTRL */, 1 | how << 1 | 0xfffeul << 3, 0, 0, 0) != 0)
        exit(77);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_MTE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        exit(77);
    write_byte((char *)((uintptr_t)page | 5ul << 56));
    say("told later\n");
}

static void memory_tag(void)
{
    tag_mismatch(1);
}

static void memory_tag_later(void) /* asynchronous: no address, and somewhere behind the access */
{
    tag_mismatch(2);
}

const struct deed deeds[] = {{"signed_frames", signed_frames},
                             {"no_landing_pad", no_landing_pad},
                             {"tagged", tagged},
                             {"unaligned_exclusive", unaligned_exclusive},
                             {"vector_frame", vector_frame},
                             {"outlined_atomic", outlined_atomic},
                             {"memory_tag", memory_tag},
                             {"memory_tag_later", memory_tag_later},
                             {NULL, NULL}};

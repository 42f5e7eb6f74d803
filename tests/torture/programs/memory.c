/* Locks that are held, memory that is ruined: cases 71-90. */
#include "torture.h"
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>

static NOINLINE void crash(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1; /* here: crash_memory */
    always++;
}

static void in_malloc(void) /* the top of the arena cannot be written: faults with the arena's lock held */
{
    char *low = sbrk(0);
    void *first = malloc(1000);
    char *high = sbrk(0);
    mprotect((void *)((uintptr_t)first & ~4095ul), (size_t)(high - (char *)((uintptr_t)first & ~4095ul)),
             PROT_READ);
    always = low != NULL;
    first = malloc(5000); /* here: in_malloc */
    say("%p\n", first);
}

static void abort_in_malloc(void) /* malloc_printerr() with the lock held */
{
    char *a = malloc(2000), *b = malloc(2000), *c = malloc(2000);
    free(b);
    ((volatile size_t *)(void *)b)[1] = (size_t)c; /* bk */
    a = malloc(5000);
    say("%p %p\n", a, c);
}

static void over_free_list(void) /* tcmalloc keeps the next free block's address in a free block */
{
    for (volatile int i = 0; i < 4; i++) {
        void *volatile block = malloc(48);
        free(block);
        *(void *volatile *)block = (void *)16;
        block = malloc(48);
    }
}

static int of_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)info, (void)size, (void)data;
    crash();
    return 0;
}

static void in_phdr_callback(void)
{
    dl_iterate_phdr(of_object, NULL);
}

static void bye(void)
{
    crash();
}

static void in_atexit(void)
{
    atexit(bye);
    exit(0);
}

static void holding_stdio(void)
{
    printf("before\n");
    flockfile(stdout);
    flockfile(stderr);
    crash();
}

static void handler(int signal)
{
    (void)signal;
    crash();
}

static void inside_printf(void)
{
    signal(SIGALRM, handler);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    FILE *file = fopen("/dev/null", "w");
    while (always)
        fprintf(file, "%f %s\n", 1.5, "text");
}

static void heap_ruined(void)
{
    char *first = malloc(1);
    for (int i = 0; i < 1000; i++)
        always = malloc((size_t)i) != NULL;
    char *high = sbrk(0);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long low = 0, end = 0;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "[heap]"))
            sscanf(line, "%lx-%lx", &low, &end);
    say("ruining the heap\n");
    if (!low) /* qemu does not name it */
        low = (unsigned long)(uintptr_t)first & ~15ul;
    for (unsigned long p = low; p < (unsigned long)high; p++)
        *(volatile char *)p = 0x41;
    crash();
}

/* Our own library's writable data, and its mapped file: whatever it is, the program must die as it would have. */
static void library_ruined(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    struct {
        unsigned long low, high;
    } found[16];
    int n = 0;
    while (n < 16 && fgets(line, sizeof line, maps)) {
        char mode[8] = "", rest[512] = "";
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %511s", &low, &high, mode, rest) >= 3 && mode[1] == 'w' &&
            (strstr(rest, "libotelshim") || strstr(rest, "/box/")))
            found[n].low = low, found[n++].high = high;
    }
    const char *only = arguments[0] ? arguments[0] : "A";
    for (int i = 0; i < n; i++)
        for (unsigned long p = found[i].low; p < found[i].high; p++)
            *(volatile char *)p = only[0];
    crash();
}

static NOINLINE void ruined_stack(void)
{
    volatile char *frame = __builtin_frame_address(0);
    for (int i = 0; i < 400; i++)
        frame[i] = 0x41;
    crash();
}

static NOINLINE void below_ruin(void)
{
    volatile char room[64];
    room[0] = 1;
    ruined_stack();
    always += room[0];
}

static void stack_ruined(void)
{
    volatile char room[1024];
    room[0] = 1;
    below_ruin();
    always += room[0];
}

static void with_stack_pointer(void *sp)
{
#ifdef __x86_64__
    __asm__ volatile("mov %0, %%rsp\n\tmovl $1, 0" ::"r"(sp) : "memory");
#else
    __asm__ volatile("mov sp, %0\n\tstr wzr, [%1]" ::"r"(sp), "r"(0L) : "memory");
#endif
}

static void sp_zero(void)
{
    with_stack_pointer(NULL);
}

static void sp_heap(void)
{
    with_stack_pointer((char *)malloc(4096) + 2048);
}

static void sp_guard(void)
{
    char *pages = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    with_stack_pointer(pages + 4096 + 64);
}

typedef void (*function)(void);

static NOINLINE void call(function volatile f)
{
    f(); /* here: call */
    always++;
}

static void call_null(void)
{
    call(NULL);
}

static void call_data(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    call((function)page);
}

static void call_unmapped(void)
{
    call((function)(uintptr_t)0x414141414141);
}

static void call_wild(void)
{
    call((function)(uintptr_t)0x4141414141414141);
}

#ifdef __x86_64__
/* push rbp; mov rbp, rsp; mov dword [0], 1 */
static const unsigned char faulting[] = {0x55, 0x48, 0x89, 0xe5, 0xc7, 0x04, 0x25, 0, 0, 0, 0, 1, 0, 0, 0};
/* [rsp] = rsp, [rsp+8] = this place; rbp = rsp; mov dword [0], 1: a frame whose caller is itself */
static const unsigned char cyclic[] = {
    0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0x24, 0x24, 0x48, 0x8d, 0x05, 0x0a, 0, 0, 0, 0x48, 0x89, 0x44, 0x24,
    0x08, 0x48, 0x89, 0xe5, 0x90, 0x90, 0x90, 0xc7, 0x04, 0x25, 0,    0,    0, 0, 1, 0,    0,    0};
#else
/* stp x29, x30, [sp, #-16]!; mov x29, sp; mov x1, #0; str wzr, [x1] */
static const unsigned char faulting[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0, 0x91,
                                         0x01, 0,    0x80, 0xd2, 0x3f, 0,    0, 0xb9};
/* the same, and between: str x29, [sp]; adr x2, .; str x2, [sp, #8] */
static const unsigned char cyclic[] = {0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0,    0x91, 0xfd, 0x03,
                                       0,    0xf9, 0x02, 0,    0,    0x10, 0xe2, 0x07, 0,    0xf9,
                                       0x01, 0,    0x80, 0xd2, 0x3f, 0,    0,    0xb9};
#endif

static function jit(const unsigned char *code, size_t bytes)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 0x90, 4096);
    memcpy(page + 64, code, bytes);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(page, page + 4096);
    return (function)(void *)(page + 64);
}

static void cyclic_frames(void)
{
    call(jit(cyclic, sizeof cyclic));
}

static void jit_page(void)
{
    call(jit(faulting, sizeof faulting));
}

static void jit_named(void)
{
    function f = jit(faulting, sizeof faulting);
    char name[64];
    snprintf(name, sizeof name, "/tmp/perf-%d.map", getpid());
    FILE *map = fopen(name, "w");
    fprintf(map, "%lx 40 torture_jitted\n", (unsigned long)(uintptr_t)f);
    fclose(map);
    call(f);
}

static void bad_clock(void)
{
    clock_gettime(CLOCK_MONOTONIC, (struct timespec *)(uintptr_t)64);
}

static void bad_copy(void) /* in libc's hand-written assembly */
{
    volatile size_t n = 1000;
    char from[1000] = "";
    memcpy((void *)(uintptr_t)always, from, n); /* here: bad_copy */
    say("%s\n", from);
}

static void replaced(void) /* case 93: the library on disk is another one by now */
{
    char command[1024];
    void *library = dlopen("./libreplaced.so", RTLD_NOW);
    if (!library) {
        say("%s\n", dlerror());
        exit(97);
    }
    function f = (function)dlsym(library, "replaced_function");
    snprintf(command, sizeof command, "cp %s ./new && mv ./new ./libreplaced.so", arguments[1]);
    if (system(command) != 0)
        exit(97);
    f();
}

static void deleted(void)
{
    char path[512] = "";
    if (readlink("/proc/self/exe", path, sizeof path - 1) < 0 || unlink(path) != 0)
        exit(97);
    crash();
}

static void closed_library(void) /* a call into a library that was unloaded */
{
    void *library = dlopen(arguments[0], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        say("%s\n", dlerror());
        exit(97);
    }
    function f = (function)dlsym(library, "replaced_function");
    dlclose(library);
    call(f);
}

const struct deed deeds[] = {{"in_malloc", in_malloc},
                             {"over_free_list", over_free_list},
                             {"abort_in_malloc", abort_in_malloc},
                             {"in_phdr_callback", in_phdr_callback},
                             {"in_atexit", in_atexit},
                             {"holding_stdio", holding_stdio},
                             {"inside_printf", inside_printf},
                             {"heap_ruined", heap_ruined},
                             {"library_ruined", library_ruined},
                             {"stack_ruined", stack_ruined},
                             {"sp_zero", sp_zero},
                             {"sp_heap", sp_heap},
                             {"sp_guard", sp_guard},
                             {"call_null", call_null},
                             {"call_data", call_data},
                             {"call_unmapped", call_unmapped},
                             {"call_wild", call_wild},
                             {"cyclic_frames", cyclic_frames},
                             {"jit_page", jit_page},
                             {"jit_named", jit_named},
                             {"bad_clock", bad_clock},
                             {"bad_copy", bad_copy},
                             {"replaced", replaced},
                             {"deleted", deleted},
                             {"closed_library", closed_library},
                             {NULL, NULL}};

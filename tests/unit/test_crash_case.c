/*
 * The way of a crash through the exporter's own hands: the slot of a hostile process, the case's file, the store. What is made of
 * it by ELF and DWARF is in symbols/ and signals/crash/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above before it */
#include <cmocka.h>

#include "base/file.h"
#include "signals/spans/recent.h"
#include "sources/crash/case.h"
#include "sources/crash/collect.h"
#include "sources/crash/slot.h"
#include "sources/crash/store.h"
#include "temporary.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <utime.h>

#define ID "0123abcd-0123-4123-8123-0123456789ab"

/* ---- slot ---- */

static uint8_t bytes[WIRE_CRASH_SLOT_BYTES];
static struct wire_crash *const crash_of_slot = (struct wire_crash *)(void *)bytes;

static struct wire_fault a_fault(uint8_t kind)
{
    return (struct wire_fault){
        .sequence = 2, .tid = 11, .pid = 10, .machine = EM_X86_64, .kind = kind, .mono_ns = 1000};
}

static void put_module(uint32_t at, uint32_t length, uint16_t path_bytes)
{
    struct wire_module module = {.bytes = length, .path_bytes = path_bytes, .low = 1, .high = 2};
    memcpy(bytes + WIRE_CRASH_MODULES_OFFSET + at, &module, sizeof(module));
}

static void make_slot(void)
{
    memset(bytes, 0, sizeof(bytes));
    crash_of_slot->state = WIRE_CRASH_WHOLE;
    crash_of_slot->sequence = 3;
    crash_of_slot->fault = a_fault(WIRE_FAULT_FATAL);
    crash_of_slot->stack_from = 0x7000;
    crash_of_slot->stack_bytes = 100;
    crash_of_slot->message_bytes = 4;
    memcpy(crash_of_slot->message, "oops", 4);
    memset(crash_of_slot->thrown_type, 'T', sizeof(crash_of_slot->thrown_type)); /* it does not end */
    crash_of_slot->n_thrown_frames = 5;
    put_module(0, 64, 8);
    put_module(64, 56, 0);
    crash_of_slot->modules_bytes = 120;
}

static void test_slot_whole(void **state)
{
    struct slot slot;
    (void)state;
    make_slot();
    assert_true(slot_decode(bytes, &slot));
    assert_int_equal(slot.sequence, 3);
    assert_int_equal(slot.stack_bytes, 100);
    assert_ptr_equal(slot.stack, bytes + WIRE_CRASH_STACK_OFFSET);
    assert_null(slot.outer);
    assert_int_equal(slot.modules_bytes, 120);
    assert_false(slot.are_modules_cut);
    assert_int_equal(slot.message_bytes, 4);
    assert_int_equal(slot.thrown_type_bytes, sizeof(crash_of_slot->thrown_type));
    assert_null(slot.thrown_what);
    assert_int_equal(slot.n_thrown_frames, 5);
}

static void test_slot_lies(void **state)
{
    struct slot slot;
    (void)state;
    make_slot();
    crash_of_slot->state = WIRE_CRASH_CLAIMED;
    assert_false(slot_decode(bytes, &slot));
    crash_of_slot->state = 77;
    assert_false(slot_decode(bytes, &slot));
    make_slot();
    crash_of_slot->fault.machine = EM_386;
    assert_false(slot_decode(bytes, &slot));
    make_slot();
    crash_of_slot->state =
        WIRE_CRASH_REGISTERS; /* the stacks are not there yet, whatever their lengths say */
    assert_true(slot_decode(bytes, &slot));
    assert_null(slot.stack);
    assert_int_equal(slot.modules_bytes, 0);
    make_slot();
    crash_of_slot->stack_bytes = WIRE_CRASH_STACK_MAX + 1;
    crash_of_slot->outer_bytes = UINT32_MAX;
    crash_of_slot->message_bytes = WIRE_CRASH_MESSAGE_MAX + 1;
    crash_of_slot->n_thrown_frames = UINT32_MAX;
    crash_of_slot->modules_bytes = UINT32_MAX;
    assert_true(slot_decode(bytes, &slot));
    assert_null(slot.stack);
    assert_null(slot.outer);
    assert_null(slot.message);
    assert_int_equal(slot.n_thrown_frames, WIRE_THROWN_FRAMES);
    assert_int_equal(slot.modules_bytes, 0);
}

static void test_slot_modules_end_at_the_first_wrong_one(void **state)
{
    static const struct {
        uint32_t length;
        uint16_t path_bytes;
    } wrong[] = {{0, 0}, {55, 0}, {57, 0}, {64, 9}, {1 << 20, 0}, {UINT32_MAX & ~7u, 0}};
    struct slot slot;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        make_slot();
        put_module(64, wrong[i].length, wrong[i].path_bytes);
        assert_true(slot_decode(bytes, &slot));
        assert_int_equal(slot.modules_bytes, 64);
        assert_true(slot.are_modules_cut);
    }
}

static void put_fault(uint32_t i, const struct wire_fault *fault)
{
    memcpy(bytes + WIRE_CRASH_FAULTS_OFFSET + i * sizeof(*fault), fault, sizeof(*fault));
}

static void test_slot_youngest_handled_fault(void **state)
{
    struct wire_fault found, fault = a_fault(WIRE_FAULT_HANDLED);
    (void)state;
    make_slot();
    assert_false(slot_find_handled(bytes, 0, 0, &found));
    fault.mono_ns = 500;
    put_fault(3, &fault);
    fault.mono_ns = 700;
    fault.tid = 12;
    put_fault(9, &fault);
    fault.mono_ns = 900;
    fault.sequence = 3; /* torn */
    put_fault(31, &fault);
    assert_true(slot_find_handled(bytes, 0, 400, &found));
    assert_int_equal(found.tid, 12);
    assert_true(slot_find_handled(bytes, 11, 400, &found));
    assert_int_equal(found.tid, 11);
    assert_false(slot_find_handled(bytes, 0, 800, &found));
}

/* ---- case ---- */

static struct crash_case a_case(void)
{
    static const char *const arguments[] = {"trader", "", "--password=x"};
    static const struct crash_memory memory[] = {{0x7000, (const uint8_t *)"stack", 5},
                                                 {0x9000, (const uint8_t *)"deeper!!", 8}};
    static struct crash_thread threads[] = {{.tid = 11,
                                             .name = "trader",
                                             .is_crashed = true,
                                             .registers = {1, 2, 3},
                                             .memory = memory,
                                             .n_memory = 2},
                                            {.tid = 12, .name = "worker", .is_incomplete = true}};
    static const struct crash_span spans[] = {{.name = "POST /v1/orders",
                                               .kind = "client",
                                               .trace_id = "0af7651916cd43dd8448eb211c80319c",
                                               .span_id = "b7ad6b7169203331",
                                               .status = "unset",
                                               .tid = 11,
                                               .start_unix_ns = 7}};
    static uint8_t module[56];
    struct wire_module row = {.bytes = 56, .low = 1, .high = 2};
    memcpy(module, &row, sizeof(row));
    return (struct crash_case){.kind = CRASH_SIGNAL,
                               .id = ID,
                               .time_unix_ns = 1700000000123456789u,
                               .pid = 10,
                               .tid = 11,
                               .machine = EM_X86_64,
                               .exe = "/usr/bin/trader",
                               .service = "trader",
                               .arguments = arguments,
                               .n_arguments = 3,
                               .signal = 11,
                               .code = 1,
                               .address = 8,
                               .abort_message = "",
                               .n_thrown_frames = 1,
                               .thrown_frames = {0x1234},
                               .maps = "00400000-00401000 r-xp 00000000 00:00 0 /usr/bin/trader\n",
                               .modules = module,
                               .modules_bytes = 56,
                               .threads = threads,
                               .n_threads = 2,
                               .open_spans = spans,
                               .n_open_spans = 1,
                               .ended_by = "signal",
                               .ended_status = 11,
                               .dumped_core = true,
                               .root = ""};
}

static char directory[64];
static int directory_fd = -1;

static void check_same(const struct crash_case *got)
{
    assert_int_equal(got->kind, CRASH_SIGNAL);
    assert_string_equal(got->id, ID);
    assert_int_equal(got->time_unix_ns, 1700000000123456789u);
    assert_string_equal(got->exe, "/usr/bin/trader");
    assert_int_equal(got->n_arguments, 3);
    assert_string_equal(got->arguments[1], "");
    assert_string_equal(got->arguments[2], "--password=x");
    assert_string_equal(got->abort_message, "");
    assert_null(got->thrown_type);
    assert_null(got->service_version);
    assert_int_equal(got->thrown_frames[0], 0x1234);
    assert_int_equal(got->modules_bytes, 56);
    assert_int_equal(got->n_threads, 2);
    assert_true(got->threads[0].is_crashed && got->threads[1].is_incomplete);
    assert_int_equal(got->threads[0].registers[2], 3);
    assert_int_equal(got->threads[0].n_memory, 2);
    assert_int_equal(got->threads[0].memory[1].address, 0x9000);
    assert_memory_equal(got->threads[0].memory[1].bytes, "deeper!!", 8);
    assert_int_equal(got->threads[1].n_memory, 0);
    assert_int_equal(got->n_open_spans, 1);
    assert_string_equal(got->open_spans[0].span_id, "b7ad6b7169203331");
    assert_int_equal(got->n_recent_spans, 0);
    assert_string_equal(got->ended_by, "signal");
    assert_true(got->dumped_core);
}

static void test_case_is_read_as_written(void **state)
{
    struct crash_case crash = a_case(), got = {.kind = CRASH_STACKS};
    struct stat status;
    (void)state;
    assert_int_equal(crash_case_write(&crash, directory_fd, "one.case"), 0);
    assert_int_equal(fstatat(directory_fd, "one.case", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    int fd = openat(directory_fd, "one.case", O_RDONLY);
    assert_int_equal(crash_case_read(&got, fd), 0);
    close(fd);
    check_same(&got);
    crash_case_fini(&got);
}

static uint8_t *read_case(size_t *ret_n)
{
    struct crash_case crash = a_case();
    uint8_t *file;
    assert_int_equal(crash_case_write(&crash, directory_fd, "two.case"), 0);
    assert_int_equal(file_read(directory_fd, "two.case", 1 << 20, &file, ret_n), 0);
    return file;
}

/* On the heap and of its exact size: a byte too far is seen by the sanitizers. */
static int decode(const uint8_t *from, size_t n)
{
    struct crash_case got = {.kind = CRASH_SIGNAL};
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, from, n);
    int error = case_decode(&got, exact, n);
    if (!error)
        for (uint32_t i = 0; i < got.n_arguments; i++)
            assert_true(strlen(got.arguments[i]) <= n);
    crash_case_fini(&got);
    free(exact);
    return error;
}

static void test_case_cut_anywhere_is_refused(void **state)
{
    size_t n;
    (void)state;
    uint8_t *file = read_case(&n);
    assert_int_equal(decode(file, n), 0);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(decode(file, cut), -EBADMSG);
    free(file);
}

static void test_case_with_wrong_bytes_harms_nobody(void **state)
{
    size_t n;
    unsigned n_refused = 0;
    (void)state;
    uint8_t *file = read_case(&n);
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(n);
        memcpy(copy, file, n);
        for (unsigned k = 0; k < 1 + round % 4; k++)
            copy[(size_t)rand() % n] = (uint8_t)(round % 3 ? rand() : 0xff);
        n_refused += decode(copy, n) != 0;
        free(copy);
    }
    assert_in_range(n_refused, 2000, 19999);
    free(file);
}

/* ---- a living process ---- */

static pid_t start_idle(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        assert_int_equal(write(ready[1], "", 1), 1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* Root serves everybody's files, but takes nobody's word for whose process it is. */
static void test_collect_takes_only_the_owners(void **state)
{
    static const struct {
        uint32_t uid; /* of the file */
        bool is_claimed, is_taken;
    } cases[] = {{0, true, true}, {65534, true, false}, {65534, false, true}};
    (void)state;
#ifdef __SANITIZE_THREAD__
    const char *why_not = "ThreadSanitizer adds threads of its own";
#else
    const char *why_not = geteuid() != 0 ? "not root" : NULL;
#endif
    if (why_not) {
        print_message("skipped: %s: %s\n", __func__, why_not);
        skip();
    }
    pid_t pid = start_idle();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct crash_case crash = {
            .kind = CRASH_STACKS, .tid = (uint32_t)pid, .uid = cases[i].uid, .exe = ""};
        bool is_taken = collect_living(&crash, (uint32_t)pid, 0, cases[i].is_claimed);
        assert_int_equal(is_taken, cases[i].is_taken);
        assert_int_equal(crash.n_threads, is_taken ? 1 : 0);
        assert_int_equal(crash.maps != NULL, is_taken);
        assert_int_equal(*crash.exe != 0, is_taken);
        assert_int_equal(crash.threads_missing != NULL, !is_taken);
        crash_case_fini(&crash);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* ---- store ---- */

static void test_store_names(void **state)
{
    char stem[STORE_STEM_BYTES];
    struct crash_case crash = a_case();
    (void)state;
    store_print_stem(&crash, "trader", stem);
    assert_string_equal(stem, "20231114T221320123Z-trader-10-0123abcd");
    store_print_stem(&crash, "../../etc/x y-z%n and very long", stem);
    assert_string_equal(stem, "20231114T221320123Z-_._.._etc_x_y_z_-10-0123abcd");
}

static void hopeless(void *context, const char *stem)
{
    (void)stem;
    ++*(unsigned *)context;
}

static void make_old(const char *name)
{
    struct timespec old[2] = {{.tv_sec = time(NULL) - 100}, {.tv_sec = time(NULL) - 100}};
    assert_int_equal(utimensat(directory_fd, name, old, 0), 0);
}

static void test_store_adopts_what_nobody_holds_once(void **state)
{
    struct store store;
    struct crash_case crash = a_case();
    char stem[STORE_STEM_BYTES], found[STORE_STEM_BYTES], name[STORE_STEM_BYTES + 8];
    int lock = -1, theirs = -1;
    unsigned n_hopeless = 0;
    (void)state;
    assert_int_equal(store_open(&store, directory, false), 0);
    store_print_stem(&crash, "trader", stem);
    assert_int_equal(store_write_case(&store, &crash, stem, false, &lock), 0);
    assert_true(lock >= 0);
    snprintf(name, sizeof(name), "%s.case", stem);
    make_old(name);
    assert_true(store_find(&store, ID, "case", found));
    assert_string_equal(found, stem);
    assert_false(store_find(&store, "fedcba98", "case", found));
    assert_false(store_adopt(&store, 2, found, &theirs, hopeless, &n_hopeless)); /* held */
    close(lock);
    assert_false(store_adopt(&store, 1000, found, &theirs, hopeless, &n_hopeless)); /* too young */
    assert_true(store_adopt(&store, 2, found, &theirs, hopeless, &n_hopeless));
    assert_string_equal(found, stem);
    close(theirs); /* the second exporter dies of it, too */
    assert_false(store_adopt(&store, 2, found, &theirs, hopeless, &n_hopeless));
    assert_int_equal(n_hopeless, 1);
    assert_false(store_find(&store, ID, "case", found));
    assert_false(store_find(&store, ID, "again", found));
    store_close(&store);
}

/* In a storm descriptors run out: the case that cannot be marked as tried waits for the next exporter. */
static void test_store_keeps_a_case_that_it_cannot_mark(void **state)
{
    struct store store;
    struct crash_case crash = a_case();
    struct rlimit before, tight;
    char stem[STORE_STEM_BYTES], found[STORE_STEM_BYTES], name[STORE_STEM_BYTES + 8];
    int lock = -1, theirs = -1;
    unsigned n_hopeless = 0;
    (void)state;
    assert_int_equal(store_open(&store, directory, false), 0);
    store_print_stem(&crash, "trader", stem);
    assert_int_equal(store_write_case(&store, &crash, stem, false, &lock), 0);
    snprintf(name, sizeof(name), "%s.case", stem);
    make_old(name);
    close(lock);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)lock + 1; /* room for the directory, then for the lock: not for the mark */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    bool is_found = store_adopt(&store, 2, found, &theirs, hopeless, &n_hopeless);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(is_found);
    assert_int_equal(n_hopeless, 0);
    assert_true(store_adopt(&store, 2, found, &theirs, hopeless, &n_hopeless));
    assert_string_equal(found, stem);
    close(theirs);
    store_close(&store);
}

static void touch(const char *name, size_t size)
{
    struct file_part part = {.bytes = bytes, .n_bytes = size};
    assert_int_equal(file_write_atomic(directory_fd, name, &part, 1), 0);
}

static bool is_there(const char *name)
{
    return faccessat(directory_fd, name, F_OK, 0) == 0;
}

static void test_store_prunes_the_oldest(void **state)
{
    struct store store;
    (void)state;
    assert_int_equal(store_open(&store, directory, false), 0);
    touch("20260101T000000000Z-a-1-00000001.json", 1000);
    touch("20260101T000000000Z-a-1-00000001.txt", 1000);
    touch("20260102T000000000Z-b-2-00000002.case", 1000);
    touch("20260103T000000000Z-c-3-00000003.json", 1000);
    touch("20260104T000000000Z-d-4-00000004.json", 1000);
    touch("somebody-elses.json", 1000);
    int held = openat(directory_fd, "20260102T000000000Z-b-2-00000002.case", O_RDONLY);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(store_prune(&store, 10, 1 << 20), 0);
    assert_int_equal(store_prune(&store, 3, 1 << 20), 1);
    assert_false(is_there("20260101T000000000Z-a-1-00000001.txt"));
    assert_true(is_there("20260103T000000000Z-c-3-00000003.json"));
    assert_int_equal(store_prune(&store, 10, 2500), 1); /* not the one that is held */
    assert_true(is_there("20260102T000000000Z-b-2-00000002.case"));
    assert_false(is_there("20260103T000000000Z-c-3-00000003.json"));
    assert_true(is_there("20260104T000000000Z-d-4-00000004.json"));
    assert_true(is_there("somebody-elses.json"));
    close(held);
    store_close(&store);
}

/* ---- recent ---- */

static void test_recent_keeps_the_last_twenty(void **state)
{
    struct recent recent = {.n = 0};
    struct arena arena = {0};
    uint32_t n;
    (void)state;
    assert_null(recent_list(&recent, &arena, &n));
    for (int i = 0; i < 47; i++) {
        char name[200] = "";
        snprintf(name, sizeof(name), "%d", i);
        if (i == 46) /* two-byte characters: the cut falls into one */
            for (int k = 0; k < 60; k++)
                memcpy(name + 1 + 2 * k, "\xc3\xa4", 3);
        struct span span = {.name = name,
                            .kind = SPAN_CLIENT,
                            .status = i % 2 ? SPAN_ERROR : SPAN_UNSET,
                            .span_id = {(uint8_t)i}};
        recent_add(&recent, &span, 5);
        const struct crash_span *spans = recent_list(&recent, &arena, &n);
        assert_int_equal(n, i < 20 ? i + 1 : 20);
        assert_int_equal(atoi(spans[0].name), i < 20 ? 0 : i - 19);
    }
    const struct crash_span *spans = recent_list(&recent, &arena, &n);
    assert_string_equal(spans[18].name, "45");
    assert_string_equal(spans[18].status, "error");
    assert_string_equal(spans[18].span_id, "2d00000000000000");
    assert_true(strlen(spans[19].name) >= 79 && strlen(spans[19].name) <= 82);
    arena_fini(&arena);
}

static int setup(void **state)
{
    (void)state;
    temporary_make(directory, sizeof(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(directory_fd);
    temporary_remove(directory);
    return 0;
}

#define IN_DIRECTORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot_whole),
        cmocka_unit_test(test_slot_lies),
        cmocka_unit_test(test_slot_modules_end_at_the_first_wrong_one),
        cmocka_unit_test(test_slot_youngest_handled_fault),
        IN_DIRECTORY(test_case_is_read_as_written),
        IN_DIRECTORY(test_case_cut_anywhere_is_refused),
        IN_DIRECTORY(test_case_with_wrong_bytes_harms_nobody),
        cmocka_unit_test(test_collect_takes_only_the_owners),
        IN_DIRECTORY(test_store_names),
        IN_DIRECTORY(test_store_adopts_what_nobody_holds_once),
        IN_DIRECTORY(test_store_keeps_a_case_that_it_cannot_mark),
        IN_DIRECTORY(test_store_prunes_the_oldest),
        cmocka_unit_test(test_recent_keeps_the_last_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

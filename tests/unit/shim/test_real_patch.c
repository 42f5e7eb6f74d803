/*
 * The patcher: what it finds in an object's relocations, and what it leaves alone. That it writes the right ones is shown in real
 * programs (tests/integration/reach), because this one exports no wrapper.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "real_libc.h"
#include "real_patch.h"
#include "small_library.h"
#include <errno.h>
#include <fcntl.h>

extern struct real_entry *stub_entries;
extern unsigned n_stub_entries;

static struct real_entry entries[] = {{.name = "wrapped"}, {.name = "other"}};

struct wanted {
    const char *name;
    const struct elf_object *exporter;
    struct elf_object object;
    struct patch_slots slots;
};

static int collect_if_wanted(struct dl_phdr_info *info, size_t size, void *of)
{
    struct wanted *wanted = of;
    (void)size;
    if (!strstr(info->dlpi_name, wanted->name) || !elf_read(&wanted->object, info))
        return 0;
    patch_collect(&wanted->slots, &wanted->object, info, wanted->exporter);
    return 1;
}

static int read_if_wanted(struct dl_phdr_info *info, size_t size, void *of)
{
    struct wanted *wanted = of;
    (void)size;
    return strstr(info->dlpi_name, wanted->name) && elf_read(&wanted->object, info);
}

static struct elf_object read_object(const char *name)
{
    static struct wanted wanted;
    wanted = (struct wanted){.name = name};
    if (!dl_iterate_phdr(read_if_wanted, &wanted))
        fail_msg("%s is not loaded", name);
    return wanted.object;
}

/* Slots of the library for names that `exporter` defines. */
static const struct patch_slots *collect(const char *name, const struct elf_object *exporter)
{
    static struct wanted wanted;
    wanted = (struct wanted){.name = name, .exporter = exporter};
    if (!dl_iterate_phdr(collect_if_wanted, &wanted))
        fail_msg("%s is not loaded", name);
    return &wanted.slots;
}

static unsigned count(const struct patch_slots *slots, const char *name)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < slots->n; i++)
        n += !strcmp(slots->at[i].name, name);
    return n;
}

#define TARGET "int wrapped(void){return 1;} int other(void){return 2;} int not_ours(void){return 3;}"
#define USER                                                                          \
    "int wrapped(void); int other(void); int not_ours(void); int own(void); "         \
    "int own(void){return 4;} int use(void){return wrapped() + not_ours() + own();} " \
    "int (*address(void))(void){return other;}"

static void test_slots_of_every_way_of_linking(void **state)
{
    static const struct {
        const char *name, *flags;
        bool is_relro;
    } cases[] = {
        {"way_lazy", "-Wl,-z,relro,-z,lazy", false},
        {"way_now", "-Wl,-z,relro,-z,now", true},
        {"way_noplt", "-fno-plt -Wl,-z,relro,-z,now", true},
        {"way_norelro", "-Wl,-z,norelro,-z,now", false},
    };
    (void)state;
    small_library_open("way_target", TARGET, "");
    struct elf_object target = read_object("libway_target");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char flags[160];
        snprintf(flags, sizeof(flags), "%s -Wl,--no-as-needed -lway_target", cases[i].flags);
        small_library_open(cases[i].name, USER, flags);
        const struct patch_slots *slots = collect(cases[i].name, &target);
        assert_int_equal(count(slots, "wrapped"), 1);
        assert_int_equal(count(slots, "other"), 1);
        assert_int_equal(count(slots, "not_ours"),
                         1); /* the exporter is the target here: all three are its */
        assert_int_equal(count(slots, "own"), 0);
        for (uint32_t k = 0; k < slots->n; k++) {
            bool is_address =
                !strcmp(slots->at[k].name, "other"); /* in .got, which even a lazy object protects */
            assert_null(slots->at[k].version);
            if (cases[i].is_relro || !is_address)
                assert_int_equal(slots->at[k].is_relro, cases[i].is_relro);
        }
    }
    /* Its own references to what it defines are nobody's. */
    assert_int_equal(collect("libway_target", &target)->n, 0);
}

static void test_version_that_a_reference_wants(void **state)
{
    (void)state;
    small_library_write("foo.map", "CURL_FOO_9 { global: *; };\n");
    small_library_make("curl-unknown", TARGET,
                       "-Wl,-soname,libcurl-unknown.so,--version-script=$DIRECTORY/foo.map");
    small_library_make("no-curl", TARGET, "-Wl,-soname,libno-curl.so,--version-script=$DIRECTORY/foo.map");
    small_library_open("wants_unknown", USER, "-Wl,--no-as-needed -lcurl-unknown");
    small_library_open("wants_another", USER, "-Wl,--no-as-needed -lno-curl");
    struct elf_object unknown = read_object("libcurl-unknown"), knows_none = read_object("libcmocka");
    struct elf_object user = read_object("libwants_unknown"), another = read_object("libwants_another");
    const struct patch_slots *slots = collect("libwants_unknown", &unknown);
    assert_true(slots->n >= 3);
    assert_string_equal(slots->at[0].version, "CURL_FOO_9");
    assert_true(patch_wants_unknown_version(&user, &knows_none));
    assert_false(patch_wants_unknown_version(&user, &unknown)); /* it defines that version */
    assert_false(patch_wants_unknown_version(&another, &knows_none));
    assert_false(patch_wants_unknown_version(&unknown, &knows_none));
}

static void test_needed_versions_are_listed(void **state)
{
    struct elf_object libc = read_object("libc.so"), cmocka = read_object("libcmocka");
    struct elf_needed_version needed = {0};
    unsigned n = 0;
    (void)state;
    assert_true(elf_defines_version(&libc, "GLIBC_2.17"));
    assert_false(elf_defines_version(&libc, "GLIBC_9.9"));
    while (elf_next_needed_version(&cmocka, &needed)) {
        assert_true(!strncmp(needed.version, "GLIBC", 5));
        n++;
    }
    assert_true(n >= 1);
    struct elf_name name = elf_hash_name("fork");
    void *fork_function = elf_find(&libc, &name, ELF_DEFAULT, NULL);
    assert_non_null(fork_function);
    assert_non_null(strstr(elf_find_version(&libc, &name, fork_function), "GLIBC_2."));
    assert_null(elf_find_version(&libc, &name, &libc));
}

/* The loader's own functions, found without it. */
static void test_libc_is_found_through_the_debugger_s_list(void **state)
{
    (void)state;
    void *libc =
        dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD); /* a sanitizer has a dlopen of its own before it */
    assert_ptr_equal(libc_loader_get()->dlsym, dlsym(libc, "dlsym"));
    assert_ptr_equal(libc_loader_get()->dlopen, dlsym(libc, "dlopen"));
    assert_ptr_equal(libc_loader_get()->dlclose, dlsym(libc, "dlclose"));
    dlclose(libc);
    assert_ptr_equal(libc_find_behind_us("dlsym"), dlsym(RTLD_NEXT, "dlsym"));
    assert_null(libc_find_behind_us("no_such_function"));
}

/* Nothing is written where the wrapper would not call what the slot holds: here it is not exported at all. */
static void test_slot_stays_without_a_wrapper(void **state)
{
    (void)state;
    stub_entries = entries;
    n_stub_entries = 2;
    uint32_t n = patch_count_objects().n;
    small_library_make("stay_target", TARGET, "");
    small_library_make("stay_user", USER, "-Wl,--no-as-needed -lstay_target -Wl,-z,now");
    void *user = small_library_load("stay_user", RTLD_NOW | RTLD_LOCAL);
    errno = EXDEV;
    patch_objects(n, false, user);
    int (*use)(void) = (int (*)(void))dlsym(user, "use");
    assert_int_equal(use(), 1 + 3 + 4);
    assert_true(patch_count_objects().n >= n + 2);
}

static int hooked(void)
{
    return 10;
}

/* A slot that holds the function, or will, gets the hook; one that was bound to another function of that name does not. */
static void test_hook_goes_where_the_function_is_called(void **state)
{
    static const struct {
        const char *name, *flags;
        int mode;
        bool has_real, is_first;
        int expected;
    } cases[] = {
        {"hook_now", "-Wl,-z,now", RTLD_NOW, true, false, 10 + 3 + 4},
        {"hook_lazy", "-Wl,-z,lazy", RTLD_LAZY, true, true, 10 + 3 + 4},
        {"hook_hidden", "-Wl,-z,lazy", RTLD_LAZY, true, false, 1 + 3 + 4}, /* who knows who will be bound */
        {"hook_other", "-Wl,-z,now", RTLD_NOW, false, true, 1 + 3 + 4},
    };
    static struct patch_hook hook = {.name = "wrapped", .hook = (void *)hooked};
    (void)state;
    small_library_make("hook_target", TARGET, "");
    void *target = small_library_load("hook_target", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char flags[160];
        snprintf(flags, sizeof(flags), "-Wl,--no-as-needed -lhook_target %s", cases[i].flags);
        small_library_make(cases[i].name, USER, flags);
        hook.real = dlsym(target, cases[i].has_real ? "wrapped" : "not_ours");
        hook.is_first = cases[i].is_first;
        patch_set_hooks(&hook, 1);
        uint32_t n = patch_count_objects().n;
        void *user = small_library_load(cases[i].name, cases[i].mode | RTLD_LOCAL);
        patch_objects(n, true, NULL);
        patch_set_hooks(NULL, 0);
        int (*use)(void) = (int (*)(void))dlsym(user, "use");
        if (use() != cases[i].expected)
            fail_msg("%s: %d", cases[i].name, use());
    }
}

static bool is_writable(const void *address)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], access[5] = "";
    unsigned long from, to;
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) && sscanf(line, "%lx-%lx %4s", &from, &to, access) == 3)
        if ((uintptr_t)address >= from && (uintptr_t)address < to)
            break;
    fclose(maps);
    return access[1] == 'w';
}

static void test_function_is_replaced_in_read_only_tables(void **state)
{
    (void)state;
    void *library =
        small_library_open("table",
                           "int first(void){return 1;} int second(void){return 2;}"
                           "int (*const table[])(void) = {first, second, 0, first};"
                           "int use(int i){int (*const *volatile at)(void) = table; return at[i]();}",
                           "-Wl,-z,relro,-z,now");
    int (*use)(int) = (int (*)(int))dlsym(library, "use");
    void *table = dlsym(library, "table");
    assert_false(is_writable(table));
    assert_int_equal(patch_tables(dlsym(library, "first"), (void *)hooked), 2);
    assert_int_equal(use(0) + use(1) + use(3), 10 + 2 + 10);
    assert_false(is_writable(table));
    assert_int_equal(patch_tables(dlsym(library, "first"), (void *)hooked), 0);
    assert_int_equal(patch_tables(dlsym(library, "use"), (void *)hooked), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_of_every_way_of_linking),
        cmocka_unit_test(test_version_that_a_reference_wants),
        cmocka_unit_test(test_needed_versions_are_listed),
        cmocka_unit_test(test_libc_is_found_through_the_debugger_s_list),
        cmocka_unit_test(test_slot_stays_without_a_wrapper),
        cmocka_unit_test(test_hook_goes_where_the_function_is_called),
        cmocka_unit_test(test_function_is_replaced_in_read_only_tables),
    };
    return cmocka_run_group_tests_name("real_patch", tests, small_library_begin, small_library_end);
}

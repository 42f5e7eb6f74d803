/* ELF look-up: our own against dlsym() and dlvsym() for every function of libc, both hash tables, version rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "real_elf.h"
#include "small_library.h"
#include <dlfcn.h>

struct wanted {
    const char *name;
    struct elf_object object;
    bool is_found;
};

static int read_if_wanted(struct dl_phdr_info *info, size_t size, void *of)
{
    struct wanted *wanted = of;
    (void)size;
    if (!strstr(info->dlpi_name, wanted->name))
        return 0;
    wanted->is_found = elf_read(&wanted->object, info);
    return 1;
}

static struct elf_object read_object(const char *name)
{
    struct wanted wanted = {.name = name};
    (void)dl_iterate_phdr(read_if_wanted, &wanted);
    if (!wanted.is_found)
        fail_msg("%s is not loaded", name);
    return wanted.object;
}

static void *find(const struct elf_object *object, const char *name, enum elf_match match,
                  const char *version)
{
    struct elf_name hashed = elf_hash_name(name);
    return elf_find(object, &hashed, match, version);
}

/* The GNU table does not say how many symbols there are: the longest chain ends with the last one. */
static uint32_t count_symbols(const struct elf_object *object)
{
    const uint32_t *header = object->gnu_hash;
    const uint32_t *buckets =
        (const uint32_t *)(const void *)((const ElfW(Addr) *)(const void *)&header[4] + header[2]);
    const uint32_t *chains = &buckets[header[0]];
    uint32_t last = 0;
    for (uint32_t i = 0; i < header[0]; i++)
        last = buckets[i] > last ? buckets[i] : last;
    while (!(chains[last - header[1]] & 1))
        last++;
    return last + 1;
}

static void test_hashes(void **state)
{
    (void)state;
    assert_int_equal(elf_hash_name("").gnu_hash, 0x1505);
    assert_int_equal(elf_hash_name("printf").gnu_hash, 0x156b2bb8);
    assert_int_equal(elf_hash_name("printf").sysv_hash, 0x077905a6);
    assert_int_equal(elf_hash_name("flapenguin.me").sysv_hash, 0x03987915);
    assert_int_equal(elf_hash_library("/lib/x/libpq.so.5"), elf_hash_library("libpq.so.5"));
    assert_int_not_equal(elf_hash_library("libpq.so.5"), elf_hash_library("libpq.so.4"));
}

static void test_every_function_of_libc_is_what_dlsym_says(void **state)
{
    struct elf_object libc = read_object("libc.so");
    void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    uint32_t n = count_symbols(&libc), n_compared = 0;
    (void)state;
    assert_non_null(handle);
    for (uint32_t i = 1; i < n; i++) {
        const ElfW(Sym) *symbol = &libc.symbols[i];
        const char *name = libc.strings + symbol->st_name;
        if (symbol->st_shndx == SHN_UNDEF || (symbol->st_info & 0xf) != STT_FUNC || libc.versions[i] & 0x8000)
            continue;
        if (find(&libc, name, ELF_DEFAULT, NULL) != dlsym(handle, name))
            fail_msg("%s differs", name);
        n_compared++;
    }
    assert_true(n_compared > 1000);
    dlclose(handle);
}

static void test_versions_are_what_dlvsym_says(void **state)
{
    static const struct {
        const char *name, *version;
    } cases[] = {
        {"posix_spawn", "GLIBC_2.15"}, {"posix_spawn", "GLIBC_2.2.5"},
        {"dlsym", "GLIBC_2.34"},       {"dlsym", "GLIBC_2.2.5"},
        {"dlsym", "GLIBC_2.17"},       {"pthread_cond_wait", "GLIBC_2.3.2"},
        {"fork", "GLIBC_2.2.5"},       {"fork", "GLIBC_2.17"},
        {"fork", "GLIBC_2.99"},        {"no_such_function", "GLIBC_2.17"},
    };
    struct elf_object libc = read_object("libc.so");
    void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_ptr_equal(find(&libc, cases[i].name, ELF_AS_BOUND, cases[i].version),
                         dlvsym(handle, cases[i].name, cases[i].version));
    dlclose(handle);
}

static void test_indirect_and_data_symbols_are_left_to_the_loader(void **state)
{
    struct elf_object libc = read_object("libc.so");
    (void)state;
    assert_null(find(&libc, "memcpy", ELF_DEFAULT, NULL));
    assert_null(find(&libc, "environ", ELF_DEFAULT, NULL));
}

static void test_both_hash_tables(void **state)
{
    static const char *const styles[] = {"sysv", "gnu", "both"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char name[64], flags[64];
        snprintf(name, sizeof(name), "hash_%s", styles[i]);
        snprintf(flags, sizeof(flags), "-Wl,--hash-style=%s", styles[i]);
        void *handle = small_library_open(
            name, "int one(void){return 1;} int two(void){return 2;} int data = 3;", flags);
        struct elf_object object = read_object(name);
        assert_true(!object.gnu_hash == (i == 0));
        assert_ptr_equal(find(&object, "one", ELF_AS_BOUND, NULL), dlsym(handle, "one"));
        assert_ptr_equal(find(&object, "two", ELF_AS_BOUND, "ANY_VERSION"), dlsym(handle, "two"));
        assert_null(find(&object, "three", ELF_AS_BOUND, NULL));
        assert_null(find(&object, "data", ELF_AS_BOUND, NULL));
        assert_true(elf_has_text(&object, dlsym(handle, "one")));
        assert_false(elf_has_text(&object, &object));
    }
}

/* What each reference is given by glibc's check_match(): index 2 (the first version) also serves unversioned ones. */
static void test_version_rules(void **state)
{
    struct elf_object object;
    (void)state;
    small_library_open("rules",
                       "__asm__(\".symver f_old, f@FIRST, remove\"); int f_old(void){return 1;}"
                       "__asm__(\".symver f_new, f@@SECOND, remove\"); int f_new(void){return 2;}"
                       "__asm__(\".symver g_new, g@@SECOND, remove\"); int g_new(void){return 3;}"
                       "__asm__(\".symver h_new, h@SECOND, remove\"); int h_new(void){return 4;}"
                       "int base(void){return 5;}",
                       "-Wl,--version-script=" SMALL_LIBRARY_DIRECTORY "/rules.map");
    object = read_object("rules");
    static const struct {
        const char *name, *version;
        int wanted;
    } cases[] = {
        {"f", "FIRST", 1},  {"f", "SECOND", 2}, {"f", NULL, 1},     {"f", "THIRD", 0},
        {"g", "SECOND", 3}, {"g", NULL, 3},     {"h", "SECOND", 4}, {"h", NULL, 0},
        {"g", "FIRST", 0},  {"base", NULL, 5},  {"base", "ANY", 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int (*function)(void) = (int (*)(void))find(&object, cases[i].name, ELF_AS_BOUND, cases[i].version);
        int got = function ? function() : 0;
        if (got != cases[i].wanted)
            fail_msg("%s@%s: %d, wanted %d", cases[i].name, cases[i].version ? cases[i].version : "", got,
                     cases[i].wanted);
    }
    int (*newest)(void) = (int (*)(void))find(&object, "f", ELF_DEFAULT, NULL);
    assert_int_equal(newest(), 2);
}

static int count_vdso(struct dl_phdr_info *info, size_t size, void *of)
{
    struct elf_object object;
    (void)size;
    if (!strncmp(info->dlpi_name, "linux-vdso", 10)) {
        assert_false(elf_read(&object, info));
        ++*(int *)of;
    }
    return 0;
}

static void test_vdso_is_refused(void **state)
{
    int n = 0;
    (void)state;
    (void)dl_iterate_phdr(count_vdso, &n);
    assert_true(n <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_every_function_of_libc_is_what_dlsym_says),
        cmocka_unit_test(test_versions_are_what_dlvsym_says),
        cmocka_unit_test(test_indirect_and_data_symbols_are_left_to_the_loader),
        cmocka_unit_test(test_both_hash_tables),
        cmocka_unit_test(test_version_rules),
        cmocka_unit_test(test_vdso_is_refused),
    };
    return cmocka_run_group_tests_name("elf", tests, small_library_begin, small_library_end);
}

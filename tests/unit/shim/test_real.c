/*
 * The resolver: several copies of a library, opened in every way, and which one a call reaches. The test program stands
 * for the shim: what counts is behind it in load order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connection.h"
#include "real.h"
#include "small_library.h"
#include <errno.h>

typedef int number_fn(void);

static int call(struct real_entry *entry, const void *call_site, const void *handle)
{
    number_fn *function = (number_fn *)real_find(entry, call_site, handle);
    return function();
}

static const void *inside(void *library, const char *name)
{
    const char *address = dlsym(library, name);
    assert_non_null(address);
    return address + 1;
}

static void test_version_decides_between_flavours(void **state)
{
    struct real_entry openssl = {.name = "flavour", .version = "CURL_OPENSSL_4"};
    struct real_entry gnutls = {.name = "flavour", .version = "CURL_GNUTLS_3"};
    struct real_entry nss = {.name = "flavour", .version = "CURL_NSS_4"};
    (void)state;
    small_library_open("openssl", "int flavour(void){return 1;}",
                       "-Wl,--version-script=$DIRECTORY/openssl.map");
    small_library_open("gnutls", "int flavour(void){return 2;}",
                       "-Wl,--version-script=$DIRECTORY/gnutls.map");
    assert_int_equal(call(&gnutls, NULL, NULL), 2);
    assert_int_equal(call(&openssl, NULL, NULL), 1);
    assert_int_equal(call(&nss, NULL, NULL), 0); /* none: the stand-in */
    assert_null(nss.library);
    assert_non_null(strstr(gnutls.library->name, "libgnutls.so"));
}

static void test_library_of_the_program_is_found_once_for_ever(void **state)
{
    struct real_entry entry = {.name = "_assert_true"}; /* libcmocka, a dependency of this program */
    (void)state;
    assert_ptr_equal(real_find(&entry, NULL, NULL), dlsym(RTLD_DEFAULT, "_assert_true"));
    assert_ptr_equal(entry.function, dlsym(RTLD_DEFAULT, "_assert_true"));
    assert_null(entry.library->map);
}

static void test_second_copy_changes_the_answer(void **state)
{
    struct real_entry entry = {.name = "copied"}, fresh = {.name = "copied"};
    struct connection *connection;
    int first_handle, second_handle;
    void *users[2];
    (void)state;
    small_library_open("copy1", "int copied(void){return 1;}", "");
    assert_int_equal(call(&entry, NULL, NULL), 1);
    assert_null(entry.function); /* may change */
    connection = connection_open(&first_handle, 0);
    connection->library = entry.library;

    small_library_open("copy2", "int copied(void){return 2;}", "");
    users[0] = small_library_open("user1", "int user(void){return 0;}", "-Wl,--no-as-needed -lcopy1");
    users[1] = small_library_open("user2", "int user(void){return 0;}", "-Wl,--no-as-needed -lcopy2");
    for (int round = 0; round < 2; round++) {
        assert_int_equal(call(&entry, inside(users[0], "user"), NULL), 1);
        assert_int_equal(call(&entry, inside(users[1], "user"), NULL), 2);
        assert_int_equal(call(&entry, inside(users[1], "user"), &first_handle), 1); /* handle over caller */
        assert_int_equal(call(&entry, dlsym(RTLD_DEFAULT, "malloc"), NULL), 1); /* nobody knows: the first */
    }
    (void)call(&entry, inside(users[1], "user"), NULL);
    connection = connection_open(&second_handle, 0);
    connection->library = entry.library;
    assert_int_equal(call(&entry, inside(users[0], "user"), &second_handle), 2);
    assert_int_equal(call(&fresh, inside(users[0], "user"), &second_handle), 2); /* at its first call, too */
    connection_close(&first_handle);
    connection_close(&second_handle);
}

static void test_caller_that_defines_it_reaches_itself(void **state)
{
    struct real_entry entry = {.name = "own"};
    void *copies[2];
    (void)state;
    copies[0] = small_library_open("own1", "int own(void){return 1;}", "");
    copies[1] = small_library_open("own2", "int own(void){return 2;}", "");
    assert_int_equal(call(&entry, inside(copies[1], "own"), NULL), 2);
    assert_int_equal(call(&entry, inside(copies[0], "own"), NULL), 1);
    assert_true(real_is_internal(&entry, inside(copies[0], "own")));
    assert_true(real_is_internal(&entry, inside(copies[1], "own")));
    assert_false(real_is_internal(&entry, dlsym(RTLD_DEFAULT, "malloc")));
}

static void test_global_library_comes_before_an_older_local_one(void **state)
{
    struct real_entry entry = {.name = "scoped"};
    (void)state;
    small_library_open("local", "int scoped(void){return 1;}", "");
    small_library_make("global", "int scoped(void){return 2;}", "");
    small_library_load("global", RTLD_NOW | RTLD_GLOBAL);
    assert_int_equal(call(&entry, NULL, NULL), 2);
    assert_non_null(entry.function); /* a later one comes behind it */
}

static void test_library_is_pinned(void **state)
{
    struct real_entry entry = {.name = "pinned"};
    void *library = small_library_open("pin", "int pinned(void){return 7;}", "");
    (void)state;
    assert_int_equal(call(&entry, NULL, NULL), 7);
    dlclose(library);
    assert_int_equal(call(&entry, NULL, NULL), 7);
    assert_true(real_is_internal(&entry, (const char *)entry.library->text_from + 1));
    assert_false(real_is_internal(&entry, (const char *)entry.library->text_to));
}

static void test_error_state_of_the_loader_is_kept(void **state)
{
    struct real_entry startup = {.name = "_assert_false"}, missing = {.name = "not_anywhere"};
    struct real_entry ambiguous = {.name = "doubled"};
    (void)state;
    assert_null(dlopen("/no/such/library", RTLD_NOW));
    (void)real_find(&startup, NULL, NULL);
    (void)real_find(&missing, NULL, NULL);
    assert_non_null(dlerror());

    small_library_open("double1", "int doubled(void){return 1;}", "");
    small_library_open("double2", "int doubled(void){return 2;}", "");
    (void)real_find(&ambiguous, NULL, NULL);
    small_library_open("unrelated", "int unrelated(void){return 3;}", "");
    (void)real_find(&ambiguous, NULL, NULL); /* has to ask for RTLD_NEXT, in vain, and has nothing to pin */
    assert_null(dlerror());
}

static void test_missing_function_fails_as_its_library_would(void **state)
{
    struct real_entry plain = {.name = "not_anywhere"};
    struct real_entry own = {.name = "not_anywhere", .failure = REAL_RETURNS_MINUS_1};
    (void)state;
    errno = EXDEV;
    assert_int_equal(call(&plain, NULL, NULL), 0);
    assert_int_equal(call(&own, NULL, NULL), -1);
    assert_int_equal(errno, EXDEV);
    small_library_open("late", "int not_anywhere(void){return 9;}", "");
    assert_int_equal(call(&own, NULL, NULL), 9);
}

static void test_sibling_comes_from_the_same_library(void **state)
{
    struct real_entry entry = {.name = "chosen"};
    number_fn *function;
    void *second;
    (void)state;
    small_library_open("pair1", "int chosen(void){return 1;} int accessor(void){return 11;}", "");
    second = small_library_open("pair2", "int chosen(void){return 2;} int accessor(void){return 22;}", "");
    assert_int_equal(call(&entry, inside(second, "chosen"), NULL), 2);
    function = (number_fn *)real_sibling(&entry, "accessor");
    assert_int_equal(function(), 22);
    assert_null(real_sibling(&entry, "no_accessor"));
}

static void test_libc(void **state)
{
    (void)state;
    assert_ptr_equal(real_libc("execve", NULL), dlsym(RTLD_NEXT, "execve"));
    assert_ptr_equal(real_libc("quick_exit", "GLIBC_2.10"), dlvsym(RTLD_DEFAULT, "quick_exit", "GLIBC_2.10"));
    assert_null(real_libc("execve", "GLIBC_9.9"));
    assert_null(real_libc("no_such_function", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_decides_between_flavours),
        cmocka_unit_test(test_library_of_the_program_is_found_once_for_ever),
        cmocka_unit_test(test_second_copy_changes_the_answer),
        cmocka_unit_test(test_caller_that_defines_it_reaches_itself),
        cmocka_unit_test(test_global_library_comes_before_an_older_local_one),
        cmocka_unit_test(test_library_is_pinned),
        cmocka_unit_test(test_error_state_of_the_loader_is_kept),
        cmocka_unit_test(test_missing_function_fails_as_its_library_would),
        cmocka_unit_test(test_sibling_comes_from_the_same_library),
        cmocka_unit_test(test_libc),
    };
    return cmocka_run_group_tests_name("real", tests, small_library_begin, small_library_end);
}

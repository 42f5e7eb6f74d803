/* literal: which text cannot change where it lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "literal.h"
#include <errno.h>

static const char constant[] = "SELECT 1";
static char variable[] = "SELECT 1";

static void test_literals_of_the_program(void **state)
{
    const char *text = "SELECT id FROM orders";
    (void)state;
    assert_true(literal_is(text, strlen(text)));
    assert_true(literal_is(constant, strlen(constant)));
}

static void test_what_may_change(void **state)
{
    char local[] = "SELECT 1", *heap = strdup(constant);
    const char *library = strerror(ENOENT); /* libc's own text */
    (void)state;
    assert_false(literal_is(variable, strlen(variable)));
    assert_false(literal_is(local, strlen(local)));
    assert_false(literal_is(heap, strlen(heap)));
    assert_false(literal_is(library, strlen(library)));
    free(heap);
}

static void test_must_end_in_the_segment(void **state)
{
    (void)state;
    assert_false(literal_is(constant, SIZE_MAX / 2));
    assert_false(literal_is(constant, (size_t)1 << 30));
    assert_false(literal_is(NULL, 0));
}

static void test_keeps_errno(void **state)
{
    (void)state;
    errno = EXDEV;
    (void)literal_is(constant, strlen(constant));
    assert_int_equal(errno, EXDEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_of_the_program),
        cmocka_unit_test(test_what_may_change),
        cmocka_unit_test(test_must_end_in_the_segment),
        cmocka_unit_test(test_keeps_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

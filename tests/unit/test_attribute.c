/* attribute: lists keep their order, replace by key, and hold valid UTF-8 only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "telemetry/attribute.h"
#include <stdio.h>

static void test_attribute_set_replaces(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct attributes list = {0};
    char other[] = "b";
    attribute_set_int(&list, &arena, "a", 1);
    attribute_set_string(&list, &arena, "b", "x");
    attribute_set_bool(&list, &arena, "c", true);
    attribute_set_double(&list, &arena, other, 0.5); /* another address, the same key */
    assert_int_equal(list.n, 3);
    assert_string_equal(list.items[1].key, "b");
    assert_int_equal(list.items[1].type, ATTRIBUTE_DOUBLE);
    assert_true(attribute_find(&list, "c")->value.flag);
    assert_null(attribute_find(&list, "d"));
    arena_fini(&arena);
}

static void test_attribute_set_many(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct attributes list = {0};
    for (int i = 0; i < 200; i++)
        attribute_set_int(&list, &arena, arena_printf(&arena, "key.%d", i), i);
    assert_int_equal(list.n, 200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(list.items[i].value.integer, i);
    arena_fini(&arena);
}

static void test_attribute_set_text_repairs(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct attributes list = {0};
    attribute_set_text(&list, &arena, "k", "ok\xff!more", 4);
    struct text text = attribute_find(&list, "k")->value.string;
    assert_int_equal(text.n_bytes, 6);
    assert_string_equal(text.bytes, "ok\xef\xbf\xbd!");
    struct text items[] = {{"a", 1}, {"\x80", 1}};
    attribute_set_strings(&list, &arena, "l", items, 2);
    assert_string_equal(attribute_find(&list, "l")->value.strings.items[1].bytes, "\xef\xbf\xbd");
    attribute_set_text(&list, &arena, "nul", "a\0b", 3);
    assert_int_equal(attribute_find(&list, "nul")->value.string.n_bytes, 1);
    attribute_set_text(&list, &arena, "empty", "", 0);
    assert_string_equal(attribute_find(&list, "empty")->value.string.bytes, "");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attribute_set_replaces),
        cmocka_unit_test(test_attribute_set_many),
        cmocka_unit_test(test_attribute_set_text_repairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* body: JSON pointers, forms, and texts that are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/rules/body.h"

static const char *find_in(struct arena *arena, const struct body *body, const char *pointer)
{
    struct body value;
    return body_find(body, pointer, arena, &value) ? body_print(&value, arena) : NULL;
}

static const char *find(struct arena *arena, const char *text, const char *pointer)
{
    struct body body = body_of(text, strlen(text), false);
    return find_in(arena, &body, pointer);
}

struct vector {
    const char *text, *pointer, *expected; /* NULL: not there */
};

static void check(const struct vector *vectors, size_t n)
{
    struct arena arena = {0};
    for (size_t i = 0; i < n; i++) {
        const char *found = find(&arena, vectors[i].text, vectors[i].pointer);
        const char *expected = vectors[i].expected;
        if ((found == NULL) != (expected == NULL) || (found && strcmp(found, expected) != 0))
            fail_msg("%s at \"%s\": %s, expected %s", vectors[i].text, vectors[i].pointer,
                     found ? found : "(none)", expected ? expected : "(none)");
    }
    arena_fini(&arena);
}
#define CHECK(vectors) check(vectors, sizeof(vectors) / sizeof(vectors[0]))

/* RFC 6901, 5. */
static void test_pointers_of_the_rfc(void **state)
{
    static const char document[] =
        "{ \"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
        " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8 }";
    static const struct vector vectors[] = {
        {document, "", document},
        {document, "/foo", "[\"bar\", \"baz\"]"},
        {document, "/foo/0", "bar"},
        {document, "/", "0"},
        {document, "/a~1b", "1"},
        {document, "/c%d", "2"},
        {document, "/e^f", "3"},
        {document, "/g|h", "4"},
        {document, "/i\\j", "5"},
        {document, "/k\"l", "6"},
        {document, "/ ", "7"},
        {document, "/m~0n", "8"},
        {document, "/foo/2", NULL},
        {document, "/foo/-", NULL},
        {document, "/foo/00", NULL},
        {document, "/foo/0x", NULL},
        {document, "/foo/99999999999999999999", NULL},
        {document, "foo", NULL},
        {document, "/foo/0/x", NULL},
    };
    (void)state;
    CHECK(vectors);
}

static void test_values(void **state)
{
    static const struct vector vectors[] = {
        {"{\"error\":{\"name\":\"insufficient_funds_bid\",\"message\":\"x\"}}", "/error/name",
         "insufficient_funds_bid"},
        {"{\"a\":\"\\uc6d0\\ud83d\\udcb0\\n\"}", "/a", "원💰\n"},
        {"{\"a\":\"\\ud83d\"}", "/a", NULL},
        {"{\"a\":\"\\q\"}", "/a", NULL},
        {"{\"a\":\"\xff\"}", "/a", "\xef\xbf\xbd"},
        {"{\"\\u0061\":1}", "/a", "1"},
        {"[1,-0.5,1e6,true,false,null]", "/1", "-0.5"},
        {"[1,-0.5,1e6,true,false,null]", "/3", "true"},
        {"[1,-0.5,1e6,true,false,null]", "/5", NULL},
        {"{\"a\":1,\"a\":2}", "/a", "1"},
        {"  {\r\n\t\"a\" : 1 }", "/a", "1"},
        {"\xef\xbb\xbf{\"a\":1}", "/a", "1"},
        {"{\"a\":01}", "/a", NULL},
        {"{\"a\":1.}", "/a", NULL},
        {"{\"a\":nul}", "/a", NULL},
        {"{\"a\" 1}", "/a", NULL},
        {"{\"a\":[1,]}", "/a/1", NULL},
        {"{\"b\":[1,2},\"a\":1}", "/a", NULL},
        {"{\"b\":\"\n\",\"a\":1}", "/a", NULL},
        {"", "/a", NULL},
        {"", "", NULL},
        {"<html>", "/a", NULL},
        {"\"text\"", "", "text"},
        {"HTTP/1.1 302 Found\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"a\":1}", "/a", "1"},
        {"HTTP/1.1 200 OK\r\nA: {\"a\":1}", "/a", NULL},
        {"{}", "/a", NULL},
        {"[]", "/0", NULL},
    };
    (void)state;
    CHECK(vectors);
}

static void test_forms(void **state)
{
    static const struct vector vectors[] = {
        {"market=KRW-BTC&side=bid&price=50000", "/side", "bid"},
        {"market=KRW-BTC&side=bid", "/side", "bid"},
        {"name=%EB%B9%84%ED%8A%B8+coin&x=1", "/name", "비트 coin"},
        {"a=%zz&b=", "/a", "%zz"},
        {"a=1&b=", "/b", ""},
        {"a=1", "/a/b", NULL},
        {"a=1", "", NULL},
        {"a=1", "/c", NULL},
        {"states[]=wait&a=1", "/states[]", "wait"},
        {"a b=1", "/a b", NULL},
        {"=1", "/", NULL},
    };
    (void)state;
    CHECK(vectors);
}

static const char order[] = "{\"uuid\":\"cdd92199-2897-4e14-9448-f923320408ad\",\"side\":\"bid\",\"price\":"
                            "\"100000\",\"paid_fee\":0.25,"
                            "\"trades\":[{\"price\":1,\"funds\":\"a\\\"b\"},{\"price\":22,\"funds\":\"c\"}],"
                            "\"market\":\"KRW-BTC\",\"n\":12}";

/* Whatever is found in the beginning of a text is what stands in the whole. */
static void test_a_cut_text_never_lies(void **state)
{
    static const char *const pointers[] = {
        "/uuid",           "/side",           "/price",  "/paid_fee", "/trades/0/price",
        "/trades/1/price", "/trades/1/funds", "/market", "/n",        "/none"};
    struct arena arena = {0};
    uint32_t n_found = 0;
    (void)state;
    for (size_t n = 0; n <= strlen(order); n++)
        for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
            char *copy = malloc(n + 1); /* so that a byte too many is seen */
            assert_non_null(copy);
            memcpy(copy, order, n);
            struct body body = body_of(copy, n, n < strlen(order));
            const char *found = find_in(&arena, &body, pointers[i]);
            if (found) {
                assert_string_equal(found, find(&arena, order, pointers[i]));
                n_found++;
            }
            free(copy);
        }
    assert_in_range(n_found, 500, 700);
    arena_fini(&arena);
}

static void test_numbers_at_the_cut(void **state)
{
    struct arena arena = {0};
    struct body cut = body_of("{\"n\":12", 7, true), form = body_of("a=1&b=12", 8, true);
    struct body whole_form = body_of("a=1&b=12", 8, false);
    (void)state;
    assert_null(find_in(&arena, &cut, "/n"));
    assert_null(find_in(&arena, &form, "/b"));
    assert_string_equal(find_in(&arena, &form, "/a"), "1");
    assert_string_equal(find_in(&arena, &whole_form, "/b"), "12");
    arena_fini(&arena);
}

static void test_lists(void **state)
{
    static const char text[] = "[ {\"currency\":\"KRW\"} , {\"currency\":\"BTC\"} , {\"currency\":\"ET";
    struct arena arena = {0};
    struct body items[8], cut = body_of(text, strlen(text), true), bad = body_of(text, strlen(text), false);
    struct body empty = body_of("[ ]", 3, false), object = body_of("{}", 2, false);
    (void)state;
    assert_int_equal(body_list(&cut, items, 8), 2);
    assert_string_equal(find_in(&arena, &items[1], "/currency"), "BTC");
    assert_int_equal(body_list(&cut, items, 1), 1);
    assert_int_equal(body_list(&bad, items, 8), 2);
    assert_int_equal(body_list(&empty, items, 8), 0);
    assert_int_equal(body_list(&object, items, 8), 0);
    arena_fini(&arena);
}

static void test_depth_is_bounded(void **state)
{
    struct arena arena = {0};
    char text[2048];
    (void)state;
    memset(text, '[', sizeof(text));
    struct body deep = body_of(text, sizeof(text), true), value;
    assert_true(body_find(&deep, "", &arena, &value)); /* the beginning of something */
    assert_true(value.is_cut);
    assert_int_equal(body_list(&deep, &value, 1), 0);
    deep.is_cut = false;
    assert_false(body_find(&deep, "", &arena, &value));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_of_the_rfc),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_a_cut_text_never_lies),
        cmocka_unit_test(test_numbers_at_the_cut),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

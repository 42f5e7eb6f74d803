/* rules: globs; include, exclude, and the roots of episodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/rules.h"

static void test_globs(void **state)
{
    static const struct {
        const char *glob, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"*", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "b", false},
        {"?", "a", true},
        {"?", "", false},
        {"a*", "a", true},
        {"*a", "ba", true},
        {"*a", "ab", false},
        {"a*c", "abc", true},
        {"a*c", "abcd", false},
        {"*b*", "abc", true},
        {"**", "abc", true},
        {"*ab", "aab", true},
        {"a*b*c", "aXbYbZc", true},
        {"*.internal", "db.internal", true},
        {"*/health", "http://h/health", true},
        {"SELECT ?", "SELECT ?", true},
        {"a\\*", "a*", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (rules_match_glob(cases[i].glob, cases[i].text, strlen(cases[i].text), false) != cases[i].matches)
            fail_msg("%s on %s", cases[i].glob, cases[i].text);
    assert_true(rules_match_glob("DB*", "db1", 3, true));
    assert_false(rules_match_glob("DB*", "db1", 3, false));
}

/* Backtracking over every star would take for ever. */
static void test_a_hostile_glob_is_quick(void **state)
{
    char glob[401], text[8000];
    (void)state;
    for (size_t i = 0; i < 400; i += 2)
        memcpy(glob + i, "*a", 2);
    memcpy(glob + 399, "b", 2);
    memset(text, 'a', sizeof(text));
    assert_false(rules_match_glob(glob, text, sizeof(text), false));
}

static struct span *span_with(struct arena *arena, const char *key, const char *value)
{
    struct span *span = arena_zalloc(arena, sizeof(*span));
    if (key)
        attribute_set_string(&span->attributes, arena, key, value);
    span->has_parent = true;
    return span;
}

static void test_include_and_exclude(void **state)
{
    static const struct rule include[] = {{RULE_HOST, "API.*"}, {RULE_STATEMENT, "SELECT*"}};
    static const struct rule exclude[] = {{RULE_URL, "*/health"}};
    struct settings none = {0}, only = {.include = {include, 2}, .exclude = {exclude, 1}},
                    but = {.exclude = {exclude, 1}};
    struct arena arena = {0};
    struct rules_memory memory = {0};
    struct raw_span raw = {.kind = RAW_SPAN};
    (void)state;
    struct span *health = span_with(&arena, "url.full", "http://api.example/health");
    attribute_set_string(&health->attributes, &arena, "server.address", "api.example");
    struct span *work = span_with(&arena, "server.address", "api.example"),
                *query = span_with(&arena, "db.query.text", "SELECT ?"),
                *other = span_with(&arena, "db.query.text", "DELETE FROM t");
    assert_true(rules_admit(&memory, &none, &raw, health));
    assert_false(rules_admit(&memory, &only, &raw, health));
    assert_true(rules_admit(&memory, &only, &raw, work));
    assert_true(rules_admit(&memory, &only, &raw, query));
    assert_false(rules_admit(&memory, &only, &raw, other));
    assert_true(rules_admit(&memory, &but, &raw, other));
    assert_true(rules_admit(&memory, &but, &raw, span_with(&arena, NULL, NULL)));
    arena_fini(&arena);
}

static void test_a_root_goes_with_its_last_call(void **state)
{
    static const struct rule exclude[] = {{RULE_URL, "*/health"}};
    struct settings settings = {.exclude = {exclude, 1}};
    struct arena arena = {0};
    struct rules_memory memory = {0};
    struct raw_span call = {.kind = RAW_SPAN}, root = {.kind = RAW_ROOT, .calls = 2};
    (void)state;
    struct span *health = span_with(&arena, "url.full", "http://h/health"),
                *top = span_with(&arena, NULL, NULL);
    top->has_parent = false;
    call.span.parent_span_id[0] = root.span.span_id[0] = 9;
    rules_admit(&memory, &settings, &call, health);
    assert_true(rules_admit(&memory, &settings, &root, top));
    rules_admit(&memory, &settings, &call, health);
    assert_false(rules_admit(&memory, &settings, &root, top));
    root.span.span_id[0] = 8;
    assert_true(rules_admit(&memory, &settings, &root, top));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_a_hostile_glob_is_quick),
        cmocka_unit_test(test_include_and_exclude),
        cmocka_unit_test(test_a_root_goes_with_its_last_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

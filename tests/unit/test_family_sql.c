/* family_sql: the schema in db.namespace; calls without a statement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/family_database_priv.h"

static struct raw_fact text_fact(const char *text)
{
    return (struct raw_fact){.type = WIRE_STRING, .bytes = text, .n_bytes = (uint16_t)strlen(text)};
}

static void test_family_sql_namespace(void **state)
{
    (void)state;
    static const struct {
        const char *path, *expected;
    } cases[] = {
        {"app", "trader|app"},
        {"app, public", "trader|app"},
        {" app,public", "trader|app"},
        {"\"App\", public", "trader|App"},
        {"\"a \"\"b\"\", c\"", "trader|a \"b\", c"},
        {"\"$user\", public", "trader"}, /* the role's own schema, if it has one */
        {"$user", "trader"},
        {"\"\"", "trader"},
        {"", "trader"},
        {"\"open", "trader|open"},
        {"\"open\"\"", "trader|open\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = {0};
        struct raw_fact database = text_fact("trader"), path = text_fact(cases[i].path);
        struct assembly assembly = {.arena = &arena, .facts = {[WIRE_DB_SEARCH_PATH] = &path}};
        struct text name = family_sql_namespace(&assembly, &database);
        assert_string_equal(name.bytes, cases[i].expected);
        assert_int_equal(name.n_bytes, strlen(cases[i].expected));
        arena_fini(&arena);
    }
}

static void test_family_sql_operation(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct attribute items[ASSEMBLY_MAX_ATTRIBUTES];
    struct span span = {.attributes = {.items = items, .max = ASSEMBLY_MAX_ATTRIBUTES}};
    struct raw_fact operation = text_fact("lo_open");
    struct assembly assembly = {
        .arena = &arena, .span = &span, .facts = {[WIRE_DB_OPERATION_NAME] = &operation}};
    assert_string_equal(family_sql_statement(&assembly, "trader|app"), "lo_open trader|app");
    assert_string_equal(family_sql_statement(&assembly, NULL), "lo_open");
    assert_string_equal(items[0].key, "db.operation.name");
    assembly.facts[WIRE_DB_OPERATION_NAME] = NULL;
    assert_null(family_sql_statement(&assembly, "trader"));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_family_sql_namespace),
        cmocka_unit_test(test_family_sql_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

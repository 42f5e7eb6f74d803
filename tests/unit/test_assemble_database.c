/* assemble: statements and commands: names, redaction, status. */
#include "assembling.h"

static void test_assemble_sql(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        begin_sql("db.example", "5433", "SELECT close FROM candles WHERE market = 'KRW-BTC' AND id > 17");
        number(WIRE_DB_RETURNED_ROWS, 200);
        struct span *span = assemble();
        assert_string_equal(span->name, "SELECT candles");
        assert_string_equal(print(span),
                            "db.system.name=postgresql\ndb.namespace=trader\n"
                            "db.query.text=SELECT close FROM candles WHERE market = ? AND id > ?\n"
                            "db.query.summary=SELECT candles\nserver.address=db.example\n"
                            "server.port=5433\ndb.response.returned_rows=200\n");
        assert_int_equal(span->status, SPAN_UNSET);
    }
    begin_sql("/var/run/postgresql", "5432", "UPDATE orders SET price = 1.5");
    text(WIRE_DB_AFFECTED_ROWS, "7");
    assert_string_equal(print(assemble()), "db.system.name=postgresql\ndb.namespace=trader\n"
                                           "db.query.text=UPDATE orders SET price = "
                                           "?\ndb.query.summary=UPDATE orders\n"
                                           "server.address=/var/run/postgresql/.s.PGSQL.5432\n"
                                           "otelshim.db.affected_rows=7\n");
    begin_sql("localhost", "5432", "SELECT * FROM t WHERE a = $1 AND b = 'constant'");
    number(WIRE_DB_PARAMETER_COUNT, 1); /* parameterised: as it is */
    struct span *span = assemble();
    assert_string_equal(conformance_text(&span->attributes, "db.query.text"),
                        "SELECT * FROM t WHERE a = $1 AND b = 'constant'");
    assert_null(attribute_find(&span->attributes, "server.port"));
    begin_sql("localhost", "5432", "SELECT 'secret'");
    given.settings.raw = true;
    assert_string_equal(conformance_text(&assemble()->attributes, "db.query.text"), "SELECT 'secret'");
    begin_sql("localhost", "5432", "SELECT a FROM b");
    text(WIRE_DB_STATEMENT_NAME, "s1");
    given.raw.span.operation = WIRE_PREPARE;
    assert_string_equal(assemble()->name, "PREPARE SELECT b");
    begin_sql("localhost", "5433", NULL);
    assert_string_equal(assemble()->name, "trader");
}

static void test_assemble_sql_status(void **state)
{
    (void)state;
    begin_sql("h", "5432", "SELECT x FROM missing");
    text(WIRE_DB_RESPONSE_STATUS_CODE, "42P01");
    number(WIRE_ERROR_CODE, 7);
    text(WIRE_ERROR_MESSAGE, "relation \"secret\" does not exist");
    given.raw.outcome = WIRE_FAILED;
    struct span *span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_string_equal(conformance_text(&span->attributes, "db.response.status_code"), "42P01");
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "42P01");
    assert_null(span->status_message); /* it may quote values */
    given.settings.raw = true;
    assert_string_equal(assemble()->status_message, "relation \"secret\" does not exist");

    begin_sql("h", "5432", "DO 'x'");
    text(WIRE_DB_RESPONSE_STATUS_CODE, "01000"); /* a warning */
    assert_int_equal(assemble()->status, SPAN_UNSET);

    begin_sql("h", "5432", "SELECT 1");
    number(WIRE_ERROR_CODE, 1);
    text(WIRE_ERROR_MESSAGE, "server closed the connection unexpectedly\n\tThis probably means");
    given.raw.outcome = WIRE_FAILED;
    span = assemble();
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "CONNECTION_BAD");
    assert_string_equal(span->status_message, "server closed the connection unexpectedly");

    begin_sql("h", "5433", NULL);
    number(WIRE_ERROR_CODE, 1);
    given.raw.span.operation = WIRE_CONNECT;
    given.raw.outcome = WIRE_FAILED;
    span = assemble();
    assert_string_equal(span->name, "postgresql connect");
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "CONNECTION_BAD");
    assert_string_equal(conformance_text(&span->attributes, "server.address"), "h");
}

static void begin_redis(void)
{
    begin("hiredis", "redis", WIRE_DATABASE);
    text(WIRE_SERVER_ADDRESS, "127.0.0.1");
    number(WIRE_SERVER_PORT, 6380);
    number(WIRE_DB_DATABASE_INDEX, 2);
}

static void test_assemble_redis(void **state)
{
    (void)state;
    begin_redis();
    text(WIRE_DB_COMMAND_FORMAT, "SET %s %b");
    text(WIRE_DB_COMMAND_ARGUMENT, "ticker:KRW-BTC");
    text(WIRE_DB_COMMAND_ARGUMENT, "secret value");
    struct span *span = assemble();
    assert_string_equal(span->name, "SET");
    assert_string_equal(print(span), "db.system.name=redis\ndb.namespace=2\ndb.query.text=SET ticker:KRW-BTC "
                                     "?\n"
                                     "db.operation.name=SET\nserver.address=127.0.0.1\nserver.port=6380\n");
    begin_redis();
    given.raw.span.operation = WIRE_PIPELINE;
    text(WIRE_DB_COMMAND_ARGUMENT, "get");
    text(WIRE_DB_COMMAND_ARGUMENT, "key");
    span = assemble();
    assert_string_equal(span->name, "get"); /* as the program gave it */
    assert_string_equal(conformance_text(&span->attributes, "db.query.text"), "get key");
    given.settings.raw = true;
    begin_redis();
    given.settings.raw = true;
    text(WIRE_DB_COMMAND_ARGUMENT, "SET");
    text(WIRE_DB_COMMAND_ARGUMENT, "key");
    text(WIRE_DB_COMMAND_ARGUMENT, "value");
    assert_string_equal(conformance_text(&assemble()->attributes, "db.query.text"), "SET key value");
    begin_redis();
    text(WIRE_DB_COMMAND_ARGUMENT, "SET key secret"); /* one word: no command name */
    span = assemble();
    assert_null(strstr(print(span), "secret"));
    assert_string_equal(span->name, "127.0.0.1:6380");
}

static void test_assemble_redis_status(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int64_t code, error;
        const char *error_type, *status_code;
    } cases[] = {
        {"WRONGTYPE Operation against a key holding the wrong kind of value", 0, 0, "WRONGTYPE", "WRONGTYPE"},
        {"-ERR unknown command 'secret'", 0, 0, "ERR", "ERR"},
        {"my own words", 0, 0, "_OTHER", NULL},
        {NULL, 1, 111, "REDIS_ERR_IO", NULL},
        {NULL, 1, 11, "timeout", NULL},
        {NULL, 6, 0, "timeout", NULL},
        {NULL, 3, 0, "REDIS_ERR_EOF", NULL},
        {NULL, 77, 0, "_OTHER", NULL},
        {NULL, 0, 0, "_OTHER", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_redis();
        text(WIRE_DB_COMMAND_ARGUMENT, "GET");
        text(WIRE_DB_COMMAND_ARGUMENT, "k");
        if (cases[i].reply)
            text(WIRE_DB_ERROR_REPLY, cases[i].reply);
        if (cases[i].code)
            number(WIRE_ERROR_CODE, cases[i].code);
        if (cases[i].error)
            number(WIRE_ERROR_ERRNO, cases[i].error);
        given.raw.outcome = WIRE_FAILED;
        struct span *span = assemble();
        assert_int_equal(span->status, SPAN_ERROR);
        assert_string_equal(conformance_text(&span->attributes, "error.type"), cases[i].error_type);
        const char *code = conformance_text(&span->attributes, "db.response.status_code");
        assert_int_equal(!code, !cases[i].status_code);
        if (code)
            assert_string_equal(code, cases[i].status_code);
        assert_null(span->status_message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assemble_sql),
        cmocka_unit_test(test_assemble_sql_status),
        cmocka_unit_test(test_assemble_redis),
        cmocka_unit_test(test_assemble_redis_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

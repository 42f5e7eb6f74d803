/* old_names: http/dup and database/dup: the old names of the migration guides, beside the stable ones; else none of them. */
#include "assembling.h"

/* What is there besides the stable attributes, which must be as they are without it. */
static const char *added(bool http, bool database)
{
    static char out[4000];
    char before[4000];
    struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
    strcpy(before, print(span));
    given.settings.has_old_http = http;
    given.settings.has_old_database = database;
    span = assemble_call(&given.arena, &given.raw, &given.settings);
    strcpy(out, print(span));
    assert_memory_equal(out, before, strlen(before));
    for (uint32_t i = 0; i < span->attributes.n; i++)
        assert_ptr_equal(attribute_find(&span->attributes, span->attributes.items[i].key),
                         &span->attributes.items[i]); /* each once */
    memmove(out, out + strlen(before), strlen(out + strlen(before)) + 1);
    return out;
}

static void request(const char *url)
{
    begin_http("GET", url);
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, 200);
    number(WIRE_HTTP_VERSION, 2);
}

static void test_old_names_of_http(void **state)
{
    (void)state;
    request("https://user:pw@api.upbit.com:8443/v1/x?sig=abc");
    text(WIRE_NETWORK_PEER_ADDRESS, "203.0.113.7");
    number(WIRE_NETWORK_PEER_PORT, 8443);
    number(WIRE_HTTP_RESEND_COUNT, 2);
    number(WIRE_HTTP_REQUEST_BODY_BYTES, 10);
    number(WIRE_HTTP_RESPONSE_BODY_BYTES, 20);
    text(WIRE_USER_AGENT_ORIGINAL, "bot/1");
    assert_string_equal(added(true, false),
                        "http.url=https://REDACTED:REDACTED@api.upbit.com:8443/v1/x?sig=REDACTED\n"
                        "net.peer.name=api.upbit.com\nnet.peer.port=8443\nhttp.method=GET\n"
                        "net.protocol.version=1.1\nhttp.flavor=1.1\nnet.sock.peer.addr=203.0.113.7\n"
                        "http.resend_count=2\nhttp.request_content_length=10\n"
                        "http.response_content_length=20\nhttp.user_agent=bot/1\nhttp.status_code=200\n");
}

/* "If not default", "if different": and what was spelt otherwise. */
static void test_old_names_of_http_only_where_they_were(void **state)
{
    (void)state;
    static const struct {
        const char *method, *url, *peer;
        int64_t version, peer_port;
        const char *expected; /* without http.url */
    } cases[] = {
        {"GET", "https://h/", NULL, 3, 0,
         "net.peer.name=h\nhttp.method=GET\nnet.protocol.version=2.0\nhttp.flavor=2.0\n"},
        {"GET", "http://h/", "10.0.0.1", 30, 80,
         "net.peer.name=h\nhttp.method=GET\nnet.protocol.version=3.0\nhttp.flavor=3.0\n"
         "net.sock.peer.addr=10.0.0.1\n"},
        {"purge", "http://h:443/", "::1", 1, 3128,
         "net.peer.name=h\nnet.peer.port=443\nhttp.method=purge\nnet.protocol.version=1.0\nhttp.flavor=1.0\n"
         "net.sock.peer.addr=::1\nnet.sock.family=inet6\nnet.sock.peer.port=3128\n"},
        {"GET", "http://h/", "/run/x.sock", 2, 0,
         "net.peer.name=h\nhttp.method=GET\nnet.protocol.version=1.1\nhttp.flavor=1.1\n"
         "net.sock.peer.addr=/run/x.sock\nnet.sock.family=unix\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_http(cases[i].method, cases[i].url);
        number(WIRE_HTTP_VERSION, cases[i].version);
        if (cases[i].peer)
            text(WIRE_NETWORK_PEER_ADDRESS, cases[i].peer);
        if (cases[i].peer_port)
            number(WIRE_NETWORK_PEER_PORT, cases[i].peer_port);
        const char *out = added(true, false);
        assert_memory_equal(out, "http.url=", 9);
        assert_string_equal(strchr(out, '\n') + 1, cases[i].expected);
    }
}

/* Dashes were underscores; the values are the same lists. */
static void test_old_names_of_headers(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    text(WIRE_HTTP_REQUEST_HEADER, "X-Request-ID: 4711");
    text(WIRE_HTTP_RESPONSE_HEADER, "Set-Cookie: a=b");
    text(WIRE_HTTP_RESPONSE_HEADER, "Etag: 1");
    given.settings.has_old_http = true;
    struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
    const struct attribute *header = attribute_find(&span->attributes, "http.request.header.x_request_id");
    assert_int_equal(header->type, ATTRIBUTE_STRINGS);
    assert_int_equal(header->value.strings.n_items, 1);
    assert_string_equal(header->value.strings.items[0].bytes, "4711");
    assert_non_null(attribute_find(&span->attributes, "http.request.header.x-request-id"));
    header = attribute_find(&span->attributes, "http.response.header.set_cookie");
    assert_string_equal(header->value.strings.items[0].bytes, "REDACTED");
    assert_non_null(attribute_find(&span->attributes, "http.response.header.etag"));
}

static void test_old_names_of_sql(void **state)
{
    (void)state;
    begin_sql("db.test", "5433", "SELECT * FROM orders WHERE id = 'x'");
    text(WIRE_DB_SEARCH_PATH, "shop");
    text(WIRE_NETWORK_PEER_ADDRESS, "10.0.0.5");
    number(WIRE_NETWORK_PEER_PORT, 5433);
    assert_string_equal(
        added(false, true),
        "db.system=postgresql\ndb.name=trader\ndb.statement=SELECT * FROM orders WHERE id = ?\n"
        "db.operation=SELECT\ndb.sql.table=orders\nnet.peer.name=db.test\nnet.peer.port=5433\n"
        "net.sock.peer.addr=10.0.0.5\nnetwork.transport=tcp\nnetwork.type=ipv4\ndb.user=bot\n");
    begin_sql("/run/postgresql", "5432", "BEGIN");
    text(WIRE_NETWORK_PEER_ADDRESS, "/run/postgresql/.s.PGSQL.5432");
    assert_string_equal(added(false, true),
                        "db.system=postgresql\ndb.name=trader\ndb.statement=BEGIN\ndb.operation=BEGIN\n"
                        "net.sock.peer.addr=/run/postgresql/.s.PGSQL.5432\nnet.sock.family=unix\n"
                        "network.transport=unix\ndb.user=bot\n");
}

/* One table of one statement, else none. */
static void test_old_names_of_tables(void **state)
{
    (void)state;
    static const struct {
        const char *text, *operation, *table;
    } cases[] = {
        {"select 1", "select", NULL},
        {"SELECT a FROM shop.orders o;", "SELECT", "shop.orders"},
        {"SELECT a FROM \"My Table\"", "SELECT", "\"My Table\""},
        {"INSERT INTO t VALUES (1)", "INSERT", "t"},
        {"UPDATE t SET a = 1", "UPDATE", "t"},
        {"DELETE FROM t WHERE a IN (SELECT b FROM u)", "DELETE", NULL},
        {"SELECT a FROM t JOIN u ON t.a = u.a", "SELECT", NULL},
        {"SELECT 1; COMMIT", "SELECT", NULL},
        {"SELECT a FROM (SELECT 1) x", "SELECT", NULL},
        {"WITH x AS (SELECT 1) SELECT a FROM x", NULL, NULL},
        {"SELECT a FROM generate_series(1, 3) a", "SELECT", NULL},
        {"INSERT INTO t(a) VALUES (1)", "INSERT", "t"},
        {"CREATE TABLE t (a int)", "CREATE", NULL},
        {"CALL refresh(1)", "CALL", NULL},
        {"EXECUTE stmt(1)", "EXECUTE", NULL},
        {"LISTEN channel", "LISTEN", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_sql("h", "5432", cases[i].text);
        given.settings.has_old_database = true;
        struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
        const char *operation = conformance_text(&span->attributes, "db.operation"),
                   *table = conformance_text(&span->attributes, "db.sql.table");
        if (strcmp(operation ? operation : "-", cases[i].operation ? cases[i].operation : "-") != 0 ||
            strcmp(table ? table : "-", cases[i].table ? cases[i].table : "-") != 0)
            fail_msg("%s: %s, %s", cases[i].text, operation ? operation : "-", table ? table : "-");
    }
}

static void command(int64_t database)
{
    begin("hiredis", "redis", WIRE_DATABASE);
    text(WIRE_SERVER_ADDRESS, "cache");
    number(WIRE_SERVER_PORT, 6379);
    number(WIRE_DB_DATABASE_INDEX, database);
    text(WIRE_DB_COMMAND_ARGUMENT, "SET");
    text(WIRE_DB_COMMAND_ARGUMENT, "key");
    text(WIRE_DB_COMMAND_ARGUMENT, "secret");
}

static void test_old_names_of_redis(void **state)
{
    (void)state;
    command(3);
    assert_string_equal(added(false, true),
                        "db.system=redis\ndb.redis.database_index=3\ndb.statement=SET key ?\n"
                        "db.operation=SET\nnet.peer.name=cache\n");
    command(0); /* "If other than the default database" */
    assert_string_equal(added(false, true),
                        "db.system=redis\ndb.statement=SET key ?\ndb.operation=SET\nnet.peer.name=cache\n");
}

/* Each word asks for its own family; a program's own spans are as it made them. */
static void test_old_names_of_nothing_else(void **state)
{
    (void)state;
    request("http://h:81/");
    assert_string_equal(added(false, true), "");
    command(3);
    assert_string_equal(added(true, false), "");
    begin("api", "", WIRE_INTERNAL);
    text(WIRE_SPAN_NAME, "own");
    assert_string_equal(added(true, true), "");
    begin("api", "", WIRE_INTERNAL);
    given.raw.kind = RAW_ROOT;
    assert_string_equal(added(true, true), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_names_of_http),
        cmocka_unit_test(test_old_names_of_http_only_where_they_were),
        cmocka_unit_test(test_old_names_of_headers),
        cmocka_unit_test(test_old_names_of_sql),
        cmocka_unit_test(test_old_names_of_tables),
        cmocka_unit_test(test_old_names_of_redis),
        cmocka_unit_test(test_old_names_of_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

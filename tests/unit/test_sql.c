#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/sql.h"

struct vector {
    const char *system; /* NULL: PostgreSQL */
    const char *statement, *text, *summary;
};

static void check(const struct vector *vector, bool is_cut)
{
    size_t n_bytes = strlen(vector->statement);
    char *copy = malloc(n_bytes ? n_bytes : 1), text[1024],
         summary[300]; /* exactly: ASan sees a read behind it */
    assert_non_null(copy);
    memcpy(copy, vector->statement, n_bytes);
    struct sql_statement statement = {copy, n_bytes, is_cut,
                                      vector->system ? sql_dialect_find(vector->system) : NULL};
    struct sql_reading reading = {
        .text = text, .max_text = sizeof text - 1, .summary = summary, .max_summary = sizeof summary - 1};
    sql_read(&statement, &reading);
    text[reading.n_text] = summary[reading.n_summary] = '\0';
    if (vector->text)
        assert_string_equal(text, vector->text);
    assert_string_equal(summary, vector->summary);
    /* each alone makes the same */
    char alone[1024];
    assert_int_equal(sql_redact(&statement, alone, sizeof alone), reading.n_text);
    assert_memory_equal(alone, text, reading.n_text);
    assert_int_equal(sql_summarise(&statement, alone, sizeof alone), reading.n_summary);
    assert_memory_equal(alone, summary, reading.n_summary);
    free(copy);
}

/* OTel semantic conventions, "Generating a summary of the query text" and "Sanitization of db.query.text" */
static const struct vector conventions[] = {
    {NULL, "SELECT *\nFROM   wuser_table\nWHERE  username = 'bob'",
     "SELECT * FROM wuser_table WHERE username = ?", "SELECT wuser_table"},
    {NULL,
     "INSERT INTO shipping_details\n (order_id,\n address)\nSELECT order_id,\n address\nFROM orders\nWHERE "
     "order_id = 12",
     "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders WHERE order_id = "
     "?",
     "INSERT shipping_details SELECT orders"},
    {NULL, "SELECT *\nFROM songs,\n artists\nWHERE songs.artist_id == artists.id", NULL,
     "SELECT songs artists"},
    {NULL,
     "SELECT order_date\nFROM (SELECT *\nFROM orders o\nJOIN customers c\nON o.customer_id = c.customer_id)",
     NULL, "SELECT SELECT orders customers"},
    /* a string names a table in SQLite; in PostgreSQL it is a string, whatever stands before it */
    {"sqlite", "SELECT *\nFROM \"song list\",\n 'artists'", "SELECT * FROM \"song list\", ?",
     "SELECT \"song list\" 'artists'"},
    {NULL, "SELECT * FROM \"song list\", 'artists'", "SELECT * FROM \"song list\", ?",
     "SELECT \"song list\""},
    {NULL, "SELECT * FROM t WHERE a IN (1, 2, 3, 4)", "SELECT * FROM t WHERE a IN (?)", "SELECT t"},
    {NULL, "select id from t where id = $1", "select id from t where id = $1", "select t"},
};

static const struct vector literals[] = {
    {NULL, "SELECT 'a''b', E'c\\'d', $q$e'f$q$, B'01', X'1F', U&'\\0041', N'n'", "SELECT ?, ?, ?, ?, ?, ?, ?",
     "SELECT"},
    {NULL, "SELECT 1, 1.5, .5, 1e10, 0x1F, 1_000", "SELECT ?, ?, ?, ?, ?, ?", "SELECT"},
    {NULL, "SELECT TRUE, false, NULL, INTERVAL '1 day', DATE '2024-01-01', '1'::int",
     "SELECT ?, ?, NULL, INTERVAL ?, DATE ?, ?::int", "SELECT"},
    {NULL, "SELECT -1, a-1, a - 1, (-1), a = -1, ARRAY[-1], a[1]-1, -a",
     "SELECT ?, a-?, a - ?, (?), a = ?, ARRAY[?], a[?]-?, -a", "SELECT"},
    {NULL, "SELECT 1 LIMIT -1", "SELECT ? LIMIT ?", "SELECT"},
    {NULL, "SELECT -", "SELECT -", "SELECT"},
    {NULL, "SELECT - 1", "SELECT - ?", "SELECT"},
    {NULL, "a IN (1,2) AND b IN ( 'x' , 'y' ) AND c in (-1, -2) AND d IN (1)",
     "a IN (?) AND b IN ( ? ) AND c in (?) AND d IN (?)", "a"},
    {NULL, "a IN (1, b, 2, 3) AND c IN (1, 'a'::text)", "a IN (?, b, ?, ?) AND c IN (?::text)", "a"},
    {NULL, "a IN (1,", "a IN (?,", "a"},
    {NULL, "a IN (", "a IN (", "a"},
    {NULL, "a IN (1, -b)", "a IN (?, -b)", "a"},
    {NULL, "SELECT \"a \"\"b\" FROM \"T\" WHERE \"c\"='d'", "SELECT \"a \"\"b\" FROM \"T\" WHERE \"c\"=?",
     "SELECT \"T\""},
    {NULL, "  SELECT\t1 ;  ", "SELECT ? ;", "SELECT"},
    {NULL, "", "", ""},
    {NULL, "'secret", "?", ""},
    {NULL, "SELECT a -- secret\n, b /* secret /* nested */ secret */ FROM t", "SELECT a , b FROM t",
     "SELECT t"},
    {NULL, "SELECT/**/a", "SELECT a", "SELECT"},
    {NULL, "/* secret */ SELECT 1 -- secret", "SELECT ?", "SELECT"},
    {NULL, "SELECT 'not terminated FROM t", "SELECT ?", "SELECT"},
    {NULL, "SELECT $q$ not terminated", "SELECT ?", "SELECT"},
    {NULL, "SELECT \"not terminated FROM t", "SELECT ?", "SELECT"},
    {NULL, "SELECT E'a'\n'b\\' secret' FROM t", "SELECT ? FROM t", "SELECT t"},
    {NULL, "CREATE USER bob PASSWORD 'x'", "CREATE USER bob PASSWORD ?", "CREATE USER"},
    {NULL, "SELECT a@>'{1}', b->>'k', c #>> '{a}', d ? 'x'", "SELECT a@>?, b->>?, c #>> ?, d ? ?", "SELECT"},
    {"mysql", "SELECT \"secret\", 'it\\'s', `name` FROM `t` # secret", "SELECT ?, ?, `name` FROM `t`",
     "SELECT `t`"},
};

static const struct vector summaries[] = {
    /* queries */
    {NULL, "SELECT * FROM public.orders o, \"My Schema\" . \"T\" AS t", NULL,
     "SELECT public.orders \"My Schema\".\"T\""},
    {NULL,
     "SELECT * FROM a LEFT JOIN b ON a.x = b.x, c CROSS JOIN d JOIN e USING (id) WHERE f IN (SELECT g FROM "
     "h)",
     NULL, "SELECT a b c d e SELECT h"},
    {NULL, "SELECT * FROM ((SELECT 1 FROM a) UNION (SELECT 2 FROM b)) q, (c JOIN d ON c.x=d.x, e)", NULL,
     "SELECT SELECT a SELECT b c d e"},
    {NULL, "SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY a, b", NULL, "SELECT t SELECT u"},
    {NULL, "(SELECT a FROM t) UNION (SELECT b FROM u)", NULL, "SELECT t SELECT u"},
    {NULL,
     "SELECT extract(year FROM ts), substring('a' FROM 'b') FROM ev WHERE x IS DISTINCT FROM y FOR UPDATE OF "
     "ev",
     NULL, "SELECT ev"},
    {NULL, "SELECT * FROM ONLY t, LATERAL (SELECT 1 FROM u) v, generate_series(1, 2) g", NULL,
     "SELECT t SELECT u generate_series"},
    {NULL, "SELECT * INTO TEMP n FROM t", NULL, "SELECT n t"},
    {NULL, "SELECT a, b FROM t GROUP BY a, b HAVING c > 1 LIMIT 1, 2", NULL, "SELECT t"},
    {NULL, "SELECT * FROM t WHERE EXISTS (WITH c AS (SELECT 1) SELECT * FROM c)", NULL,
     "SELECT t SELECT SELECT"},
    {NULL, "SELECT * FROM (WITH c AS (SELECT 1 FROM u) SELECT * FROM c) d", NULL, "SELECT SELECT u SELECT"},
    {NULL, "SELECT * FROM policy, type, view", NULL, "SELECT policy type view"},
    {NULL, "SELECT * FROM (VALUES (1, 2), (3, 4)) v (a, b), t", NULL, "SELECT t"},
    {NULL, "VALUES (1)", NULL, "VALUES"},
    {NULL, "TABLE foo", NULL, "TABLE foo"},
    /* common table expressions are no targets */
    {NULL,
     "WITH RECURSIVE r(a, b) AS (SELECT 1 FROM base), d AS MATERIALIZED (DELETE FROM old RETURNING *) INSERT "
     "INTO new "
     "SELECT * FROM d JOIN R USING (a) JOIN other o ON true",
     NULL, "SELECT base DELETE old INSERT new SELECT other"},
    {NULL, "WITH x AS (SELECT 1) UPDATE t SET a = x.a FROM x", NULL, "SELECT UPDATE t"},
    {NULL, "INSERT INTO t WITH x AS (SELECT 1 FROM u) SELECT * FROM x", NULL, "INSERT t SELECT u SELECT"},
    {NULL, "WITH x AS (SELECT 1) SELECT * FROM s.x", NULL, "SELECT SELECT s.x"},
    /* changes */
    {NULL, "INSERT INTO t (a, b) VALUES (1, 'x') ON CONFLICT (a) DO UPDATE SET b = 1 RETURNING a", NULL,
     "INSERT t"},
    {NULL, "UPDATE ONLY a.t x SET b = 1, c = 2 FROM u WHERE b = 3", NULL, "UPDATE a.t u"},
    {NULL, "DELETE FROM a USING b, c WHERE a.x = b.x", NULL, "DELETE a b c"},
    {NULL, "DELETE FROM a JOIN b USING (id)", NULL, "DELETE a b"},
    {NULL,
     "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN INSERT "
     "VALUES (1)",
     NULL, "MERGE t s"},
    {"mysql", "REPLACE INTO t VALUES (1)", NULL, "REPLACE t"},
    {NULL, "TRUNCATE TABLE a, b", NULL, "TRUNCATE TABLE a b"},
    {NULL, "COPY t (a, b) FROM STDIN WITH (FORMAT csv)", NULL, "COPY t"},
    {NULL, "COPY (SELECT * FROM t) TO STDOUT", NULL, "COPY SELECT t"},
    {NULL, "CALL app.proc(1, 'a')", NULL, "CALL app.proc"},
    {NULL, "LOCK TABLE a, b IN SHARE MODE", NULL, "LOCK TABLE a b"},
    {NULL, "VACUUM (FULL, ANALYZE) t; VACUUM FULL u; ANALYZE v (a)", NULL, "VACUUM t VACUUM u ANALYZE v"},
    /* definitions */
    {NULL, "CREATE TABLE IF NOT EXISTS s.t (a int REFERENCES u, b text)", NULL, "CREATE TABLE s.t"},
    {NULL, "CREATE TEMP TABLE t AS SELECT * FROM u", NULL, "CREATE TABLE t SELECT u"},
    {NULL, "CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY t USING btree (a)", NULL, "CREATE INDEX i t"},
    {NULL, "CREATE INDEX ON t (a)", NULL, "CREATE INDEX t"},
    {NULL, "CREATE OR REPLACE VIEW v AS WITH q AS (SELECT 1) SELECT * FROM q, w", NULL,
     "CREATE VIEW v SELECT SELECT w"},
    {NULL, "CREATE MATERIALIZED VIEW v AS SELECT 1; REFRESH MATERIALIZED VIEW CONCURRENTLY v", NULL,
     "CREATE MATERIALIZED VIEW v SELECT REFRESH MATERIALIZED VIEW v"},
    {NULL, "CREATE TRIGGER g AFTER INSERT OR UPDATE ON t EXECUTE FUNCTION f()", NULL, "CREATE TRIGGER g t"},
    {NULL, "CREATE FUNCTION f(a int) RETURNS int AS $$ SELECT 1 FROM t $$ LANGUAGE sql", NULL,
     "CREATE FUNCTION f"},
    {NULL, "CREATE ROLE r; ALTER USER u", NULL, "CREATE ROLE ALTER USER"},
    {NULL, "ALTER TABLE ONLY t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u ON DELETE CASCADE", NULL,
     "ALTER TABLE t"},
    {NULL, "DROP TABLE IF EXISTS a, b.c CASCADE", NULL, "DROP TABLE a b.c"},
    {NULL, "GRANT SELECT, UPDATE ON TABLE t TO bob", NULL, "GRANT t"},
    /* the rest */
    {NULL, "BEGIN; INSERT INTO a VALUES (1); COMMIT", NULL, "BEGIN INSERT a COMMIT"},
    {NULL, "SET search_path TO x; SHOW all; ROLLBACK TO SAVEPOINT s; LISTEN c", NULL,
     "SET SHOW ROLLBACK LISTEN"},
    {NULL, "START TRANSACTION ISOLATION LEVEL SERIALIZABLE", NULL, "START TRANSACTION"},
    {NULL, "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", NULL, "EXPLAIN UPDATE t"},
    {NULL, "EXPLAIN ANALYZE VERBOSE SELECT 1 FROM t", NULL, "EXPLAIN SELECT t"},
    {NULL, "PREPARE p (int) AS UPDATE t SET a = $1; EXECUTE p(5); DEALLOCATE p", NULL,
     "PREPARE UPDATE t EXECUTE DEALLOCATE"},
    {NULL, "DECLARE c CURSOR FOR SELECT 1 FROM t; FETCH 10 FROM c", NULL, "DECLARE SELECT t FETCH"},
    {NULL, "DO $$ DELETE FROM t $$", NULL, "DO"},
    {NULL, "p4ssw0rd SELECT", NULL, "SELECT"},
    {NULL, ";;", NULL, ""},
};

static void test_conventions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conventions / sizeof *conventions; i++)
        check(&conventions[i], false);
}

static void test_literals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++)
        check(&literals[i], false);
}

static void test_summaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof summaries / sizeof *summaries; i++)
        check(&summaries[i], false);
}

/* The shim cut the text: no half literal, no half name in the summary, and a mark. */
static void test_cut(void **state)
{
    (void)state;
    static const struct vector cut[] = {
        {NULL, "SELECT a FROM t WHERE b = 'sec", "SELECT a FROM t WHERE b = ?...", "SELECT t"},
        {NULL, "SELECT a FROM t WHERE b = 12", "SELECT a FROM t WHERE b = ?...", "SELECT t"},
        {NULL, "SELECT a FROM t, ord", "SELECT a FROM t, ord...", "SELECT t"},
        {NULL, "SELECT a FROM s.ord", "SELECT a FROM s.ord...", "SELECT"},
        {NULL, "SELECT a FROM s.", "SELECT a FROM s....", "SELECT"},
        {NULL, "SELECT a FROM \"ord", "SELECT a FROM ?...", "SELECT"},
        {NULL, "SELECT a FROM ord ", "SELECT a FROM ord...", "SELECT ord"},
        {NULL, "SELECT a FROM t /* sec", "SELECT a FROM t...", "SELECT t"},
        {NULL, "SEL", "SEL...", ""},
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        check(&cut[i], true);
}

static void test_small_buffers(void **state)
{
    (void)state;
    static const char text[] = "SELECT a FROM \xc3\xa9\xc3\xa9\xc3\xa9 WHERE b = 'x' AND c IN (1, 2)";
    struct sql_statement statement = {text, sizeof text - 1, false, NULL};
    char whole[128], out[128];
    size_t n_whole = sql_redact(&statement, whole, sizeof whole);
    for (size_t max = 0; max <= sizeof text + 3; max++) {
        memset(out, '#', sizeof out);
        size_t n = sql_redact(&statement, out, max);
        assert_true(n <= max);
        assert_int_equal(out[max], '#');
        size_t n_text = n;
        if (max >= 3 && max < n_whole) {
            assert_memory_equal(out + n - 3, "...", 3);
            n_text -= 3;
        }
        assert_memory_equal(out, whole, n_text);
        if (n_text > 0 && n_text < n_whole) /* not inside a character */
            assert_int_not_equal((uint8_t)whole[n_text] & 0xc0, 0x80);
    }
    assert_int_equal(n_whole, strlen("SELECT a FROM xxxxxx WHERE b = ? AND c IN (?)"));
}

static void test_summary_is_cut_between_words(void **state)
{
    (void)state;
    char text[4096] = "SELECT 1 FROM table_of_30_characters________", out[1024];
    while (strlen(text) < 3000)
        strcat(text, ", table_of_30_characters________");
    struct sql_statement statement = {text, strlen(text), false, NULL};
    assert_int_equal(sql_summarise(&statement, out, sizeof out), 6 + 8 * 31);
    assert_memory_equal(out + 6 + 7 * 31, " table_of_30_characters________", 31);
    assert_int_equal(sql_summarise(&statement, out, 6), 6);
    assert_int_equal(sql_summarise(&statement, out, 5), 0);
    assert_int_equal(sql_summarise(&statement, out, 0), 0);
}

static void test_control_bytes(void **state)
{
    (void)state;
    static const char text[] = "SELECT a\0b FROM \"x\0\ny\" WHERE c='\0'";
    struct sql_statement statement = {text, sizeof text - 1, false, NULL};
    char out[128];
    size_t n = sql_redact(&statement, out, sizeof out - 1);
    out[n] = '\0';
    assert_string_equal(out, "SELECT a b FROM \"x  y\" WHERE c=?");
    n = sql_summarise(&statement, out, sizeof out - 1);
    out[n] = '\0';
    assert_string_equal(out, "SELECT \"x  y\"");
}

static void test_deep_parentheses(void **state)
{
    (void)state;
    char text[2048] = "SELECT ", out[3000];
    for (size_t i = 0; i < 500; i++)
        strcat(text, "(");
    strcat(text, "SELECT 1 FROM deep");
    for (size_t i = 0; i < 500; i++)
        strcat(text, ")");
    strcat(text, " FROM flat))) WHERE a = 1; SELECT 1 FROM next");
    struct sql_statement statement = {text, strlen(text), false, NULL};
    size_t n = sql_summarise(&statement, out, sizeof out - 1);
    out[n] = '\0';
    assert_string_equal(out, "SELECT flat SELECT next");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conventions),   cmocka_unit_test(test_literals),
        cmocka_unit_test(test_summaries),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_small_buffers), cmocka_unit_test(test_summary_is_cut_between_words),
        cmocka_unit_test(test_control_bytes), cmocka_unit_test(test_deep_parentheses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

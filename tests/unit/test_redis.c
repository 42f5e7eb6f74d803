#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signals/spans/redis.h"

#define MAX_ARGS 32

/* Splits at '|'. Each argument is a block of its own size, so that ASan sees a read behind it. */
static uint32_t make_args(const char *text, struct redis_argument *args)
{
    uint32_t n = 0;
    for (;;) {
        size_t n_bytes = strcspn(text, "|");
        char *copy = malloc(n_bytes ? n_bytes : 1);
        assert_non_null(copy);
        memcpy(copy, text, n_bytes);
        assert_true(n < MAX_ARGS);
        args[n++] = (struct redis_argument){copy, (uint32_t)n_bytes, false};
        if (!text[n_bytes])
            return n;
        text += n_bytes + 1;
    }
}

static void free_args(struct redis_argument *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        union {
            const char *in;
            char *out;
        } bytes = {args[i].bytes};
        free(bytes.out);
    }
}

struct vector {
    const char *args; /* between bars */
    const char *text;
};

static const struct vector vectors[] = {
    /* OTel semantic conventions, "Redis" */
    {"HMSET|myhash|field1|Hello|field2|World", "HMSET myhash field1 ? field2 ?"},
    {"GET|key", "GET key"},
    {"get|key", "get key"},
    {"SET|key|secret", "SET key ?"},
    {"set|key|secret|EX|60|nx|GET", "set key ? EX ? nx GET"},
    {"SETEX|key|60|secret", "SETEX key ? ?"},
    {"MSET|a|1|b|2", "MSET a ? b ?"},
    {"MGET|a|b|c", "MGET a b c"},
    {"HSET|k|f|v|g|w", "HSET k f ? g ?"},
    {"HINCRBY|k|f|1", "HINCRBY k f ?"},
    {"HMGET|k|f|g", "HMGET k f g"},
    {"HEXPIRE|k|60|NX|FIELDS|2|f|g", "HEXPIRE k ? NX FIELDS 2 f g"},
    {"LPUSH|k|v|w", "LPUSH k ? ?"},
    {"LINSERT|k|BEFORE|p|v", "LINSERT k BEFORE ? ?"},
    {"BLPOP|a|b|5", "BLPOP a b ?"},
    {"SADD|k|m", "SADD k ?"},
    {"ZADD|k|NX|GT|1.5|member", "ZADD k NX GT ? ?"},
    {"ZRANGE|k|0|-1|BYSCORE|LIMIT|0|10|WITHSCORES", "ZRANGE k ? ? BYSCORE LIMIT ? ? WITHSCORES"},
    {"ZUNIONSTORE|d|2|a|b|WEIGHTS|1|2|AGGREGATE|max", "ZUNIONSTORE d 2 a b WEIGHTS ? ? AGGREGATE max"},
    {"SCAN|0|MATCH|user:*|COUNT|100", "SCAN ? MATCH ? COUNT ?"},
    {"DEL|a|b", "DEL a b"},
    {"EXPIRE|k|60|XX", "EXPIRE k ? XX"},
    {"PUBLISH|channel|secret", "PUBLISH channel ?"},
    {"SELECT|3", "SELECT 3"},
    {"PING", "PING"},
    {"PING|secret", "PING ?"},
    {"MULTI", "MULTI"},
    /* scripts: keys are counted */
    {"EVAL|return redis.call('set', KEYS[1], 'secret')|1|key|secret", "EVAL ? 1 key ?"},
    {"EVALSHA|abc123|2|a|b|c", "EVALSHA abc123 2 a b ?"},
    {"FCALL|fn|0|secret", "FCALL fn 0 ?"},
    {"EVAL|s|3|a|secret", "EVAL ? ? ? ?"},
    {"EVAL|s|x|a", "EVAL ? ? ?"},
    {"EVAL|s|-1|a", "EVAL ? ? ?"},
    {"EVAL|s|99999999|a", "EVAL ? ? ?"},
    {"EVAL|s", "EVAL ?"},
    /* streams */
    {"XADD|s|*|f|v|g|w", "XADD s * f ? g ?"},
    {"XADD|s|NOMKSTREAM|MAXLEN|~|1000|LIMIT|5|1-1|f|v", "XADD s NOMKSTREAM MAXLEN ~ ? LIMIT ? ? f ?"},
    {"XREAD|COUNT|2|BLOCK|0|STREAMS|a|b|0-0|$", "XREAD COUNT ? BLOCK ? STREAMS a b ? ?"},
    {"XREADGROUP|GROUP|g|c|STREAMS|a|>", "XREADGROUP GROUP ? ? STREAMS a ?"},
    {"XREAD|COUNT|2", "XREAD COUNT ?"},
    /* secrets */
    {"AUTH|secret", "AUTH ?"},
    {"auth|user|secret", "auth ? ?"},
    {"HELLO|3|AUTH|user|secret|SETNAME|x", "HELLO ? ? ? ? ? ?"},
    {"ACL|SETUSER|u|>secret", "ACL ? ? ?"},
    {"CONFIG|SET|requirepass|secret", "CONFIG SET ? ?"},
    {"CONFIG|GET|maxmemory", "CONFIG GET ?"},
    {"CLIENT|SETNAME|x", "CLIENT SETNAME ?"},
    {"CLIENT|secret", "CLIENT ?"},
    {"MIGRATE|host|6379|key|0|5000|AUTH|secret", "MIGRATE ? ? ? ? ? ? ?"},
    /* unknown */
    {"FT.SEARCH|idx|secret", "FT.SEARCH ? ?"},
    {"NOSUCH", "NOSUCH"},
    {"SET key secret", "?"},
    {"SET key secret|x", "? ?"},
    {"1SET|x", "? ?"},
    {"", "?"},
    {"GETT|x", "GETT ?"},
    {"GE|x", "GE ?"},
    /* too many arguments are values */
    {"GET|a|secret", "GET a ?"},
    {"SET", "SET"},
    {"MSET|a", "MSET a"},
    /* quoting as in redis-cli */
    {"GET|a b", "GET \"a b\""},
    {"GET|", "GET \"\""},
    {"GET|?", "GET \"?\""},
    {"GET|a?b\\c", "GET a?b\\c"},
    {"GET|a\"b\\\n\r\t\a\b\x01\x7f", "GET \"a\\\"b\\\\\\n\\r\\t\\a\\b\\x01\\x7f\""},
    {"GET|it's", "GET \"it's\""},
    {"GET|caf\xc3\xa9:\xf0\x9f\x98\x80", "GET caf\xc3\xa9:\xf0\x9f\x98\x80"},
    {"GET|caf\xc3\xa9 \xff\xc3", "GET \"caf\xc3\xa9 \\xff\\xc3\""},
    {"GET|\xed\xa0\x80", "GET \"\\xed\\xa0\\x80\""},
};

static void test_redact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct redis_argument args[MAX_ARGS];
        uint32_t n = make_args(vectors[i].args, args);
        char out[256];
        out[redis_redact(args, n, n, out, sizeof out - 1)] = '\0';
        free_args(args, n);
        assert_string_equal(out, vectors[i].text);
    }
}

static void test_rows_are_sorted_and_found(void **state)
{
    (void)state;
    static const struct {
        const char *name, *pattern;
    } rows[] = {
#define COMMAND(name, pattern) {name, pattern},
#include "signals/spans/redis_commands.h"
#undef COMMAND
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (i)
            assert_true(strcmp(rows[i - 1].name, rows[i].name) < 0);
        assert_true(strspn(rows[i].pattern, "kvo#KSXF()") == strlen(rows[i].pattern));
        char text[64], expected[64], out[64];
        snprintf(text, sizeof text, "%s|key|x", rows[i].name);
        snprintf(expected, sizeof expected, "%s key", rows[i].name);
        struct redis_argument args[MAX_ARGS];
        uint32_t n = make_args(text, args);
        out[redis_redact(args, n, n, out, sizeof out - 1)] = '\0';
        bool is_kept = strncmp(out, expected, strlen(expected)) == 0;
        bool keeps_first =
            *rows[i].pattern == 'k' || *rows[i].pattern == 'K' || !strncmp(rows[i].pattern, "(k", 2);
        assert_int_equal(is_kept, keeps_first);
        free_args(args, n);
    }
}

/* Every option is kept, in any case; values beside it are not. */
static void test_options_are_kept(void **state)
{
    (void)state;
    static const char *const words[] = {"EX",      "PX",        "EXAT",       "PXAT",       "NX",    "XX",
                                        "KEEPTTL", "GET",       "LIMIT",      "WITHSCORES", "COUNT", "MATCH",
                                        "TYPE",    "BYSCORE",   "REV",        "STORE",      "ASC",   "DESC",
                                        "ALPHA",   "withcoord", "FromMember", "~",          "="};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char text[64], expected[64], out[64];
        snprintf(text, sizeof text, "SORT|k|%s|v", words[i]);
        snprintf(expected, sizeof expected, "SORT k %s ?", words[i]);
        struct redis_argument args[MAX_ARGS];
        uint32_t n = make_args(text, args);
        out[redis_redact(args, n, n, out, sizeof out - 1)] = '\0';
        assert_string_equal(out, expected);
        free_args(args, n);
    }
}

static void test_cut(void **state)
{
    (void)state;
    char out[64];
    struct redis_argument args[] = {{"GET", 3, false}, {"abc", 3, true}};
    out[redis_redact(args, 2, 2, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "GET abc...");
    args[1] = (struct redis_argument){"a b\xc3", 4, true};
    out[redis_redact(args, 2, 2, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "GET \"a b...\"");
    args[1].cut = false;
    out[redis_redact(args, 1, 3, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "GET ...");
    struct redis_argument lists[] = {{"BLPOP", 5, false}, {"a", 1, false}, {"b", 1, false}};
    out[redis_redact(lists, 3, 9, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "BLPOP a b ...");
    struct redis_argument streams[] = {
        {"XREAD", 5, false}, {"STREAMS", 7, false}, {"a", 1, false}, {"b", 1, false}};
    out[redis_redact(streams, 4, 6, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "XREAD STREAMS a b ...");
    out[redis_redact(streams, 4, 4, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "XREAD STREAMS a ?");
    assert_int_equal(redis_redact(args, 0, 0, out, sizeof out), 0);
    args[0].cut = true; /* half a name may be half of "SET key secret" */
    out[redis_redact(args, 2, 2, out, sizeof out - 1)] = '\0';
    assert_string_equal(out, "? ?");
}

static void test_small_buffers(void **state)
{
    (void)state;
    struct redis_argument args[MAX_ARGS];
    uint32_t n = make_args("MSET|caf\xc3\xa9|1|key two|2|\xff|3", args);
    char whole[128], out[128];
    size_t n_whole = redis_redact(args, n, n, whole, sizeof whole);
    for (size_t max = 0; max < 64; max++) {
        memset(out, '#', sizeof out);
        size_t n_out = redis_redact(args, n, n, out, max);
        assert_true(n_out <= max && n_out <= n_whole);
        assert_int_equal(out[max], '#');
        size_t n_text = max >= 3 && max < n_whole ? n_out - 3 : n_out;
        assert_memory_equal(out, whole, n_text);
    }
    free_args(args, n);
}

static void test_operation(void **state)
{
    (void)state;
    struct redis_argument args[] = {{"hGet", 4, false}}, operation = {0};
    assert_true(redis_operation(args, 1, &operation));
    assert_int_equal(operation.n_bytes, 4);
    assert_memory_equal(operation.bytes, "hGet", 4);
    assert_false(redis_operation(args, 0, &operation));
    args[0] = (struct redis_argument){"GET a", 5, false};
    assert_false(redis_operation(args, 1, &operation));
    args[0] = (struct redis_argument){"GET", 3, true};
    assert_false(redis_operation(args, 1, &operation));
    assert_int_equal(operation.n_bytes, 4);
}

static void test_procedure(void **state)
{
    (void)state;
    struct redis_argument procedure = {NULL, 0, false};
    const struct redis_argument fcall[] = {{"fcall", 5, false}, {"total", 5, false}, {"0", 1, false}};
    const struct redis_argument cut[] = {{"EVALSHA", 7, false}, {"0123", 4, true}};
    const struct redis_argument eval[] = {{"EVAL", 4, false}, {"return 'secret'", 15, false}};
    assert_true(redis_procedure(fcall, 3, &procedure));
    assert_memory_equal(procedure.bytes, "total", 5);
    assert_false(redis_procedure(fcall, 1, &procedure));
    assert_false(redis_procedure(cut, 2, &procedure));
    assert_false(redis_procedure(eval, 2, &procedure));
}

/* ---- formats ---- */

#define B(text)                                                                \
    {                                                                          \
        .type = REDIS_FORMAT_BYTES, .bytes = { text, sizeof(text) - 1, false } \
    }
#define I(value)                                     \
    {                                                \
        .type = REDIS_FORMAT_INT, .integer = (value) \
    }
#define D(value)                                       \
    {                                                  \
        .type = REDIS_FORMAT_DOUBLE, .number = (value) \
    }

static const struct {
    const char *format;
    struct redis_format_argument args[4];
    uint32_t n_args;
    const char *expected; /* between bars; a cut argument ends in ~; nothing: no argument */
    bool is_whole;
} formats[] = {
    {"SET foo bar", {B("")}, 0, "SET|foo|bar", true},
    {"  SET  foo ", {B("")}, 0, "SET|foo", true},
    {"", {B("")}, 0, NULL, true},
    {"   ", {B("")}, 0, NULL, true},
    {"SET %s %s", {B("a b"), B("")}, 2, "SET|a b|", true},
    {"SET key:%s:x %b", {B("a b"), B("c d")}, 2, "SET|key:a b:x|c d", true},
    {"%s%s", {B("a"), B("b")}, 2, "ab", true},
    {"%s%%", {B("a")}, 1, "a%", true},
    {"%%s %", {B("")}, 0, "%s|%", true},
    {"%s", {B("SET key secret")}, 1, "SET key secret", true},
    {"INCRBY k %d", {I(-5)}, 1, "INCRBY|k|-5", true},
    {"k %i %u %x %X %o", {I(-1), I(-1), I(255), I(255)}, 4, "k|-1|4294967295|ff|FF", false},
    {"k %hhd %hd %ld %lld",
     {I(-1), I(40000), I(1l << 40), I(-(1l << 40))},
     4,
     "k|-1|-25536|1099511627776|-1099511627776",
     true},
    {"k %hhu %hu %lu %llu",
     {I(-1), I(-1), I(-1), I(-1)},
     4,
     "k|255|65535|18446744073709551615|18446744073709551615",
     true},
    {"k %08.3d|%+d %-4d.", {I(7), I(7), I(7)}, 3, "k|     007|+7|7   .", true},
    {"k %#x % d", {I(255), I(3)}, 2, "k|0xff| 3", true},
    {"k %f %.2f %g %e", {D(1.5), D(2.345), D(0.5), D(1000)}, 4, "k|1.500000|2.35|0.5|1.000000e+03", true},
    {"k x%dy%sz", {I(1), B("-")}, 2, "k|x1y-z", true},
    /* hiredis prints a conversion of up to 13 characters; of a longer one it leaves what follows the second */
    {"k %00000000001d", {I(5)}, 1, "k|5", true},
    {"k %000000000001d.", {I(5)}, 1, "k|00000000001d.", true},
    /* what ends the walk */
    {"k %p x", {B("")}, 0, "k", false},
    {"k a%zd x", {I(1)}, 1, "k|a~", false},
    {"k %s x", {I(1)}, 1, "k", false},
    {"k %d x", {D(1)}, 1, "k", false},
    {"k %s %s", {B("a")}, 1, "k|a", false},
    {"k %l", {I(1)}, 1, "k", false},
    {"k %hld", {I(1)}, 1, "k", false},
    {"k %5", {I(1)}, 1, "k", false},
    {"k %s%", {B("a")}, 1, "k|a%", true},
};

static void test_formats(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct redis_argument out[8];
        char scratch[256], text[256] = "";
        struct redis_format format = {{formats[i].format, (uint32_t)strlen(formats[i].format), false},
                                      formats[i].args,
                                      formats[i].n_args};
        bool is_whole = !formats[i].is_whole;
        uint32_t n =
            redis_format_split(&format, (struct redis_scratch){scratch, sizeof scratch}, out, 8, &is_whole);
        for (uint32_t j = 0; j < n; j++) {
            if (j)
                strcat(text, "|");
            strncat(text, out[j].bytes, out[j].n_bytes);
            if (out[j].cut)
                strcat(text, "~");
        }
        assert_int_equal(n == 0, formats[i].expected == NULL);
        if (n)
            assert_string_equal(text, formats[i].expected);
        assert_int_equal(is_whole, formats[i].is_whole);
    }
}

static void test_formats_are_bounded(void **state)
{
    (void)state;
    struct redis_argument out[8];
    char scratch[8];
    bool is_whole;
    struct redis_format_argument args[] = {B("0123456789"), B("x")};
    args[0].bytes.cut = true;
    struct redis_format format = {{"SET %s k:%s:%s b", 16, false}, args, 2};
    /* no room in scratch: the argument is cut; one lone argument needs none, and stays cut */
    uint32_t n =
        redis_format_split(&format, (struct redis_scratch){scratch, sizeof scratch}, out, 8, &is_whole);
    assert_int_equal(n, 3);
    assert_false(is_whole);
    assert_true(out[1].bytes == args[0].bytes.bytes && out[1].cut);
    assert_memory_equal(out[2].bytes, "k:x:", 4);
    assert_true(out[2].cut);
    n = redis_format_split(&format, (struct redis_scratch){scratch, 4}, out, 8, &is_whole);
    assert_int_equal(n, 3);
    assert_int_equal(out[2].n_bytes, 1);
    assert_true(out[2].cut);
    n = redis_format_split(&format, (struct redis_scratch){scratch, sizeof scratch}, out, 2, &is_whole);
    assert_int_equal(n, 2);
    assert_false(is_whole);
    n = redis_format_split(&format, (struct redis_scratch){NULL, 0}, out, 0, &is_whole);
    assert_int_equal(n, 0);
    assert_false(is_whole);
    /* a cut format */
    format = (struct redis_format){{"SET key va", 10, true}, args, 0};
    n = redis_format_split(&format, (struct redis_scratch){scratch, sizeof scratch}, out, 8, &is_whole);
    assert_int_equal(n, 3);
    assert_false(is_whole);
    assert_true(out[2].cut);
    /* a width that would fill the machine */
    struct redis_format_argument number[] = {I(1)};
    char large[2048];
    format = (struct redis_format){{"%2000000000d", 12, false}, number, 1};
    n = redis_format_split(&format, (struct redis_scratch){large, sizeof large}, out, 8, &is_whole);
    assert_int_equal(n, 1);
    assert_true(out[0].cut && out[0].n_bytes < 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_rows_are_sorted_and_found),
        cmocka_unit_test(test_options_are_kept),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_operation),
        cmocka_unit_test(test_procedure),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_formats_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* settings: the rules of the OTel spec by the letter, sources in their order, one line per mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings/settings.h"
#include <wire.h>

static char directory[] = "/tmp/otelshim-test-settings-XXXXXX";

/* `pairs`: name, value, …, NULL. A NULL value is a secret that cannot be read. */
static const char *lookup(void *context, const char *name)
{
    const char *const *pairs = context;
    for (; *pairs; pairs += 2)
        if (strcmp(pairs[0], name) == 0)
            return strcmp(pairs[1], "<unreadable>") == 0 ? settings_unreadable : pairs[1];
    return NULL;
}

#define WITH(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static struct settings *create(const char **pairs)
{
    return settings_create(lookup, pairs);
}

static const char *write_file(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void remove_files(void)
{
    static const char *const names[] = {"otelshim/otelshim.conf", "otelshim", ".env", "."};
    char path[128];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        remove(i + 1 < sizeof(names) / sizeof(names[0]) ? path : directory);
    }
}

static void write_user_file(const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/otelshim", directory);
    mkdir(path, 0700);
    write_file("otelshim/otelshim.conf", text);
}

static void test_settings_create_defaults(void **state)
{
    (void)state;
    struct settings *s = create(WITH("OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTEL_BSP_MAX_QUEUE_SIZE", ""));
    assert_string_equal(s->traces.url, "http://localhost:4318/v1/traces");
    assert_int_equal(s->exporters, EXPORT_OTLP);
    assert_int_equal(s->traces.timeout_ms, 10000);
    assert_int_equal(s->span_batches.schedule_delay_ms, 5000);
    assert_int_equal(s->traces.export_timeout_ms, 30000);
    assert_int_equal(s->span_batches.max_queue, 2048);
    assert_int_equal(s->span_batches.max_batch, 512);
    assert_int_equal(s->attribute_count_limit, 128);
    assert_int_equal(s->attribute_value_limit, UINT32_MAX);
    assert_int_equal(s->span_event_count_limit, 128);
    assert_int_equal(s->spool_bytes, 64 << 20);
    assert_false(s->traces.gzip || s->raw || s->service_name || s->traces.certificate || s->traces.n_headers);
    assert_string_equal(s->log_level, "info");
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);
}

static void test_settings_log_level(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint32_t least, n_problems;
    } cases[] = {{"", 1, 0},      {"trace", 1, 0},  {"Info", 9, 0},
                 {"WARN", 13, 0}, {"fatal", 21, 0}, {"loud", 1, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings *s = create(WITH("OTELSHIM_LOG_LEVEL", cases[i].word));
        assert_int_equal(s->least_severity, cases[i].least);
        assert_int_equal(s->n_problems, cases[i].n_problems);
        if (s->n_problems)
            assert_string_equal(
                s->problems[0].text,
                "OTELSHIM_LOG_LEVEL=\"loud\": trace, debug, info, warn, error, fatal; using default trace");
        settings_destroy(s);
    }
}

static void test_settings_endpoint(void **state)
{
    (void)state;
    const char *generic = "OTEL_EXPORTER_OTLP_ENDPOINT", *traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const char *const cases[][3] = {
        {generic, "http://c:4318", "http://c:4318/v1/traces"},
        {generic, "http://c:4318/", "http://c:4318/v1/traces"},
        {generic, "http://c:4318/my", "http://c:4318/my/v1/traces"},
        {generic, "http://c:4318/my/", "http://c:4318/my/v1/traces"},
        {generic, "http://c:4318/my?x=1#f", "http://c:4318/my/v1/traces"},
        {generic, "HTTPS://c", "https://c/v1/traces"},
        {generic, "https://[::1]:4318", "https://[::1]:4318/v1/traces"},
        {generic, "localhost:4318", "http://localhost:4318/v1/traces"},
        {traces, "http://c:4318", "http://c:4318/"},
        {traces, "http://c:4318?k=v", "http://c:4318/?k=v"},
        {traces, "https://c/v1/traces/", "https://c/v1/traces/"},
        {traces, "", "http://localhost:4318/v1/traces"},
        {"OTLP_ENDPOINT", "http://c:4318", "http://c:4318/v1/traces"},
        {"SIGNOZ_ENDPOINT", "http://c:1", "http://c:1/v1/traces"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings *s = create(WITH(cases[i][0], cases[i][1]));
        assert_string_equal(s->traces.url, cases[i][2]);
        assert_int_equal(s->n_problems, 0);
        settings_destroy(s);
    }
    const char *const bad[] = {
        "c",        "http://",      "ftp://c:1",     "http://c:x",        "http://c:65536",
        "http:/c",  "http://a b/",  "grpc://c:4317", "http://[::1",       "http://c:1\r\nX: y",
        "u:p@c:80", "http://[]:80", "localhost",     "http://c\"d/traces"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct settings *s = create(WITH(generic, bad[i]));
        assert_string_equal(s->traces.url, "http://localhost:4318/v1/traces");
        assert_int_equal(s->n_problems, 1);
        assert_null(s->values[SETTING_OTEL_EXPORTER_OTLP_ENDPOINT]);
        settings_destroy(s);
    }
    struct settings *s = create(WITH(generic, "http://g:1", traces, "nonsense"));
    assert_string_equal(s->traces.url, "http://g:1/v1/traces");
    assert_string_equal(s->problems[0].text,
                        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=\"nonsense\": http:// or https:// URL; ignored");
    settings_destroy(s);
    s = create(WITH("OTLP_ENDPOINT", "collector:4317", "OTEL_INSECURE", "false"));
    assert_string_equal(s->traces.url, "https://collector:4317/v1/traces");
    assert_non_null(strstr(s->problems[0].text, "OTLP_ENDPOINT=\"collector:4317\": port 4317 is gRPC's"));
    settings_destroy(s);
    s = create(WITH(generic, "http://user:secret@"));
    assert_null(strstr(s->problems[0].text, "secret"));
    settings_destroy(s);
}

static void expect_headers(const char **pairs, const char *expected, uint32_t n_problems)
{
    struct settings *s = create(pairs);
    char text[500] = "";
    for (uint32_t i = 0; i < s->traces.n_headers; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s: %s\n", s->traces.headers[i].name,
                 s->traces.headers[i].value);
    assert_string_equal(text, expected);
    assert_int_equal(s->n_problems, n_problems);
    for (uint32_t i = 0; i < s->n_problems; i++)
        assert_null(strstr(s->problems[i].text, "SECRET"));
    settings_destroy(s);
}

static void test_settings_headers(void **state)
{
    (void)state;
    const char *generic = "OTEL_EXPORTER_OTLP_HEADERS", *traces = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
    expect_headers(WITH(generic, "a=b=c, d = e%20f "), "a: b=c\nd: e f\n", 0);
    expect_headers(WITH(generic, "Authorization=Basic%20abc=="), "Authorization: Basic abc==\n", 0);
    expect_headers(WITH(generic, "a=1;b=2,,c=%zz%41"), "a: 1;b=2\nc: %zz%41\n", 0);
    expect_headers(WITH(generic, "SECRET,=SECRET,k=1"), "k: 1\n", 1);
    expect_headers(WITH(generic, "a=SECRET%0d%0aX-Evil: 1,k=1"), "k: 1\n", 1);
    expect_headers(WITH(generic, "a=SECRET%00,k=1"), "k: 1\n", 1);
    expect_headers(WITH(generic, "a:b=SECRET,k=1"), "k: 1\n", 1);
    expect_headers(WITH(generic, "A=1,b=2", traces, "a=3,c=4"), "a: 3\nb: 2\nc: 4\n", 0);
    expect_headers(WITH(generic, "a=%E2%82%AC"), "a: \xe2\x82\xac\n", 0);
}

static void expect_attributes(const char *value, const char *expected)
{
    struct settings *s = create(WITH("OTEL_RESOURCE_ATTRIBUTES", value));
    char text[500] = "";
    for (uint32_t i = 0; i < s->n_resource_attributes; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s=%s\n", s->resource_attributes[i][0],
                 s->resource_attributes[i][1]);
    assert_string_equal(text, expected ? expected : "");
    assert_int_equal(s->n_problems, expected ? 0 : 1);
    settings_destroy(s);
}

static void test_settings_resource_attributes(void **state)
{
    (void)state;
    expect_attributes("k=v", "k=v\n");
    expect_attributes("a=1,b = two words ,c=x%2Cy%3D,a=3", "a=3\nb=two words\nc=x,y=\n");
    expect_attributes("a=,b=1", "a=\nb=1\n");
    expect_attributes("k=v,x=%ZZ", NULL);
    expect_attributes("k=v,x=%4", NULL);
    expect_attributes("k=v,novalue", NULL);
    expect_attributes("k=v,=1", NULL);
    expect_attributes("k=v,", NULL);
    expect_attributes("k=a%00b", NULL);
    expect_attributes("a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9", "a=1\nb=2\nc=3\nd=4\ne=5\nf=6\ng=7\nh=8\ni=9\n");
}

/* Each malformed value: the default, and exactly one line. */
static void test_settings_malformed(void **state)
{
    (void)state;
    const char *const cases[][3] = {
        {"OTEL_BSP_SCHEDULE_DELAY", "5s", "OTEL_BSP_SCHEDULE_DELAY=\"5s\": milliseconds; using default 5000"},
        {"OTEL_BSP_SCHEDULE_DELAY", "-1", "OTEL_BSP_SCHEDULE_DELAY=\"-1\": milliseconds; using default 5000"},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "10 ", NULL},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "1e3", NULL},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "0x10", NULL},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "+5", NULL},
        {"OTEL_EXPORTER_OTLP_TIMEOUT", "2147483648", NULL},
        {"OTEL_BSP_MAX_QUEUE_SIZE", "0", NULL},
        {"OTEL_TRACES_EXPORTER", "zipkin",
         "OTEL_TRACES_EXPORTER=\"zipkin\": otlp, console, none; using default otlp"},
        {"OTEL_TRACES_EXPORTER", "otlp,zipkin",
         "OTEL_TRACES_EXPORTER=\"otlp,zipkin\": otlp, console, none; other words ignored"},
        {"OTEL_PROPAGATORS", "jaeger", NULL},
        {"OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup,messaging/dup",
         "OTEL_SEMCONV_STABILITY_OPT_IN=\"http/dup,messaging/dup\": http, http/dup, database, database/dup; "
         "other words ignored"},
        {"OTEL_SEMCONV_STABILITY_OPT_IN", "messaging",
         "OTEL_SEMCONV_STABILITY_OPT_IN=\"messaging\": http, http/dup, database, database/dup; ignored"},
        {"OTEL_TRACES_SAMPLER", "sometimes", NULL},
        {"OTEL_TRACES_SAMPLER_ARG", "abc", "OTEL_TRACES_SAMPLER_ARG=\"abc\": 0 to 1; using default 1.0"},
        {"OTEL_TRACES_SAMPLER_ARG", "1.01", NULL},
        {"OTEL_TRACES_SAMPLER_ARG", "0,5", NULL},
        {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd",
         "OTEL_EXPORTER_OTLP_COMPRESSION=\"zstd\": gzip, none; using default none"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
         "OTEL_EXPORTER_OTLP_PROTOCOL=\"grpc\": http/protobuf (grpc and http/json are not there yet); using "
         "default http/protobuf"},
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", NULL},
        {"OTELSHIM_RAW", "1", "OTELSHIM_RAW=\"1\": true, false; using default false"},
        {"OTEL_SDK_DISABLED", "yes", NULL},
        {"OTELSHIM", "off", "OTELSHIM=\"off\": 0, 1; using default 1"},
        {"OTELSHIM_SPOOL_SIZE", "64G", NULL},
        {"OTELSHIM_BUFFER_SIZE", "64k", NULL}, /* the shim takes K and M only, too */
        {"OTELSHIM_BUFFER_SIZE", "1K", NULL},
        {"OTELSHIM_DIR", "relative", "OTELSHIM_DIR=\"relative\": absolute path; ignored"},
        {"OTELSHIM_EXPORTER", "otelshim", NULL},
        {"OTELSHIM_ENV_FILE", "/nonexistent/.env",
         "OTELSHIM_ENV_FILE=/nonexistent/.env: cannot be read: No such file or directory; ignored"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings *s = create(WITH(cases[i][0], cases[i][1]));
        if (s->n_problems != 1)
            fail_msg("%s=%s: %u problems", cases[i][0], cases[i][1], s->n_problems);
        if (cases[i][2])
            assert_string_equal(s->problems[0].text, cases[i][2]);
        assert_int_equal(s->traces.timeout_ms, 10000);
        assert_int_equal(s->exporters, EXPORT_OTLP);
        assert_int_equal(s->span_batches.max_queue, 2048);
        assert_false(s->raw);
        settings_destroy(s);
    }
}

static void test_settings_valid(void **state)
{
    (void)state;
    struct settings *s = create(
        WITH("OTEL_EXPORTER_OTLP_TIMEOUT", "1000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0",
             "OTEL_EXPORTER_OTLP_COMPRESSION", "GZip", "OTEL_TRACES_EXPORTER", "Console, OTLP",
             "OTELSHIM_RAW", "TRUE", "OTELSHIM_SPOOL_SIZE", "2M", "OTELSHIM_BUFFER_SIZE", "64K",
             "OTEL_TRACES_SAMPLER_ARG", "0.25", "OTELSHIM_EXPORTER", "none", "OTEL_EXPORTER_OTLP_CERTIFICATE",
             "/ca.pem", "OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0",
             "SERVICE_NAME", "bot", "OTEL_BSP_SCHEDULE_DELAY", "0"));
    assert_int_equal(s->n_problems, 0);
    assert_int_equal(s->traces.timeout_ms, 0);
    assert_true(s->traces.gzip && s->raw);
    assert_int_equal(s->exporters, EXPORT_OTLP | EXPORT_CONSOLE);
    assert_int_equal(s->spool_bytes, 2 << 20);
    assert_string_equal(s->traces.certificate, "/ca.pem");
    assert_int_equal(s->attribute_count_limit, 7);
    assert_int_equal(s->attribute_value_limit, 0);
    assert_int_equal(s->span_batches.schedule_delay_ms, 0);
    assert_string_equal(s->service_name, "bot");
    assert_string_equal(s->names[SETTING_OTEL_SERVICE_NAME], "SERVICE_NAME");
    settings_destroy(s);
    s = create(WITH("OTEL_TRACES_EXPORTER", "none"));
    assert_int_equal(s->exporters, 0);
    settings_destroy(s);
    s = create(WITH("OTEL_SDK_DISABLED", "True"));
    assert_int_equal(s->exporters, 0);
    settings_destroy(s);
    s = create(WITH("TELEMETRY_ENABLED", "false"));
    assert_int_equal(s->exporters, 0);
    settings_destroy(s);
    s = create(WITH("OTEL_ENABLED", "true", "SIGNOZ_ENABLED", "1"));
    assert_int_equal(s->exporters, EXPORT_OTLP);
    settings_destroy(s);
}

static void test_settings_batch_pair(void **state)
{
    (void)state;
    struct settings *s = create(WITH("OTEL_BSP_MAX_QUEUE_SIZE", "100"));
    assert_int_equal(s->span_batches.max_batch, 100);
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);
    s = create(WITH("OTEL_BSP_MAX_QUEUE_SIZE", "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "200"));
    assert_int_equal(s->span_batches.max_batch, 100);
    assert_string_equal(
        s->problems[0].text,
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=\"200\": 1 to OTEL_BSP_MAX_QUEUE_SIZE (100); using 100");
    settings_destroy(s);
}

static void test_settings_of_log_records(void **state)
{
    (void)state;
    struct settings *s = create(WITH("OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "OTEL_BSP_SCHEDULE_DELAY", "70"));
    assert_int_equal(s->log_batches.schedule_delay_ms, 1000);
    assert_int_equal(s->log_batches.max_queue, 2048);
    assert_int_equal(s->log_batches.max_batch, 512);
    assert_int_equal(s->log_attribute_count_limit, 7);
    assert_int_equal(s->log_attribute_value_limit, UINT32_MAX);
    settings_destroy(s);
    s = create(WITH("OTEL_BLRP_SCHEDULE_DELAY", "30", "OTEL_BLRP_MAX_QUEUE_SIZE", "10",
                    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "20", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "0",
                    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5"));
    assert_int_equal(s->log_batches.schedule_delay_ms, 30);
    assert_int_equal(s->log_batches.max_queue, 10);
    assert_int_equal(s->log_batches.max_batch, 10);
    assert_string_equal(
        s->problems[0].text,
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=\"20\": 1 to OTEL_BLRP_MAX_QUEUE_SIZE (10); using 10");
    assert_int_equal(s->log_attribute_count_limit, 0);
    assert_int_equal(s->log_attribute_value_limit, 5);
    assert_int_equal(s->span_batches.max_batch, 512);
    assert_int_equal(s->attribute_count_limit, 128);
    settings_destroy(s);
}

static void test_settings_files(void **state)
{
    (void)state;
    write_user_file(
        "# comment\n; comment\n[ignored]\nOTEL_SERVICE_NAME = from file\n"
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://file:1\nOTEL_EXPORTER_OTLP_HEADERS = \"a=b # c\"\r\n"
        "OTEL_BSP_SCHEDULE_DELAY = 70 # comment\nOTELSHIM_TRACE_GAP=5\nOTEL_SERVCE_NAME = x\nnonsense\n");
    char env_file[128];
    snprintf(env_file, sizeof(env_file), "%s",
             write_file(".env",
                        "export OTEL_EXPORTER_OTLP_ENDPOINT='http://env-file:1'\nAPP_SECRET=\"x\\\"y\"\n"
                        "OTELSHIM_SPOL_SIZE=1\nENVIRONMENT=production\n"));
    struct settings *s = create(WITH("OTELSHIM_ENV_FILE", env_file, "OTEL_BSP_EXPORT_TIMEOUT", "5"));
    assert_string_equal(s->service_name, "from file");
    assert_int_equal(s->origins[SETTING_OTEL_SERVICE_NAME], ORIGIN_USER_FILE);
    assert_string_equal(s->traces.url, "http://env-file:1/v1/traces");
    assert_int_equal(s->origins[SETTING_OTEL_EXPORTER_OTLP_ENDPOINT], ORIGIN_ENV_FILE);
    assert_int_equal(s->origins[SETTING_OTEL_BSP_EXPORT_TIMEOUT], ORIGIN_ENVIRONMENT);
    assert_string_equal(s->traces.headers[0].value, "b # c");
    assert_int_equal(s->span_batches.schedule_delay_ms, 70);
    assert_int_equal(s->n_resource_attributes, 2);
    assert_null(s->values[SETTING_OTELSHIM_TRACE_GAP]);
    assert_int_equal(s->n_problems, 4);
    assert_non_null(strstr(s->problems[0].text, "otelshim.conf:10: NAME = value is allowed"));
    assert_non_null(
        strstr(s->problems[1].text, "unknown setting OTEL_SERVCE_NAME: did you mean OTEL_SERVICE_NAME?"));
    assert_non_null(strstr(s->problems[2].text,
                           ".env: unknown setting OTELSHIM_SPOL_SIZE: did you mean OTELSHIM_SPOOL_SIZE?"));
    assert_non_null(strstr(s->problems[3].text, "OTELSHIM_TRACE_GAP in "));
    settings_destroy(s);

    /* a standard name in the environment wins over all; an alias in the environment over a file */
    s = create(WITH("OTELSHIM_ENV_FILE", env_file, "SERVICE_NAME", "alias"));
    assert_string_equal(s->service_name, "alias");
    settings_destroy(s);

    /* as a service, for somebody else's process: not this user's file, not a file that is not his */
    s = settings_create_for(lookup, WITH("OTELSHIM_ENV_FILE", env_file), geteuid() + 1);
    assert_null(s->service_name);
    assert_string_equal(s->traces.url, "http://localhost:4318/v1/traces");
    assert_non_null(strstr(s->problems[0].text, "it must belong to the program's user"));
    settings_destroy(s);

    /* a command's own settings hand on what the program reads */
    s = settings_create_own();
    assert_string_equal(s->values[SETTING_OTELSHIM_TRACE_GAP], "5");
    settings_destroy(s);
    write_user_file("");
}

/* A bearer token is longer than the 200 bytes that Debian's libinih keeps of a line. */
static void test_settings_long_value(void **state)
{
    (void)state;
    char text[3000] = "OTEL_EXPORTER_OTLP_HEADERS = Authorization=";
    size_t n = strlen(text);
    memset(text + n, 'x', 2000);
    write_user_file(text);
    struct settings *s = create(WITH("OTEL_EXPORTER_OTLP_HEADERS", "<unreadable>"));
    assert_int_equal(strlen(s->traces.headers[0].value), 2000);
    assert_false(s->is_secret_missing[SETTING_OTEL_EXPORTER_OTLP_HEADERS]);
    settings_destroy(s);
    write_user_file("");
    s = create(WITH("OTEL_EXPORTER_OTLP_HEADERS", "<unreadable>"));
    assert_true(s->is_secret_missing[SETTING_OTEL_EXPORTER_OTLP_HEADERS]);
    settings_destroy(s);
}

static void test_settings_check(void **state)
{
    (void)state;
    struct problem problem;
    assert_int_equal(settings_check("OTEL_SERVICE_NAME", "x", &problem), 0);
    assert_int_equal(settings_check("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c", &problem), 0);
    assert_true(settings_check("OTEL_EXPORTER_OTLP_ENDPOINT", "c", &problem) < 0);
    assert_string_equal(
        problem.text,
        "OTEL_EXPORTER_OTLP_ENDPOINT=\"c\": http:// or https:// URL; using default http://localhost:4318");
    assert_true(settings_check("OTEL_SERVICE_NAMES", "x", &problem) < 0);
    assert_string_equal(problem.text,
                        "command line: unknown setting OTEL_SERVICE_NAMES: did you mean OTEL_SERVICE_NAME?");
    assert_true(settings_is_secret(SETTING_OTEL_EXPORTER_OTLP_HEADERS));
    assert_false(settings_is_secret(SETTING_OTEL_SERVICE_NAME));
}

static void test_settings_nearest(void **state)
{
    (void)state;
    const char *const words[] = {"run", "export", "status", "version", "help", NULL};
    assert_string_equal(settings_nearest("statsu", words), "status");
    assert_string_equal(settings_nearest("exprt", words), "export");
    assert_string_equal(settings_nearest("rn", words), "run");
    assert_string_equal(settings_nearest("VERSION", words), "version");
    assert_null(settings_nearest("frobnicate", words));
    assert_null(settings_nearest("", words));
}

static uint32_t live_of(const char *file, const char **pairs)
{
    write_user_file(file);
    struct settings *s = create(pairs);
    uint32_t live = s->live;
    settings_destroy(s);
    write_user_file("");
    return live;
}

#define SAMPLER (WIRE_LIVE_VALID | WIRE_LIVE_SAMPLER)

static void test_settings_live(void **state)
{
    (void)state;
    assert_int_equal(live_of("", WITH()), 0);
    assert_int_equal(live_of("OTELSHIM=1\nOTEL_TRACES_SAMPLER_ARG=0.5\n", WITH()), 0);
    assert_int_equal(live_of("OTELSHIM=0\n", WITH()), WIRE_LIVE_VALID | WIRE_LIVE_OFF);
    assert_int_equal(live_of("OTELSHIM=0\n", WITH("OTELSHIM", "1")), 0);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=always_on\n", WITH()), SAMPLER);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=always_off\n", WITH()), SAMPLER | WIRE_LIVE_NEVER);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=parentbased_always_off\n", WITH()),
                     SAMPLER | WIRE_LIVE_NEVER | WIRE_LIVE_PARENT);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=traceidratio\nOTEL_TRACES_SAMPLER_ARG=0.25\n", WITH()),
                     SAMPLER | 0xc00000);
    assert_int_equal(
        live_of("OTEL_TRACES_SAMPLER=ParentBased_TraceIdRatio\nOTEL_TRACES_SAMPLER_ARG=0.1\n", WITH()),
        SAMPLER | WIRE_LIVE_PARENT | 0xe66600);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=traceidratio\nOTEL_TRACES_SAMPLER_ARG=0\n", WITH()),
                     SAMPLER | WIRE_LIVE_NEVER);
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=traceidratio\nOTEL_TRACES_SAMPLER_ARG=1e-9\n", WITH()),
                     SAMPLER | 0xffffff);
    /* what the program itself said is not changed */
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=always_off\n", WITH("OTEL_TRACES_SAMPLER", "always_on")),
                     0);
    /* but what `otelshim run` took from the file is, also when it is gone */
    assert_int_equal(live_of("OTEL_TRACES_SAMPLER=always_on\n",
                             WITH("OTEL_TRACES_SAMPLER", "always_off", "OTELSHIM_FROM_FILES",
                                  "OTELSHIM_KEEP,OTEL_TRACES_SAMPLER", "OTELSHIM_KEEP", "error")),
                     SAMPLER | WIRE_LIVE_NO_KEEP);
    assert_int_equal(
        live_of("", WITH("OTEL_TRACES_SAMPLER", "always_off", "OTELSHIM_FROM_FILES", "OTEL_TRACES_SAMPLER")),
        SAMPLER | WIRE_LIVE_PARENT);
    assert_int_equal(live_of("OTELSHIM_KEEP=error\n", WITH()), WIRE_LIVE_VALID | WIRE_LIVE_KEEP);
}

static void test_settings_keep(void **state)
{
    (void)state;
    struct settings *s = create(WITH());
    assert_false(settings_keep(s));
    settings_destroy(s);
    s = create(WITH("OTELSHIM_KEEP", "error"));
    assert_true(s->keep_errors && s->keep_slow_ns == UINT64_MAX && settings_keep(s));
    settings_destroy(s);
    s = create(WITH("OTELSHIM_KEEP", " Slow > 500ms , later"));
    assert_false(s->keep_errors);
    assert_int_equal(s->keep_slow_ns, 500000000);
    assert_int_equal(s->n_problems, 1);
    assert_non_null(strstr(s->problems[0].text, "\"later\": allowed are error, slow>DURATION"));
    settings_destroy(s);
    static const struct {
        const char *text;
        uint64_t ns;
    } durations[] = {
        {"slow>2s", 2000000000},    {"slow>250us", 250000},      {"slow>5", UINT64_MAX},
        {"slow>", UINT64_MAX},      {"slow>-1ms", UINT64_MAX},   {"slow>1.5s", UINT64_MAX},
        {"slow=500ms", UINT64_MAX}, {"slow>500msx", UINT64_MAX}, {"slow>99999999999s", UINT64_MAX}};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        s = create(WITH("OTELSHIM_KEEP", durations[i].text));
        assert_int_equal(s->keep_slow_ns, durations[i].ns);
        assert_int_equal(s->n_problems, durations[i].ns == UINT64_MAX);
        settings_destroy(s);
    }
}

static void test_settings_rules(void **state)
{
    (void)state;
    struct settings *s = create(WITH("OTELSHIM_EXCLUDE", "host = *.internal ,URL=*/a=b*,, statement=SELECT ?",
                                     "OTELSHIM_INCLUDE", "path=/x,url=,host"));
    assert_int_equal(s->exclude.n, 3);
    assert_int_equal(s->exclude.items[0].subject, RULE_HOST);
    assert_string_equal(s->exclude.items[0].glob, "*.internal");
    assert_int_equal(s->exclude.items[1].subject, RULE_URL);
    assert_string_equal(s->exclude.items[1].glob, "*/a=b*");
    assert_string_equal(s->exclude.items[2].glob, "SELECT ?");
    assert_int_equal(s->include.n, 0);
    assert_true(s->has_bad_rule);
    assert_int_equal(s->n_problems, 3);
    settings_destroy(s);
}

static void test_settings_limits_resolve(void **state)
{
    (void)state;
    struct settings *s =
        create(WITH("OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "9"));
    assert_int_equal(s->attribute_count_limit, 7);
    assert_int_equal(s->attribute_value_limit, 9);
    assert_int_equal(s->event_attribute_count_limit, 7);
    assert_int_equal(s->span_event_count_limit, 128);
    settings_destroy(s);
    s = create(WITH("OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3",
                    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0",
                    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"));
    assert_int_equal(s->attribute_count_limit, 3);
    assert_int_equal(s->event_attribute_count_limit, 0);
    assert_int_equal(s->attribute_value_limit, 0);
    assert_int_equal(s->n_problems, 1);
    settings_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_create_defaults),
        cmocka_unit_test(test_settings_endpoint),
        cmocka_unit_test(test_settings_log_level),
        cmocka_unit_test(test_settings_live),
        cmocka_unit_test(test_settings_keep),
        cmocka_unit_test(test_settings_rules),
        cmocka_unit_test(test_settings_limits_resolve),
        cmocka_unit_test(test_settings_headers),
        cmocka_unit_test(test_settings_resource_attributes),
        cmocka_unit_test(test_settings_malformed),
        cmocka_unit_test(test_settings_valid),
        cmocka_unit_test(test_settings_batch_pair),
        cmocka_unit_test(test_settings_of_log_records),
        cmocka_unit_test(test_settings_files),
        cmocka_unit_test(test_settings_long_value),
        cmocka_unit_test(test_settings_check),
        cmocka_unit_test(test_settings_nearest),
    };
    if (!mkdtemp(directory) || setenv("XDG_CONFIG_HOME", directory, 1))
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_files();
    return n_failed;
}

/* encode_logs: what is encoded decodes, by the schema of proto/logs.proto, to the same record, and packs to as many bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "logs_service.pb-c.h"
#include "outputs/otlp/encode_logs.h"
#include <errno.h>
#include <string.h>

static Otlp__ExportLogsServiceRequest *encode(const struct log_record *record)
{
    struct body body = {0};
    assert_int_equal(encode_logs(&record, 1, 1u << 20, &body), 0);
    Otlp__ExportLogsServiceRequest *request =
        otlp__export_logs_service_request__unpack(NULL, body.n_bytes, body.bytes);
    assert_non_null(request);
    assert_int_equal(otlp__export_logs_service_request__get_packed_size(request), body.n_bytes);
    body_fini(&body);
    return request;
}

static void test_record(void **state)
{
    (void)state;
    struct resource resource = {.schema_url = "https://example.org/1"};
    struct log_record record = {
        .time_unix_ns = 10,
        .observed_unix_ns = 20,
        .severity = SEVERITY_FATAL,
        .severity_text = "FATAL",
        .event_name = "app.crash",
        .body = {"it died", 7},
        .has_trace = true,
        .has_span = true,
        .trace_id = {1, [15] = 2},
        .span_id = {3, [7] = 4},
        .flags = 0x101,
        .scope = "otelshim.crash",
        .resource = &resource,
    };
    attribute_set_string(&resource.attributes, &resource.arena, "service.name", "trader");
    attribute_set_string(&record.attributes, &resource.arena, "exception.type", "SIGSEGV");
    attribute_set_int(&record.attributes, &resource.arena, "thread.id", 7);
    Otlp__ExportLogsServiceRequest *request = encode(&record);
    assert_int_equal(request->n_resource_logs, 1);
    const Otlp__ResourceLogs *of_resource = request->resource_logs[0];
    assert_string_equal(of_resource->schema_url, "https://example.org/1");
    assert_string_equal(of_resource->resource->attributes[0]->value->string_value, "trader");
    assert_int_equal(of_resource->n_scope_logs, 1);
    assert_string_equal(of_resource->scope_logs[0]->scope->name, "otelshim.crash");
    assert_int_equal(of_resource->scope_logs[0]->n_log_records, 1);
    const Otlp__LogRecord *got = of_resource->scope_logs[0]->log_records[0];
    assert_int_equal(got->time_unix_nano, 10);
    assert_int_equal(got->observed_time_unix_nano, 20);
    assert_int_equal(got->severity_number, 21);
    assert_string_equal(got->severity_text, "FATAL");
    assert_string_equal(got->event_name, "app.crash");
    assert_string_equal(got->body->string_value, "it died");
    assert_int_equal(got->n_attributes, 2);
    assert_string_equal(got->attributes[0]->key, "exception.type");
    assert_int_equal(got->attributes[1]->value->int_value, 7);
    assert_int_equal(got->trace_id.len, 16);
    assert_memory_equal(got->trace_id.data, record.trace_id, 16);
    assert_memory_equal(got->span_id.data, record.span_id, 8);
    assert_int_equal(got->flags, 1); /* the other bits must be 0 */
    otlp__export_logs_service_request__free_unpacked(request, NULL);
    arena_fini(&resource.arena);
}

static void test_nothing_known(void **state)
{
    (void)state;
    struct log_record record = {.severity = SEVERITY_FATAL, .observed_unix_ns = 1, .body = {"", 0}};
    Otlp__ExportLogsServiceRequest *request = encode(&record);
    const Otlp__LogRecord *got = request->resource_logs[0]->scope_logs[0]->log_records[0];
    assert_int_equal(got->trace_id.len, 0);
    assert_int_equal(got->span_id.len, 0);
    assert_int_equal(got->body->value_case, OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    otlp__export_logs_service_request__free_unpacked(request, NULL);
}

/* Records of three resources and two scopes, mixed: each group once, in the order of its first record. */
static void test_groups(void **state)
{
    enum { N = 12 };
    (void)state;
    struct resource resources[3] = {0};
    struct log_record records[N] = {0};
    const struct log_record *pointers[N];
    char other[] = "b"; /* the same text elsewhere */
    for (uint32_t i = 0; i < N; i++) {
        records[i] = (struct log_record){.observed_unix_ns = i + 1,
                                         .resource = &resources[i % 3],
                                         .scope = i % 2    ? "a"
                                                  : i == 4 ? other
                                                           : "b"};
        pointers[i] = &records[i];
    }
    struct body body = {0};
    assert_int_equal(encode_logs(pointers, N, 1u << 20, &body), 0);
    Otlp__ExportLogsServiceRequest *request =
        otlp__export_logs_service_request__unpack(NULL, body.n_bytes, body.bytes);
    assert_non_null(request);
    assert_int_equal(request->n_resource_logs, 3);
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(request->resource_logs[r]->n_scope_logs, 2);
        assert_string_equal(request->resource_logs[r]->scope_logs[0]->scope->name, r == 1 ? "a" : "b");
        for (size_t s = 0; s < 2; s++) {
            const Otlp__ScopeLogs *scope = request->resource_logs[r]->scope_logs[s];
            assert_int_equal(scope->n_log_records, 2);
            uint64_t first = scope->log_records[0]->observed_time_unix_nano;
            assert_int_equal((first - 1) % 3, r);
            assert_int_equal(first, s ? r + 4 : r + 1);
            assert_int_equal(scope->log_records[1]->observed_time_unix_nano, first + 6);
            assert_null(scope->log_records[0]->body);
            assert_int_equal(scope->log_records[0]->severity_number, 0);
        }
    }
    otlp__export_logs_service_request__free_unpacked(request, NULL);
    body_fini(&body);
}

static void test_too_large(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    struct log_record record = {.severity = SEVERITY_FATAL, .body = {text, sizeof(text) - 1}};
    struct body body = {0};
    const struct log_record *records = &record;
    assert_int_equal(encode_logs(&records, 1, 4096, &body), -EMSGSIZE);
    body_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* report: a case made by hand → report, its JSON and text, its log record and span event; secrets in none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signals/crash/redact.h"
#include "signals/crash/report.h"
#include "temporary.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *text, *redacted;
} messages[] = {
    {"nothing to hide", "nothing to hide"},
    {"password=hunter2 user=joe", "password=REDACTED user=joe"},
    {"host=db password='it\\'s' port=1", "host=db password=REDACTED port=1"},
    {"PGPASSWORD = hunter2, x", "PGPASSWORD = REDACTED, x"},
    {"{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": REDACTED, \"n\": 1}"},
    {"Authorization: Bearer abc.def ghi", "Authorization: REDACTED"},
    {"got Bearer abcdefghijkl from", "got Bearer REDACTED from"},
    {"bad --token abc --n 3", "bad --token REDACTED --n 3"},
    {"at https://u:p@api.example.com/v1?sig=x&n=1 failed",
     "at https://REDACTED:REDACTED@api.example.com/v1?sig=REDACTED&n=1 failed"},
    {"(postgresql://joe:pw@db/shop)", "(postgresql://REDACTED:REDACTED@db/shop)"},
    {"https://a/x?token=abc", "https://a/x?token=REDACTED"},
    {"key AKIAIOSFODNN7EXAMPLE1 used", "key REDACTED used"},
    {"ghp_0123456789abcdefABCDEF0123456789abcd", "REDACTED"},
    {"bot 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "bot REDACTED"},
    {"secret a8Kd93jFm2Lq0Zx7Wc5Vb1Nt4Rp6", "secret REDACTED"},
    {"-----BEGIN RSA PRIVATE KEY-----\nMIIE", "REDACTED"},
    /* these are none */
    {"f.c:12: f: Assertion `token == NULL' failed.", "f.c:12: f: Assertion `token == NULL' failed."},
    {"f.c:12: check_token: Assertion `n' failed.", "f.c:12: check_token: Assertion `n' failed."},
    {"std::token::next failed", "std::token::next failed"},
    {"_ZN5rusty5order5place17h0123456789abcdefE", "_ZN5rusty5order5place17h0123456789abcdefE"},
    {"/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30"},
    {"MyVeryLongFunctionNameV2x64 failed", "MyVeryLongFunctionNameV2x64 failed"},
    {"6f9619ff-8b86-4d01-b42d-00c04fc964ff", "6f9619ff-8b86-4d01-b42d-00c04fc964ff"},
    {"a\nb\x01 \xff", "a b  \xef\xbf\xbd"},
    {"", ""},
};

static void test_messages(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        assert_string_equal(redact_message(&arena, messages[i].text), messages[i].redacted);
    assert_null(redact_message(&arena, NULL));
    arena_fini(&arena);
}

static void test_arguments(void **state)
{
    (void)state;
    struct arena arena = {0};
    static const char *const given[] = {"/usr/bin/curl", "-u",   "joe:pw",
                                        "--password",    "x",    "--api-key=y",
                                        "TOKEN=z",       "-H",   "Authorization: Basic abc",
                                        "--port",        "8080", "--dry-run",
                                        "-pSECRET"};
    static const char *const wanted[] = {"/usr/bin/curl",  "-u",       "joe:REDACTED",
                                         "--password",     "REDACTED", "--api-key=REDACTED",
                                         "TOKEN=REDACTED", "-H",       "Authorization: REDACTED",
                                         "--port",         "8080",     "--dry-run",
                                         "-pSECRET"};
    const uint32_t n = sizeof(given) / sizeof(given[0]);
    const char **redacted = redact_arguments(&arena, given, n);
    for (uint32_t i = 0; i < n; i++)
        assert_string_equal(redacted[i], wanted[i]);
    static const char *const mysql[] = {"mysql", "-pSECRET"}, *const sshpass[] = {"sshpass", "-p", "x"};
    assert_string_equal(redact_arguments(&arena, mysql, 2)[1], "-pREDACTED");
    assert_string_equal(redact_arguments(&arena, sshpass, 3)[2], "REDACTED");
    arena_fini(&arena);
}

/* ---- a report ---- */

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define SECRET "sk_live_51HzTopSecretMarker"

static const char maps[] = "55d000000000-55d000002000 r-xp 00000000 08:01 1 /usr/bin/trader\n"
                           "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\n";

static struct crash_thread threads[1];
static struct crash_span spans[2];
static uint8_t stack[64];
static struct crash_memory memory = {0x7ffc00001000, stack, sizeof(stack)};
static const char *const arguments[] = {"trader", "--password", SECRET, "--url=https://u:" SECRET "@x/"};

static struct crash_case make_case(void)
{
    struct crash_case crash = {
        .kind = CRASH_SIGNAL,
        .id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff",
        .time_unix_ns = 1767225600123456789,
        .uptime_ns = 12500000000,
        .pid = 100,
        .tid = 101,
        .uid = 1000,
        .machine = EM_X86_64,
        .exe = "/usr/bin/trader",
        .service = "trader",
        .host = "box",
        .arguments = arguments,
        .n_arguments = 4,
        .signal = SIGSEGV,
        .code = SEGV_MAPERR,
        .address = 0x18,
        .maps = maps,
        .threads = threads,
        .n_threads = 1,
        .open_spans = spans,
        .n_open_spans = 2,
        .trace_id = TRACE,
        .span_id = SPAN,
        .ended_by = "signal",
        .ended_status = SIGSEGV,
        .abort_message = "token=" SECRET,
    };
    threads[0] = (struct crash_thread){
        .tid = 101, .name = "worker\xff", .is_crashed = true, .memory = &memory, .n_memory = 1};
    threads[0].registers[WIRE_X86_64_IP] = 0x55d000001100;
    threads[0].registers[WIRE_X86_64_TRAP] = 14;
    threads[0].registers[WIRE_X86_64_ERROR] = 6;
    threads[0].registers[7] = 0x7ffc00001000;
    memcpy(stack, SECRET, sizeof(SECRET));
    spans[0] = (struct crash_span){"trade", "internal",          TRACE, "1111111111111111",
                                   101,     1767225600000000000, 0,     "unset"};
    spans[1] = (struct crash_span){
        "POST api.upbit.com/v1/orders", "client", TRACE, SPAN, 101, 1767225600100000000, 0, "unset"};
    return crash;
}

static void assert_no_secret(const char *text)
{
    assert_null(strstr(text, "TopSecret"));
}

static char *print(const struct crash_report *report)
{
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    crash_report_print(out, report, false, true);
    fclose(out);
    return text;
}

static void test_text_of_endings(void **state)
{
    static const struct {
        enum crash_kind kind;
        int status;
        const char *by, *line;
    } ends[] = {{CRASH_SIGNAL, SIGSEGV, "signal", "ended     by signal 11\n"},
                {CRASH_KILLED, SIGKILL, "killed", "ended     by signal 9\n"},
                {CRASH_OOM, SIGKILL, "oom", "ended     killed by the kernel for want of memory\n"},
                {CRASH_HANDLED, 7, "exit", "ended     exit status 7\n"},
                {CRASH_VANISHED, -1, "vanished", "ended     how is not known\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct crash_case crash = make_case();
        struct crash_report report = {0};
        crash.kind = ends[i].kind;
        crash.ended_by = ends[i].by;
        crash.ended_status = ends[i].status;
        crash_report_make(&report, &crash, CRASH_RAW);
        char *text = print(&report);
        assert_non_null(strstr(text, ends[i].line));
        free(text);
        crash_report_fini(&report);
    }
}

static void test_text(void **state)
{
    (void)state;
    struct crash_case crash = make_case();
    struct crash_report report = {0};
    crash_report_make(&report, &crash, CRASH_RAW);
    char *text = print(&report);
    assert_non_null(strstr(text, "trader: SIGSEGV in trader+0x1100: null pointer + 24 written, "
                                 "while POST api.upbit.com/v1/orders was in flight\n"));
    assert_ptr_equal(strstr(text, "trader: SIGSEGV"), text);
    assert_non_null(strstr(text, "reason    write to 0x18: null pointer + 24\n"));
    assert_non_null(strstr(text, "signal    SIGSEGV (11), SEGV_MAPERR at 0x18\n"));
    assert_non_null(strstr(text, "2026-01-01 00:00:00.123 UTC, 12.5 s after it began\n"));
    assert_non_null(
        strstr(text, "program   /usr/bin/trader --password REDACTED --url=https://REDACTED:REDACTED@x/\n"));
    assert_non_null(strstr(text, "thread 101 \"worker"));
    assert_null(strchr(text, '\033'));
    assert_no_secret(text);
    free(text);
    crash_report_fini(&report);
}

static void test_json_round_trip(void **state)
{
    (void)state;
    struct crash_case crash = make_case();
    struct crash_report report = {0}, again = {0};
    crash_report_make(&report, &crash, CRASH_RAW);
    char *text = crash_report_to_json(&report, true);
    assert_non_null(text);
    assert_no_secret(text);
    assert_int_equal(crash_report_from_json(&again, text, strlen(text)), 0);
    char *second = crash_report_to_json(&again, true);
    assert_string_equal(text, second);
    char *shown = print(&report), *shown_again = print(&again);
    assert_string_equal(shown, shown_again);
    free(shown);
    free(shown_again);
    free(text);
    free(second);
    crash_report_fini(&report);
    crash_report_fini(&again);
}

static void test_foreign_documents(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "", "[]", "{}", "{\"schema\":2,\"id\":\"x\"}", "{\"schema\":1}", "{\"schema\":1,\"id\":7}", "{"};
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct crash_report report = {0};
        assert_int_equal(crash_report_from_json(&report, documents[i], strlen(documents[i])), -EBADMSG);
        crash_report_fini(&report);
    }
    /* of the right kind, and all members of the wrong type */
    static const char odd[] =
        "{\"schema\":1,\"id\":\"x\",\"pid\":-5,\"tid\":\"x\",\"argv\":{},\"service\":[],\"frames\":7,"
        "\"threads\":[1,{\"frames\":[2,{\"line\":-3,\"offset\":\"0xzz\"}]}],\"open_spans\":\"x\","
        "\"registers\":{\"rip\":4},\"ended\":null,\"time\":\"yesterday\",\"address\":\"0x\"}";
    struct crash_report report = {0};
    assert_int_equal(crash_report_from_json(&report, odd, strlen(odd)), 0);
    assert_int_equal(report.pid, 0);
    assert_int_equal(report.n_threads, 2);
    assert_int_equal(report.threads[1].stack.frames[1].line, 0);
    assert_false(report.has_address);
    assert_int_equal(report.ended_status, -1);
    free(print(&report));
    crash_report_fini(&report);
}

/* The child that wrote it may have been taken over by what it read: nothing of it controls a terminal. */
static void test_document_that_would_control_the_terminal(void **state)
{
    (void)state;
    static const char document[] = "{\"schema\":1,\"id\":\"\\u001b[2J\",\"title\":\"\\u001b[2J\",\"signal\":"
                                   "\"\\u001b[2J\",\"code\":\"\\u001b[2J\","
                                   "\"registers\":{\"\\u001b[2J\":\"0x1\",\"rip\":\"0x2\"},\"fingerprint\":"
                                   "\"\\u001b[2J\",\"trace_id\":\"\\u001b[2J\"}";
    struct crash_report report = {0};
    assert_int_equal(crash_report_from_json(&report, document, strlen(document)), 0);
    char *text = print(&report);
    assert_null(strchr(text, '\033'));
    assert_non_null(strstr(text, "    rip 0000000000000002"));
    free(text);
    crash_report_fini(&report);
}

static void test_files(void **state)
{
    (void)state;
    char directory[64];
    temporary_make(directory, sizeof(directory));
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    struct crash_case crash = make_case();
    struct crash_report report = {0}, again = {0};
    assert_int_equal(crash_report_load(&again, fd, "stem"), -ENOENT);
    crash_report_make(&report, &crash, CRASH_RAW);
    assert_int_equal(crash_report_save(&report, fd, "stem"), 0);
    assert_int_equal(faccessat(fd, "stem.txt", R_OK, 0), 0);
    assert_int_equal(crash_report_load(&again, fd, "stem"), 0);
    assert_string_equal(again.fingerprint, report.fingerprint);
    crash_report_fini(&report);
    crash_report_fini(&again);
    close(fd);
    temporary_remove(directory);
}

static const char *text_of(const struct attributes *list, const char *key)
{
    const struct attribute *found = attribute_find(list, key);
    return found ? found->value.string.bytes : NULL;
}

static void test_log_and_span(void **state)
{
    (void)state;
    struct crash_case crash = make_case();
    struct crash_report report = {0};
    struct arena arena = {0};
    crash_report_make(&report, &crash, CRASH_RAW);
    struct log_record *record = crash_report_to_log(&report, NULL, &arena);
    assert_int_equal(record->severity, 21);
    assert_string_equal(record->event_name, "app.crash");
    assert_true(record->has_trace && record->has_span);
    assert_int_equal(record->trace_id[0], 0x0a);
    assert_int_equal(record->span_id[7], 0x31);
    assert_int_equal(record->time_unix_ns, crash.time_unix_ns);
    assert_string_equal(text_of(&record->attributes, "exception.type"), "SIGSEGV");
    assert_string_equal(text_of(&record->attributes, "exception.message"),
                        "write to 0x18: null pointer + 24");
    assert_string_equal(text_of(&record->attributes, "exception.stacktrace"), "    at ?? (trader+0x1100)\n");
    assert_string_equal(text_of(&record->attributes, "app.crash.id"), crash.id);

    struct attribute shared[] = {{.key = "url.full", .type = ATTRIBUTE_STRING, .value.string = {"x", 1}}};
    struct span span = {.start_unix_ns = 1767225600100000000,
                        .attributes = {.items = shared, .n = 1, .max = 1}};
    crash_report_mark_span(&report, &span, &arena);
    assert_int_equal(span.status, SPAN_ERROR);
    assert_string_equal(span.status_message, report.title);
    assert_int_equal(span.n_events, 1);
    assert_string_equal(span.events[0].name, "exception");
    assert_int_equal(span.events[0].time_unix_ns, crash.time_unix_ns);
    assert_string_equal(text_of(&span.events[0].attributes, "exception.type"), "SIGSEGV");
    assert_string_equal(text_of(&span.attributes, "error.type"), "SIGSEGV");
    assert_string_equal(text_of(&span.attributes, "url.full"), "x");
    assert_string_equal(shared[0].key, "url.full"); /* others share the list */
    assert_true(span.end_unix_ns >= crash.time_unix_ns);
    arena_fini(&arena);
    crash_report_fini(&report);
}

static const struct {
    enum crash_kind kind;
    int signal, status;
    const char *ended_by, *title;
} endings[] = {
    {CRASH_KILLED, 0, 9, "killed", "trader was killed, while POST api.upbit.com/v1/orders was in flight"},
    {CRASH_OOM, 0, 9, "oom",
     "trader was killed for want of memory, while POST api.upbit.com/v1/orders was in flight"},
    {CRASH_VANISHED, 0, -1, "unknown", "trader vanished, while POST api.upbit.com/v1/orders was in flight"},
    {CRASH_STACKS, 0, -1, "lives",
     "trader: stacks of the running process, while POST api.upbit.com/v1/orders was in flight"},
    {CRASH_HANDLED, SIGSEGV, 1, "exit",
     "trader: SIGSEGV in trader+0x1100: null pointer + 24 written, while POST api.upbit.com/v1/orders was in "
     "flight; "
     "its handler ended it with status 1"},
    {CRASH_HANDLED, SIGSEGV, SIGABRT, "signal",
     "trader: SIGSEGV in trader+0x1100: null pointer + 24 written, while POST api.upbit.com/v1/orders was in "
     "flight; "
     "then SIGABRT"},
};

static void test_endings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct crash_case crash = make_case();
        struct crash_report report = {0};
        crash.kind = endings[i].kind;
        crash.signal = endings[i].signal;
        crash.ended_by = endings[i].ended_by;
        crash.ended_status = endings[i].status;
        crash_report_make(&report, &crash, CRASH_RAW);
        assert_string_equal(report.title, endings[i].title);
        char *text = crash_report_to_json(&report, false);
        assert_non_null(text);
        free(text);
        crash_report_fini(&report);
    }
}

/* Between two calls: the last one of the thread, if it is not long ago, and its trace. */
static void test_just_after(void **state)
{
    (void)state;
    static const struct {
        uint32_t tid;
        uint64_t end_unix_ns;
        bool is_said;
    } table[] = {{101, 1767225600100000000, true},
                 {101, 1767225598000000000, false},
                 {102, 1767225600100000000, false}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct crash_case crash = make_case();
        struct crash_report report = {0};
        struct crash_span recent = {"POST api.upbit.com/v1/orders", "client", TRACE, SPAN, table[i].tid, 1,
                                    table[i].end_unix_ns,           "ok"};
        crash.n_open_spans = 0;
        crash.trace_id = crash.span_id = NULL;
        crash.recent_spans = &recent;
        crash.n_recent_spans = 1;
        crash_report_make(&report, &crash, CRASH_RAW);
        assert_int_equal(strstr(report.title, ", just after POST api.upbit.com/v1/orders") != NULL,
                         table[i].is_said);
        assert_int_equal(report.trace_id != NULL, table[i].is_said);
        assert_null(report.span_id);
        crash_report_fini(&report);
    }
}

/* A call to where no code is: the caller is what lies on the stack. */
static void report_call(struct crash_report *report, struct crash_case *crash, uint64_t to, uint64_t error)
{
    const uint64_t caller = 0x55d000001234;
    memcpy(stack, &caller, sizeof(caller));
    crash->address = to;
    threads[0].registers[WIRE_X86_64_IP] = to;
    threads[0].registers[WIRE_X86_64_ERROR] = error;
    crash_report_make(report, crash, CRASH_RAW);
}

static void test_jump_to_nowhere(void **state)
{
    (void)state;
    struct crash_case crash = make_case();
    struct crash_report report = {0};
    report_call(&report, &crash, 0, 20);
    assert_string_equal(report.class, "null-call");
    assert_int_equal(report.threads[0].stack.n_frames, 2);
    assert_int_equal(report.threads[0].stack.frames[1].offset, 0x1234);
    assert_string_equal(report.threads[0].stack.frames[1].guess, "fixed-up");
    crash_report_fini(&report);
}

/* What was called is data: it has no name, and is not what makes two crashes the same. */
static void test_jump_to_data(void **state)
{
    (void)state;
    struct crash_case crash = make_case();
    struct crash_report report = {0};
    crash.maps = "55d000000000-55d000002000 r-xp 00000000 08:01 1 /usr/bin/trader\n"
                 "55d000002000-55d000003000 rw-p 00002000 08:01 1 /usr/bin/trader\n"
                 "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\n";
    crash.code = SEGV_ACCERR;
    report_call(&report, &crash, 0x55d000002040, 21);
    assert_string_equal(report.class, "execute-data");
    assert_string_equal(report.threads[0].stack.frames[0].function, "<data>");
    assert_false(report.threads[0].stack.frames[0].is_own);
    assert_non_null(strstr(report.title, "trader: SIGSEGV in trader+0x1234: execution of data"));
    crash_report_fini(&report);
}

static void test_nothing_known(void **state)
{
    (void)state;
    struct crash_case crash = {.kind = CRASH_VANISHED, .ended_status = -1};
    struct crash_report report = {0};
    crash_report_make(&report, &crash, CRASH_THREADS);
    free(print(&report));
    char *text = crash_report_to_json(&report, true);
    assert_non_null(text);
    free(text);
    crash_report_fini(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_text_of_endings),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_foreign_documents),
        cmocka_unit_test(test_document_that_would_control_the_terminal),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_log_and_span),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_just_after),
        cmocka_unit_test(test_jump_to_nowhere),
        cmocka_unit_test(test_jump_to_data),
        cmocka_unit_test(test_nothing_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

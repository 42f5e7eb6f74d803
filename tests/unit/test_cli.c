/* cli: options, LD_PRELOAD, the report as text and JSON. What the commands do is in tests/integration/cli. */
#include "cli/command.h"
#include "cli/report.h"
#include "cli/self.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_ARGUMENTS 8

/* What options_parse() makes of a line: flag, text, index of the first operand, or the status. */
static void test_parse_options(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[MAX_ARGUMENTS];
        int status, first;
        bool flag;
        const char *text;
    } rows[] = {
        {{"run", NULL}, OPTIONS_FINE, 1, false, NULL},
        {{"run", "--flag", "program", "--text"}, OPTIONS_FINE, 2, true, NULL},
        {{"run", "--text", "x", "--flag", "program"}, OPTIONS_FINE, 4, true, "x"},
        {{"run", "--text=x", "program"}, OPTIONS_FINE, 2, false, "x"},
        {{"run", "--text=", "program"}, OPTIONS_FINE, 2, false, ""},
        {{"run", "-t", "x"}, OPTIONS_FINE, 3, false, "x"},
        {{"run", "-tx"}, OPTIONS_FINE, 2, false, "x"},
        {{"run", "--", "--flag"}, OPTIONS_FINE, 2, false, NULL},
        {{"run", "-", "--flag"}, OPTIONS_FINE, 1, false, NULL},
        {{"run", "--text", "1", "--text", "2"}, OPTIONS_FINE, 5, false, "2"},
        {{"run", "--flga"}, 99, 0, false, NULL},
        {{"run", "--flag=1"}, 99, 0, false, NULL},
        {{"run", "--text"}, 99, 0, false, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[MAX_ARGUMENTS + 1] = {NULL};
        int argc = 0, first = 0;
        for (; argc < MAX_ARGUMENTS && rows[i].arguments[argc]; argc++)
            argv[argc] = strdup(rows[i].arguments[argc]);
        bool flag = false;
        const char *text = NULL;
        const struct option_row options[] = {{"--flag", NULL, &flag, NULL}, {"--text", "-t", NULL, &text}};
        assert_int_equal(command_parse_options(argc, argv, options, 2, 99, &first), rows[i].status);
        if (rows[i].status == OPTIONS_FINE) {
            assert_int_equal(first, rows[i].first);
            assert_int_equal(flag, rows[i].flag);
            assert_int_equal(text != NULL, rows[i].text != NULL);
            if (text)
                assert_string_equal(text, rows[i].text);
        }
        for (int k = 0; k < argc; k++)
            free(argv[k]);
    }
}

/* Options before, between and behind the operands. */
static void test_parse_words(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[MAX_ARGUMENTS];
        int status;
        const char *words[2];
        const char *text;
    } rows[] = {
        {{"run"}, OPTIONS_FINE, {NULL, NULL}, NULL},
        {{"run", "a"}, OPTIONS_FINE, {"a", NULL}, NULL},
        {{"run", "-t", "x", "a", "b"}, OPTIONS_FINE, {"a", "b"}, "x"},
        {{"run", "a", "-t", "x", "b"}, OPTIONS_FINE, {"a", "b"}, "x"},
        {{"run", "a", "b", "--text=x"}, OPTIONS_FINE, {"a", "b"}, "x"},
        {{"run", "a", "b", "c"}, STATUS_USAGE, {NULL, NULL}, NULL},
        {{"run", "a", "--txet"}, STATUS_USAGE, {NULL, NULL}, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *argv[MAX_ARGUMENTS + 1] = {NULL}, *copies[MAX_ARGUMENTS];
        int argc = 0;
        for (; argc < MAX_ARGUMENTS && rows[i].arguments[argc]; argc++)
            argv[argc] = copies[argc] = strdup(rows[i].arguments[argc]);
        const char *text = NULL, *words[2] = {"", ""};
        const struct option_row options[] = {{"--text", "-t", NULL, &text}};
        assert_int_equal(command_parse_words(argc, argv, options, 1, words, 2), rows[i].status);
        for (size_t w = 0; w < 2 && rows[i].status == OPTIONS_FINE; w++) {
            assert_int_equal(words[w] != NULL, rows[i].words[w] != NULL);
            if (words[w])
                assert_string_equal(words[w], rows[i].words[w]);
        }
        if (rows[i].text)
            assert_string_equal(text, rows[i].text);
        for (int k = 0; k < argc; k++)
            free(copies[k]);
    }
}

static void test_preload_is_joined_once(void **state)
{
    (void)state;
    static const struct {
        const char *list, *stripped, *joined;
        bool had_it;
    } rows[] = {
        {NULL, "", "/l/libotelshim.so", false},
        {"", "", "/l/libotelshim.so", false},
        {"libx.so", "libx.so", "/l/libotelshim.so:libx.so", false},
        {"libotelshim.so", "", "/l/libotelshim.so", true},
        {"libx.so /old/libotelshim.so:liby.so", "libx.so:liby.so", "/l/libotelshim.so:libx.so:liby.so", true},
        {" : libx.so", "libx.so", "/l/libotelshim.so:libx.so", false},
        {"/l/libotelshim.so.bak", "/l/libotelshim.so.bak", "/l/libotelshim.so:/l/libotelshim.so.bak", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool had_it;
        char *stripped = self_strip_preload(rows[i].list, &had_it);
        char *joined = self_join_preload("/l/libotelshim.so", rows[i].list);
        assert_string_equal(stripped, rows[i].stripped);
        assert_string_equal(joined, rows[i].joined);
        assert_int_equal(had_it, rows[i].had_it);
        free(stripped);
        free(joined);
    }
}

static void fill(struct report *report)
{
    *report =
        (struct report){.pid = 12, .uid = 7, .version = "1", .directory = "/box", .log = "one\ntwo \"x\"\n"};
    struct report_process *process = report_add_process(report);
    *process = (struct report_process){.pid = 4711,
                                       .name = "tra\033der",
                                       .service = "caf\xe9",
                                       .is_alive = true,
                                       .recorded = 12,
                                       .exported = 10,
                                       .n_in_flight = 2};
    process->dropped[0] = 5;
    process->dropped[3] = 1;
    struct report_destination *destination = report_add_destination(report);
    *destination = (struct report_destination){.url = "http://h:4318/v1/traces",
                                               .exported = 10,
                                               .queued = 2,
                                               .is_down = true,
                                               .last_error = "refused",
                                               .last_error_unix_ns = 1735722753123000000u};
    report->alerts = (struct report_alerts){.raised = 3, .sent = 2, .waiting = 1, .last_error = "no"};
}

static const char golden_json[] =
    "{\"pid\":12,\"uid\":7,\"version\":\"1\",\"directory\":\"/"
    "box\",\"started_at\":null,\"processes\":[{\"pid\":4711,"
    "\"uid\":0,\"name\":\"tra\\u001bder\",\"service\":\"caf\xef\xbf\xbd\",\"alive\":true,\"recorded\":12,"
    "\"exported\":10,"
    "\"in_flight\":2,\"dropped\":{\"no_chunk\":5,\"no_operation\":1},\"corrupt\":0,\"note\":null,\"live\":"
    "null,"
    "\"excluded\":0,\"held\":0,\"kept\":0,\"keep_dropped\":0}],"
    "\"ended\":{\"processes\":0,\"recorded\":0,\"exported\":0,\"corrupt\":0,\"dropped\":{}},"
    "\"destinations\":["
    "{\"url\":\"http://h:4318/v1/"
    "traces\",\"exported\":10,\"rejected\":0,\"dropped\":0,\"repeated\":0,\"queued\":2,"
    "\"spooled_batches\":0,\"spooled_bytes\":0,\"down\":true,\"last_error\":\"refused\","
    "\"last_error_at\":\"2025-01-01T09:12:33.123Z\"}],\"alerts\":{\"raised\":3,\"sent\":2,\"suppressed\":0,"
    "\"dropped\":0,\"waiting\":1,\"refused\":0,\"last_error\":\"no\"},\"log_path\":null,\"log\":[\"one\","
    "\"two \\\"x\\\"\"]}";

/* tests/integration/cli/export.sh reads it with a JSON parser. */
static void test_report_is_json(void **state)
{
    (void)state;
    struct report report;
    char *text = NULL;
    size_t bytes;
    fill(&report);
    FILE *out = open_memstream(&text, &bytes);
    report_print_json(out, &report);
    fclose(out);
    assert_string_equal(text, golden_json);
    free(text);
    report_fini(&report);
}

static void test_report_is_readable(void **state)
{
    (void)state;
    struct report report;
    char *text = NULL;
    size_t bytes;
    fill(&report);
    FILE *out = open_memstream(&text, &bytes);
    report_print_text(out, &report, false);
    fclose(out);
    assert_non_null(strstr(text, "     4711  tra?der"));
    assert_non_null(strstr(text, "no_chunk 5, no_operation 1"));
    assert_non_null(strstr(text, "http://h:4318/v1/traces"));
    assert_non_null(strstr(text, "down, "));
    assert_non_null(strstr(text, ": refused"));
    assert_null(strchr(text, '\033'));
    free(text);
    report_fini(&report);
}

/* Only the last lines are for people; the JSON has all. */
static void test_report_shows_the_last_lines_of_the_log(void **state)
{
    (void)state;
    static const struct {
        const char *log, *first, *absent;
    } rows[] = {
        {"a1\na2\na3\n", "  a1\n", "  a0\n"},
        {"a1\na2\na3\na4\na5\n", "  a1\n", "  a0\n"},
        {"a1\na2\na3\na4\na5\na6\na7\n", "  a3\n", "  a2\n"},
        {"a1\na2\na3\na4\na5\na6", "  a2\n", "  a1\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct report report = {.directory = "", .log = rows[i].log};
        char *text = NULL;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        report_print_text(out, &report, false);
        fclose(out);
        assert_non_null(strstr(text, rows[i].first));
        assert_null(strstr(text, rows[i].absent));
        free(text);
        report_fini(&report);
    }
}

/* Every row of commands.h is complete, and its help begins alike. */
static void test_commands_have_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        char usage[64];
        snprintf(usage, sizeof(usage), "usage: otelshim %s", commands[i].name);
        assert_true(strncmp(commands[i].help, usage, strlen(usage)) == 0);
        assert_ptr_equal(command_find(commands[i].name), &commands[i]);
        for (const char *line = commands[i].help; *line; line += strcspn(line, "\n") + 1)
            if (strcspn(line, "\n") > 120)
                fail_msg("%s: a line of its help is too long", commands[i].name);
    }
    assert_null(command_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_options),
        cmocka_unit_test(test_parse_words),
        cmocka_unit_test(test_preload_is_joined_once),
        cmocka_unit_test(test_report_is_json),
        cmocka_unit_test(test_report_is_readable),
        cmocka_unit_test(test_report_shows_the_last_lines_of_the_log),
        cmocka_unit_test(test_commands_have_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

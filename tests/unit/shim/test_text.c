/* text: words of comma lists, globs; with them OTELSHIM_ALLOW and OTELSHIM_DENY (admission). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admission.h"
#include "text.h"

static void test_words_of_a_list(void **state)
{
    static const struct {
        const char *list, *words;
    } rows[] = {
        {"", ""},      {" , ,\t", ""},         {"a", "a|"}, {"a,b", "a|b|"}, {" a b ,\tc\t,", "a b|c|"},
        {",,a", "a|"}, {"a=*, ?b", "a=*|?b|"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char words[64] = "";
        const char *list = rows[i].list, *word;
        size_t bytes, at = 0;
        while (text_next_word(&list, &word, &bytes)) {
            at = text_append_bytes(words, at, sizeof(words), word, bytes);
            at = text_append(words, at, sizeof(words), "|");
        }
        assert_string_equal(words, rows[i].words);
        assert_int_equal(*list, 0);
    }
}

static void test_globs(void **state)
{
    static const struct {
        const char *glob, *text;
        bool matches, matches_ignoring_case;
    } rows[] = {
        {"", "", true, true},        {"", "a", false, false},         {"*", "", true, true},
        {"**", "ab", true, true},    {"?", "", false, false},         {"?", "a", true, true},
        {"a*c", "abbc", true, true}, {"a*c", "abbd", false, false},   {"*b*", "abc", true, true},
        {"A?", "ab", false, true},   {"*.Com", "x.com", false, true}, {"a*b*c", "aXbYbc", true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int ignores_case = 0; ignores_case < 2; ignores_case++)
            if (text_matches_glob(rows[i].glob, strlen(rows[i].glob), rows[i].text, strlen(rows[i].text),
                                  ignores_case) !=
                (ignores_case ? rows[i].matches_ignoring_case : rows[i].matches))
                fail_msg("%s, %s, %d", rows[i].glob, rows[i].text, ignores_case);
}

static void test_programs_of_a_list(void **state)
{
    static const struct {
        const char *list;
        bool has;
    } rows[] = {
        {"trader", true},
        {"/opt/bot/trader", true},
        {"/opt/*", true},
        {"bash, tra*r", true},
        {"bot", false},
        {"Trader", false},
        {"rader", false},
        {"", false},
        /* [each star that was tried again from every other cost years in the constructor] */
        {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", false},
    };
    char path[2000] = "/opt/bot/trader";
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (i + 1 == sizeof(rows) / sizeof(rows[0]))
            memset(path + 1, 'a', sizeof(path) - 2);
        if (admission_matches(rows[i].list, path) != rows[i].has)
            fail_msg("%s", rows[i].list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_a_list),
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_programs_of_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

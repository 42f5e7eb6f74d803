/*
 * fuzz_sql: no literal survives sql_read(), whatever it looks like.
 *
 * First byte: 'r' takes the rest as a statement as it is (bounds only); anything else makes a statement out of the rest:
 * words, names and operators of which no byte is 'Z' or '9', and literals and comments of every kind whose content is
 * made of 'Z', '9' and the characters that could end them. So a 'Z' or '9' in the output came out of a literal.
 * Second byte: dialect; third: how much of the end is cut off; fourth: size of the output.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signals/spans/sql.h"

#define MAX_TEXT 4096u

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

struct text {
    char bytes[MAX_TEXT];
    size_t n;
};

static void put(struct text *text, const char *bytes)
{
    size_t n = strlen(bytes);
    if (n > MAX_TEXT - text->n)
        n = MAX_TEXT - text->n;
    memcpy(text->bytes + text->n, bytes, n);
    text->n += n;
}

enum escape { DOUBLING, BACKSLASH, DOLLAR, COMMENT, LINE };

/* The content of a literal: up to seven pieces, none of which ends it. */
static void put_content(struct text *text, struct input *input, enum escape escape)
{
    static const char *const pieces[][16] = {
        [DOUBLING] = {"Z", "''", "\\", "$$", "\"", "--", "/*", "*/", "\n", "ZZZ", "99", ";", "$t$", "`",
                      "'' OR ''", "]"},
        [BACKSLASH] = {"Z", "''", "\\\\", "\\'", "\"\"", "--", "/*", "*/", "\n", "\\n", "\\Z", ";", "$t$",
                       "``", "\\\"", "#"},
        [DOLLAR] = {"Z", "'", "\\", "$$", "\"", "--", "/*", "*/", "\n", "$", "99", "$T$", "$u$", "$t ", " t$",
                    "$ t$"},
        [COMMENT] = {"Z", "'", "\\", "$$", "\"", "--", "* / ", "/ * ", "\n", "ZZZ", "99", ";", "$t$", "`",
                     "E'", "#"},
        [LINE] = {"Z", "'", "\\", "$$", "\"", "--", "/*", "*/", "\t", "ZZZ", "99", ";", "$t$", "`", "E'",
                  "#"},
    };
    for (unsigned n = take(input) % 8; n > 0; n--)
        put(text, pieces[escape][take(input) % 16]);
    put(text, "Z");
}

static void put_string(struct text *text, struct input *input, const char *open, enum escape escape,
                       const char *close)
{
    put(text, open);
    put_content(text, input, escape);
    put(text, close);
}

static void put_literal(struct text *text, struct input *input, bool is_postgresql)
{
    static const char *const numbers[] = {"9",    "9.9", ".9",    "9e9", "9e-9",
                                          "0x9Z", "9_9", "9E+9Z", "-9",  "+9"};
    enum escape plain = is_postgresql ? DOUBLING : BACKSLASH;
    switch (take(input) % 9) {
    case 0:
        put_string(text, input, "'", plain, "'");
        break;
    case 1:
        put_string(text, input, "E'", BACKSLASH, "'");
        break;
    case 2: /* goes on behind a newline */
        put_string(text, input, "e'", BACKSLASH, "' \n ");
        put_string(text, input, "'", BACKSLASH, "'");
        break;
    case 3:
        put_string(text, input, "x'", plain, "'");
        break;
    case 4:
        if (is_postgresql)
            put_string(text, input, "$t$", DOLLAR, "$t$");
        else
            put_string(text, input, "\"", BACKSLASH, "\"");
        break;
    case 5:
        put(text, numbers[take(input) % (sizeof numbers / sizeof *numbers)]);
        break;
    case 6:
        put_string(text, input, "/*", COMMENT, "*/ ");
        break;
    case 7:
        put_string(text, input, "-- ", LINE, "\n");
        break;
    default:
        put_string(text, input, "N'", plain, "'");
    }
}

/* Between two literals stands one of these at least: two strings side by side may be one. */
static void put_words(struct text *text, struct input *input)
{
    static const char *const words[] = {
        ", ",      "SELECT ", " FROM ",  " JOIN ",  "INSERT INTO ", " VALUES (", ")",
        "UPDATE ", " SET ",   " = ",     "(",       " IN (",        ", ",        ",",
        "WITH ",   " AS (",   "DELETE ", "CREATE ", "TABLE ",       " ON ",      ";",
        " AND ",   "t1",      "a.b",     " x ",     "::int",        "+ ",        "- ",
        "$1 ",     "COPY ",
    };
    put(text, ", ");
    for (unsigned n = take(input) % 8; n > 0; n--)
        put(text, words[take(input) % (sizeof words / sizeof *words)]);
    put(text, " , ");
}

static void check(const struct sql_statement *statement, size_t max, bool is_clean)
{
    char *text = malloc(max + 1),
         *summary = malloc(max + 1); /* sized to the byte: ASan sees a write behind it */
    struct sql_reading reading = {.text = text, .max_text = max, .summary = summary, .max_summary = max};
    if (!text || !summary)
        abort();
    sql_read(statement, &reading);
    if (reading.n_text > max || reading.n_summary > max || reading.n_summary > SQL_SUMMARY_MAX_BYTES)
        abort();
    if (memchr(text, '\0', reading.n_text) || memchr(summary, '\0', reading.n_summary))
        abort();
    if (is_clean && (memchr(text, 'Z', reading.n_text) || memchr(text, '9', reading.n_text)))
        abort();
    if (is_clean && (memchr(summary, 'Z', reading.n_summary) || memchr(summary, '9', reading.n_summary)))
        abort();
    /* what is longer than the text was made up */
    if (reading.n_text > statement->n_bytes + 3)
        abort();
    free(text);
    free(summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const systems[] = {"postgresql", "mysql"};
    static const char *const raw_systems[] = {"postgresql", "mysql", "sqlite", "mariadb"};
    struct input input = {data, size};
    bool is_raw = take(&input) == 'r';
    unsigned dialect = take(&input);
    unsigned cut = take(&input);
    size_t max = take(&input);
    max = max == ' ' ? 2 * MAX_TEXT : max * 2;
    static struct text text;
    text.n = 0;
    if (is_raw) {
        text.n = input.size < MAX_TEXT ? input.size : MAX_TEXT;
        memcpy(text.bytes, input.data, text.n);
    } else {
        while (input.size && text.n < MAX_TEXT) {
            put_words(&text, &input);
            put_literal(&text, &input, dialect % 2 == 0);
        }
    }
    size_t n = text.n;
    if (!is_raw && cut != ' ')
        n -= cut % 64 < n ? cut % 64 : n;
    char *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, text.bytes, n);
    const char *system = is_raw ? raw_systems[dialect % 4] : systems[dialect % 2];
    struct sql_statement statement = {copy, n, n < text.n, sql_dialect_find(system)};
    check(&statement, max, !is_raw);
    free(copy);
    return 0;
}

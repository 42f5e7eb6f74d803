/*
 * fuzz_template: whatever a file of templates holds, messages are valid UTF-8, bounded, and problems are one line.
 *
 * Input: a file of templates, a 0xff byte, values of the fields a, b, list, one a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "signals/rules/templates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void note(void *context, const char *line)
{
    (void)context;
    require(!strchr(line, '\n') && utf8_valid_bytes(line, strlen(line)) == strlen(line));
}

static void set_fields(struct attributes *fields, struct arena *arena, const char *text, size_t bytes)
{
    static const char *const names[] = {"a", "b", "list"};
    for (unsigned i = 0; i < 3 && bytes; i++) {
        const char *end = memchr(text, '\n', bytes);
        size_t n = end ? (size_t)(end - text) : bytes;
        attribute_set_text(fields, arena, names[i], text, n);
        text += end ? n + 1 : n;
        bytes -= end ? n + 1 : n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    const uint8_t *end = memchr(data, 0xff, size);
    size_t n_file = end ? (size_t)(end - data) : size;
    struct attributes fields = {0};
    struct template_book book = {0};
    struct text file = text_repaired(&arena, (const char *)data, n_file);
    char *copy = malloc(file.n_bytes + 1); /* so that a byte too many is seen */
    require(copy != NULL);
    memcpy(copy, file.bytes, file.n_bytes + 1);
    if (end)
        set_fields(&fields, &arena, (const char *)end + 1, size - n_file - 1);
    template_book_parse(&book, &arena, "file", copy, note, NULL);
    for (uint32_t i = 0; i < book.n; i++) {
        const char *text = template_fill(book.items[i].body, &fields, 1700000000000000000ull, &arena);
        require(strlen(text) < TEMPLATE_MAX_BYTES && utf8_valid_bytes(text, strlen(text)) == strlen(text));
    }
    free(copy);
    arena_reset(&arena);
    return 0;
}

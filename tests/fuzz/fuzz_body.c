/*
 * fuzz_body: whatever a body holds, looking into it ends, stays inside, and what is found before a cut is what the whole has there.
 *
 * Input: a JSON pointer, a 0xff byte, the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "signals/rules/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static const char *find(struct arena *arena, const char *bytes, size_t n, bool is_cut, const char *pointer)
{
    char *copy = malloc(n + 1); /* so that a byte too many is seen */
    require(copy != NULL);
    memcpy(copy, bytes, n);
    struct body body = body_of(copy, n, is_cut), value, items[4];
    const char *text = NULL;
    if (body_find(&body, pointer, arena, &value)) {
        enum body_kind kind = body_kind(&value);
        require(kind != BODY_NOTHING &&
                (value.is_form || (value.bytes >= copy && value.bytes + value.n_bytes <= copy + n)));
        require(!value.is_cut || kind == BODY_OBJECT || kind == BODY_ARRAY);
        require(body_list(&value, items, 4) <= 4);
        text = value.is_cut ? NULL : body_print(&value, arena);
        require(!text || utf8_valid_bytes(text, strlen(text)) == strlen(text));
    }
    free(copy);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    const uint8_t *end = memchr(data, 0xff, size);
    if (!end || size > 4096)
        return 0;
    char pointer[256];
    size_t n_pointer = (size_t)(end - data) < sizeof(pointer) ? (size_t)(end - data) : sizeof(pointer) - 1;
    memcpy(pointer, data, n_pointer);
    pointer[n_pointer] = 0;
    const char *bytes = (const char *)end + 1;
    size_t n = size - (size_t)(end + 1 - data);
    const char *whole = find(&arena, bytes, n, false, pointer);
    size_t step = n / 32 + 1;
    for (size_t cut = 0; cut < n; cut += step) {
        const char *found = find(&arena, bytes, cut, true, pointer);
        require(!found || (whole && strcmp(found, whole) == 0));
    }
    arena_reset(&arena);
    return 0;
}

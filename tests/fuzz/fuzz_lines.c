/*
 * fuzz_lines: whatever is written to standard output, in whatever pieces and order: every piece is released once, after what begins in
 * it; in order, no byte of a line is lost or told twice; what becomes of a line is valid UTF-8, bounded, and says no key twice.
 *
 * Input: one byte of choices, then text; 0xfe ends a piece, 0xfd says that the next piece comes one place too early, 0xfc that time passes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "signals/lines/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT 60000u
#define MAX_PIECES 4000u

static const struct wire_instrumentation row = {.name = "stdio", .family = WIRE_INTERNAL};
static struct resource resource = {.n_references = 1000000};
static struct process process = {.exe = "/bot", .resource = &resource};

struct run {
    struct settings settings;
    struct arena arena;
    char expected[MAX_INPUT], told[MAX_INPUT];
    size_t n_expected, n_told;
    uint32_t n_added, n_released;
    bool is_released[MAX_PIECES];
};

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_text(struct text text)
{
    check(utf8_valid_bytes(text.bytes, text.n_bytes) == text.n_bytes && strlen(text.bytes) == text.n_bytes &&
          text.n_bytes <= 16u * LINE_MAX_BYTES);
}

static void check_record(const struct log_record *record)
{
    check_text(record->body);
    check_text(record->line);
    if (record->message.bytes)
        check_text(record->message);
    check(record->severity >= 0 && record->severity <= 24 && record->attributes.n <= 80);
    for (uint32_t i = 0; i < record->attributes.n; i++) {
        const struct attribute *item = &record->attributes.items[i];
        check(item->key[0] && utf8_valid_bytes(item->key, strlen(item->key)) == strlen(item->key));
        if (item->type == ATTRIBUTE_STRING)
            check_text(item->value.string);
        for (uint32_t j = 0; j < i; j++)
            check(strcmp(item->key, record->attributes.items[j].key) != 0);
    }
}

static void tell(void *context, const struct output_line *line)
{
    struct run *run = context;
    check(line->n_bytes && line->n_bytes <= PIECE_ENTRY_MAX_BYTES + LINE_MAX_BYTES + 2 &&
          run->n_told + line->n_bytes <= sizeof(run->told) && !run->is_released[line->log->piece]);
    memcpy(run->told + run->n_told, line->bytes, line->n_bytes);
    run->n_told += line->n_bytes;
    const struct log_record *record = line_record_make(&run->arena, line, &process, &run->settings);
    if (record)
        check_record(record);
    arena_reset(&run->arena);
}

static void release(void *context, const struct receipt *receipt)
{
    struct run *run = context;
    check(!run->is_released[receipt->word]);
    run->is_released[receipt->word] = true;
    run->n_released++;
}

static void add(struct run *run, struct pieces *pieces, uint32_t number, const uint8_t *bytes, size_t n,
                uint64_t now_ms)
{
    const struct raw_fact fact = {
        .key = WIRE_LOG_BODY, .type = WIRE_BYTES, .bytes = (const char *)bytes, .n_bytes = (uint32_t)n};
    const struct raw_log raw = {.process = &process,
                                .instrumentation = &row,
                                .log = {.kind = WIRE_LOG_OUTPUT, .stream = 1, .piece = number, .mono_ns = 1},
                                .mono_to_unix_ns = 1762669842000000000,
                                .facts = &fact,
                                .n_facts = n ? 1 : 0};
    const struct receipt receipt = {.word = number};
    run->n_added++;
    pieces_add(pieces, &raw, &receipt, now_ms);
}

/* Line ends are no part of lines, wherever they are told. */
static size_t without_ends(char *text, size_t n)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++)
        if (text[i] != '\n' && text[i] != '\r')
            text[n_out++] = text[i];
    return n_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    struct {
        const uint8_t *bytes;
        size_t n;
    } kept = {NULL, 0};
    uint32_t number = 1, kept_number = 0;
    uint64_t now_ms = 0;
    if (size < 2 || size > MAX_INPUT)
        return 0;
    memset(&run, 0, sizeof(run));
    run.settings.raw = data[0] & 1;
    const struct piece_events events = {tell, release, &run};
    struct pieces *pieces = pieces_create(&events);
    const uint8_t *end = data + size;
    for (const uint8_t *at = data + 1; at < end && number < MAX_PIECES - 2;) {
        size_t n = 0;
        while (at + n < end && n < 2048 && at[n] < 0xfc)
            n++;
        memcpy(run.expected + run.n_expected, at, n);
        run.n_expected += n;
        uint8_t what = at + n < end && at[n] >= 0xfc ? at[n] : 0xfe;
        if (what == 0xfd && !kept_number) {
            kept.bytes = at;
            kept.n = n;
            kept_number = number++;
        } else {
            add(&run, pieces, number++, at, n, now_ms);
            if (kept_number)
                add(&run, pieces, kept_number, kept.bytes, kept.n, now_ms);
            kept_number = 0;
        }
        if (what == 0xfc)
            pieces_look(pieces, now_ms += PIECE_QUIET_MS, false);
        at += n + (at + n < end && at[n] >= 0xfc);
    }
    if (kept_number)
        add(&run, pieces, kept_number, kept.bytes, kept.n, now_ms);
    check(pieces_look(pieces, now_ms, true) == PIECE_NEVER && pieces_is_idle(pieces));
    check(run.n_released == run.n_added);
    size_t n_expected = without_ends(run.expected, run.n_expected),
           n_told = without_ends(run.told, run.n_told);
    check(n_expected == n_told && memcmp(run.expected, run.told, n_told) == 0);
    pieces_destroy(pieces);
    arena_fini(&run.arena);
    return 0;
}

/* What was written, as pieces: cut, numbered, in the trace that is open. */
#include "mapped_file.h"
#include "records.h"

#include "output.h"
#include "span.h"
#include <errno.h>
#include <sys/wait.h>

static struct records records;

static const struct wire_log *piece_at(uint32_t i)
{
    CHECK(i < records.n && records.at[i]->kind == WIRE_RECORD_LOG);
    return (const struct wire_log *)(const void *)records.at[i];
}

/* Deeper than the span whose frame the test has. */
static __attribute__((noinline)) void note(uint32_t stream, const struct iovec *parts, size_t bytes)
{
    const struct output_call call = {
        .stream = stream, .instrumentation = 3, .frame = __builtin_frame_address(0)};
    output_note(&call, parts, bytes);
}

static void note_text(uint32_t stream, const char *text)
{
    const struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    note(stream, &part, strlen(text));
}

static void a_write_is_a_piece(void)
{
    errno = EXDEV;
    note_text(1, "one\n");
    note_text(2, "error\n");
    note_text(1, "two\n");
    CHECK(errno == EXDEV);
    read_records(&records);
    CHECK(records.n == 3);
    CHECK(piece_at(0)->kind == WIRE_LOG_OUTPUT && piece_at(0)->instrumentation == 3);
    CHECK(piece_at(0)->stream == 1 && piece_at(1)->stream == 2 && piece_at(2)->stream == 1);
    CHECK(piece_at(0)->piece == 1 && piece_at(1)->piece == 1 && piece_at(2)->piece == 2);
    const struct wire_fact *body = find_fact(records.at[1], WIRE_LOG_BODY, 0);
    CHECK(body && body->type == WIRE_BYTES && body->bytes == 6 && !memcmp(body + 1, "error\n", 6));
    CHECK(!find_fact(records.at[1], WIRE_LOG_BODY, 1));
}

/* Many parts, some empty, and fewer bytes written than they have: cut at 2,048, nothing lost between. */
static void parts_are_put_together_and_cut(void)
{
    static char text[6001], seen[6001];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 23);
    const struct iovec parts[] = {{text, 1},        {NULL, 0},        {text + 1, 2046},
                                  {text + 2047, 2}, {text + 2049, 0}, {text + 2049, 3952}};
    note(2, parts, 5000);
    read_records(&records);
    CHECK(records.n == 3);
    size_t at = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const struct wire_fact *body = find_fact(records.at[i], WIRE_LOG_BODY, 0);
        CHECK(piece_at(i)->piece == i + 1 && body && body->bytes == (i < 2 ? 2048 : 5000 - 4096));
        memcpy(seen + at, body + 1, body->bytes);
        at += body->bytes;
    }
    CHECK(at == 5000 && !memcmp(seen, text, 5000));
}

static void a_span_that_is_open_is_referred_to(void)
{
    struct span call;
    CHECK(span_begin(&call, 0, WIRE_CALL, NULL, NULL));
    note_text(1, "inside\n");
    span_end(&call, WIRE_OK);
    read_records(&records);
    const struct wire_span *span = (const void *)records.at[1];
    CHECK(records.n == 2 && !memcmp(piece_at(0)->trace_id, span->facts.trace_id, 16));
    CHECK(!memcmp(piece_at(0)->span_id, span->facts.span_id, 8));
}

/* Of a pool that is full the lost pieces have their numbers, too. */
static void lost_pieces_leave_a_gap(void)
{
    static char text[2048];
    const struct iovec part = {memset(text, 'x', sizeof text), sizeof text};
    for (int i = 0; i < 100; i++) /* 64 KiB */
        note(1, &part, sizeof text);
    read_records(&records);
    CHECK(records.n > 20 && records.n < 32 && dropbox_number_piece(1) == 101);
}

static void a_fork_child_begins_anew(void)
{
    note_text(1, "parent\n");
    note_text(1, "parent\n");
    pid_t child = fork();
    if (child == 0) {
        note_text(1, "child\n");
        read_records(&records);
        CHECK(records.n == 1 && piece_at(0)->piece == 1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    read_records(&records);
    CHECK(records.n == 2 && piece_at(1)->piece == 2);
}

#define TESTS(X)                          \
    X(a_write_is_a_piece)                 \
    X(parts_are_put_together_and_cut)     \
    X(a_span_that_is_open_is_referred_to) \
    X(lost_pieces_leave_a_gap)            \
    X(a_fork_child_begins_anew)

MAIN_ALONE(TESTS, "65536")

/* output: see output.h. */
#include "output.h"

#include "dropbox.h"
#include "lifecycle.h"
#include "log.h"

#define SEVERITY_INFO 9u

/* How far the pieces have come. */
struct cursor {
    const struct iovec *part;
    size_t at; /* in it */
};

static void copy(struct cursor *cursor, uint8_t *to, size_t bytes)
{
    while (bytes) {
        size_t left = cursor->part->iov_len - cursor->at, n = left < bytes ? left : bytes;
        if (n)
            memcpy(to, (const uint8_t *)cursor->part->iov_base + cursor->at, n);
        to += n;
        bytes -= n;
        cursor->at += n;
        if (cursor->at == cursor->part->iov_len)
            *cursor = (struct cursor){.part = cursor->part + 1};
    }
}

/* One fact, out of several parts: facts_bytes() takes one. */
static void copy_body(struct log *log, struct cursor *cursor, size_t bytes)
{
    const struct wire_fact head = {
        .key = WIRE_LOG_BODY, .type = WIRE_BYTES, .bytes = (uint16_t)bytes, .original = (uint16_t)bytes};
    memcpy(log->facts.base, &head, sizeof(head));
    copy(cursor, log->facts.base + sizeof(head), bytes);
    log->bytes = facts_size(bytes);
}

static bool note_piece(const struct output_call *call, struct cursor *cursor, size_t bytes)
{
    const struct log_head head = {.instrumentation = call->instrumentation,
                                  .kind = WIRE_LOG_OUTPUT,
                                  .severity = SEVERITY_INFO,
                                  .frame = call->frame};
    struct log log;
    bool is_begun = log_begin(&log, &head, facts_size(bytes));
    uint32_t number = dropbox_number_piece(call->stream); /* one that is lost leaves a gap */
    if (!is_begun)
        return false;
    struct wire_log *record = (struct wire_log *)(void *)log.reservation.at;
    record->stream = (uint8_t)call->stream;
    record->piece = number;
    copy_body(&log, cursor, bytes);
    log_end(&log, false);
    return true;
}

void output_note(const struct output_call *call, const struct iovec *parts, size_t bytes)
{
    struct cursor cursor = {.part = parts};
    if (!lifecycle_is_writing())
        return;
    while (bytes) {
        size_t n = bytes < WIRE_STRING_MAX ? bytes : WIRE_STRING_MAX;
        if (!note_piece(call, &cursor, n))
            break;
        bytes -= n;
    }
    lifecycle_after_writing();
}

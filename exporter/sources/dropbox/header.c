/* header: see header.h. */
#include "sources/dropbox/header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SLOTS 65536u
#define KNOWN_INCOMPATIBLE 0ull

/* The parts of one file must come in order; `end` is where the one before ended. */
struct part_check {
    uint64_t end, file_bytes;
};

static bool is_part(struct part_check *check, const struct wire_part *part, uint32_t entry_bytes,
                    uint32_t max)
{
    uint64_t bytes = (uint64_t)part->count * part->entry_bytes;
    if (part->entry_bytes != entry_bytes || part->count < 1 || part->count > max ||
        part->offset % WIRE_ALIGN || part->offset < check->end || part->offset > check->file_bytes ||
        bytes > check->file_bytes - part->offset)
        return false;
    check->end = part->offset + bytes;
    return true;
}

static const char *check_parts(const struct wire_header *header, uint64_t file_bytes)
{
    struct part_check check = {.end = WIRE_HEADER_BYTES, .file_bytes = file_bytes};
    if (header->chunk_lines.count != header->chunks.count ||
        header->acknowledged.count != header->chunks.count)
        return "chunks, H and E differ in number";
    if (header->closed_roots.count != header->thread_slots.count)
        return "thread slots and R differ in number";
    if (!is_part(&check, &header->chunk_lines, WIRE_CHUNK_LINE_BYTES, WIRE_MAX_CHUNKS) ||
        !is_part(&check, &header->acknowledged, sizeof(uint64_t), WIRE_MAX_CHUNKS) ||
        !is_part(&check, &header->closed_roots, sizeof(uint64_t), MAX_SLOTS) ||
        !is_part(&check, &header->thread_slots, WIRE_THREAD_SLOT_BYTES, MAX_SLOTS) ||
        !is_part(&check, &header->operation_slots, WIRE_OPERATION_SLOT_BYTES, MAX_SLOTS))
        return "a part lies outside the file, or where another is";
    /* the size of the crash slot is its reader's business */
    if (!is_part(&check, &header->crash_slot, header->crash_slot.entry_bytes, 16) ||
        !is_part(&check, &header->chunks, WIRE_CHUNK_BYTES, WIRE_MAX_CHUNKS))
        return "the chunks lie outside the file";
    return NULL;
}

static bool is_text(size_t n_bytes, uint32_t offset, uint32_t bytes)
{
    return offset <= n_bytes && bytes <= n_bytes - offset;
}

/* A copy at *at, with a NUL behind it, whatever the host wrote. */
static const char *copy_text(char **at, const uint8_t *area, uint32_t offset, uint32_t bytes)
{
    char *copy = *at;
    memcpy(copy, area + offset, bytes);
    copy[bytes] = 0;
    *at += bytes + 1;
    return copy;
}

/* "NAME=value\0"…: a last entry without its NUL is whole with the one that copy_text() put there. */
static size_t closed_bytes(const char *text, size_t bytes)
{
    return bytes && text[bytes - 1] ? bytes + 1 : bytes;
}

static void copy_instrumentations(struct wire_instrumentation *rows, const uint8_t *from, uint32_t n)
{
    memcpy(rows, from, n * sizeof(*rows));
    for (uint32_t i = 0; i < n; i++) {
        rows[i].name[sizeof(rows[i].name) - 1] = 0;
        rows[i].system[sizeof(rows[i].system) - 1] = 0;
    }
}

static int fill_process(const uint8_t *area, const struct wire_header *header, struct process *process,
                        void **ret_memory)
{
    uint32_t n = header->n_instrumentations;
    size_t row_bytes = n * sizeof(struct wire_instrumentation);
    char *memory =
        malloc(row_bytes + (size_t)header->exe_bytes + header->arguments_bytes + header->settings_bytes + 3);
    if (!memory)
        return -ENOMEM;
    char *at = memory + row_bytes;
    void *rows = memory;
    copy_instrumentations(rows, area + header->instrumentations_offset, n);
    *process = (struct process){
        .pid = header->pid,
        .uid = header->uid,
        .start_ticks = header->start_ticks,
        .pid_namespace = header->pid_namespace,
        .created_unix_ns = header->created_unix_ns,
        .is_watched = (header->flags & WIRE_WATCHED) != 0,
        .arguments_bytes = header->arguments_bytes,
        .secrets_text = "",
        .instrumentations = rows,
        .n_instrumentations = n,
        .trace_gap_ns = header->trace_gap_ns,
        .has_parent = header->trace_parent[25] == 1,
    };
    process->exe = copy_text(&at, area, header->exe_offset, header->exe_bytes);
    process->arguments = copy_text(&at, area, header->arguments_offset, header->arguments_bytes);
    process->settings_text = copy_text(&at, area, header->settings_offset, header->settings_bytes);
    process->settings_bytes = closed_bytes(process->settings_text, header->settings_bytes);
    memcpy(process->parent_trace_id, header->trace_parent, 16);
    memcpy(process->parent_span_id, header->trace_parent + 16, 8);
    *ret_memory = memory;
    return 0;
}

int header_decode(const uint8_t *area, size_t n_bytes, uint64_t file_bytes, struct header *ret_header,
                  const char **ret_reason)
{
    struct wire_header header;
    *ret_reason = "too short";
    if (n_bytes < WIRE_HEADER_BYTES)
        return n_bytes < sizeof(uint64_t) ? -EAGAIN : -EBADMSG;
    memcpy(&header, area, sizeof(header));
    if (header.magic != WIRE_MAGIC) {
        *ret_reason = "no magic";
        return header.magic ? -EBADMSG : -EAGAIN;
    }
    *ret_reason = "made by a newer version";
    if (header.version != WIRE_VERSION || (header.features_incompatible & ~KNOWN_INCOMPATIBLE))
        return -EPROTONOSUPPORT;
    if ((*ret_reason = check_parts(&header, file_bytes)))
        return -EBADMSG;
    *ret_reason = "a text lies outside the header area";
    if (header.n_instrumentations > WIRE_MAX_INSTRUMENTATIONS ||
        !is_text(n_bytes, header.instrumentations_offset,
                 header.n_instrumentations * (uint32_t)sizeof(struct wire_instrumentation)) ||
        !is_text(n_bytes, header.exe_offset, header.exe_bytes) ||
        !is_text(n_bytes, header.arguments_offset, header.arguments_bytes) ||
        !is_text(n_bytes, header.settings_offset, header.settings_bytes))
        return -EBADMSG;
    ret_header->layout = (struct header_layout){
        .chunk_lines = header.chunk_lines.offset,
        .acknowledged = header.acknowledged.offset,
        .closed_roots = header.closed_roots.offset,
        .thread_slots = header.thread_slots.offset,
        .operation_slots = header.operation_slots.offset,
        .crash_slot = header.crash_slot.offset,
        .has_crash_slot = header.crash_slot.entry_bytes >= WIRE_CRASH_SLOT_BYTES,
        .chunks = header.chunks.offset,
        .n_chunks = header.chunks.count,
        .n_thread_slots = header.thread_slots.count,
        .n_operation_slots = header.operation_slots.count,
        .state = header.state,
        .pid = header.pid,
        .created_mono_ns = header.created_mono_ns,
        .mono_to_unix_ns = (int64_t)(header.created_unix_ns - header.created_mono_ns),
    };
    return fill_process(area, &header, &ret_header->process, &ret_header->memory);
}

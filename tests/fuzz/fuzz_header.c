/*
 * fuzz_header: whatever a host writes into its header area, the process made from it has texts that end, rows that
 * end, and parts that lie within the file.
 *
 * Input: size of the file (8 bytes), then the beginning of the header area; the rest of it is zero. The magic is
 * put there unless the first byte of the area is 0xff.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sources/dropbox/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void touch(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        sink += (unsigned char)text[i];
    sink += (unsigned)strlen(text);
}

static void check_part(uint64_t offset, uint64_t count, uint64_t entry_bytes, uint64_t file_bytes)
{
    check(count >= 1 && offset >= WIRE_HEADER_BYTES && offset <= file_bytes);
    check(count * entry_bytes <= file_bytes - offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t magic = WIRE_MAGIC;
    uint64_t file_bytes;
    if (size < sizeof(file_bytes))
        return 0;
    memcpy(&file_bytes, data, sizeof(file_bytes));
    data += sizeof(file_bytes);
    size -= sizeof(file_bytes);
    bool is_short = size > WIRE_HEADER_BYTES;
    size = is_short ? WIRE_HEADER_BYTES : size;
    uint8_t *area = calloc(1, WIRE_HEADER_BYTES); /* on the heap: a byte too far is seen */
    memcpy(area, data, size);
    if (!size || data[0] != 0xff)
        memcpy(area, &magic, sizeof(magic));
    struct header header = {0};
    const char *reason = NULL;
    int error = header_decode(area, WIRE_HEADER_BYTES, file_bytes, &header, &reason);
    check(error == 0 || (error < 0 && reason && !header.memory));
    const struct process process = header.process;
    const struct header_layout layout = header.layout;
    if (!error) {
        check_part(layout.chunk_lines, layout.n_chunks, WIRE_CHUNK_LINE_BYTES, file_bytes);
        check_part(layout.acknowledged, layout.n_chunks, 8, file_bytes);
        check_part(layout.closed_roots, layout.n_thread_slots, 8, file_bytes);
        check_part(layout.thread_slots, layout.n_thread_slots, WIRE_THREAD_SLOT_BYTES, file_bytes);
        check_part(layout.operation_slots, layout.n_operation_slots, WIRE_OPERATION_SLOT_BYTES, file_bytes);
        check_part(layout.chunks, layout.n_chunks, WIRE_CHUNK_BYTES, file_bytes);
        check(layout.n_chunks <= WIRE_MAX_CHUNKS && process.n_instrumentations <= WIRE_MAX_INSTRUMENTATIONS);
        touch(process.exe, 0);
        touch(process.arguments, process.arguments_bytes);
        touch(process.settings_text, process.settings_bytes);
        const char *value =
            process_find_setting(process.settings_text, process.settings_bytes, "OTEL_SERVICE_NAME");
        touch(value ? value : "", 0);
        for (uint32_t i = 0; i < process.n_instrumentations; i++) {
            touch(process.instrumentations[i].name, 0);
            touch(process.instrumentations[i].system, 0);
        }
    }
    free(header.memory);
    free(area);
    return 0;
}

/* case: see case.h. Encoding and decoding share the tables, not the code. */
#include "sources/crash/case_priv.h"

#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const size_t case_texts[CASE_N_TEXTS] = {
    offsetof(struct crash_case, exe),
    offsetof(struct crash_case, service),
    offsetof(struct crash_case, service_version),
    offsetof(struct crash_case, environment),
    offsetof(struct crash_case, host),
    offsetof(struct crash_case, abort_message),
    offsetof(struct crash_case, thrown_type),
    offsetof(struct crash_case, thrown_what),
    offsetof(struct crash_case, registers_missing),
    offsetof(struct crash_case, threads_missing),
    offsetof(struct crash_case, maps),
    offsetof(struct crash_case, trace_id),
    offsetof(struct crash_case, span_id),
    offsetof(struct crash_case, ended_by),
    offsetof(struct crash_case, root),
    offsetof(struct crash_case, debuginfod),
};
void crash_case_fini(struct crash_case *crash)
{
    arena_fini(&crash->arena);
    *crash = (struct crash_case){.kind = CRASH_SIGNAL};
}

/* ---- writing ---- */

/* Parts of the file: the small ones are built in an arena, the large ones stay where they are. */
struct encoder {
    struct arena arena;
    struct file_part *parts;
    uint32_t n, max;
};

static void add_part(struct encoder *encoder, const void *bytes, size_t n_bytes)
{
    if (encoder->n == encoder->max) {
        encoder->max = encoder->max ? 2 * encoder->max : 64;
        encoder->parts = realloc(encoder->parts, encoder->max * sizeof(encoder->parts[0]));
        if (!encoder->parts)
            abort();
    }
    encoder->parts[encoder->n++] = (struct file_part){.bytes = bytes, .n_bytes = n_bytes};
}

/* `first` is copied, `rest` is not. */
static void add_section(struct encoder *encoder, uint32_t kind, const void *first, size_t first_bytes,
                        const void *rest, size_t rest_bytes)
{
    static const uint64_t padding;
    size_t bytes = first_bytes + rest_bytes;
    uint32_t mark[2] = {kind, (uint32_t)bytes};
    uint8_t *copy = arena_alloc(&encoder->arena, sizeof(mark) + first_bytes);
    memcpy(copy, mark, sizeof(mark));
    if (first_bytes)
        memcpy(copy + sizeof(mark), first, first_bytes);
    add_part(encoder, copy, sizeof(mark) + first_bytes);
    if (rest_bytes)
        add_part(encoder, rest, rest_bytes);
    if (bytes % 8)
        add_part(encoder, &padding, 8 - bytes % 8);
}

static void add_head(struct encoder *encoder, const struct crash_case *crash)
{
    struct case_head head = {
        .time_unix_ns = crash->time_unix_ns,
        .uptime_ns = crash->uptime_ns,
        .address = crash->address,
        .fault_repeats = crash->fault_repeats,
        .rss_bytes = crash->rss_bytes,
        .kind = crash->kind,
        .pid = crash->pid,
        .tid = crash->tid,
        .uid = crash->uid,
        .machine = crash->machine,
        .n_thrown_frames = crash->n_thrown_frames,
        .signal = crash->signal,
        .code = crash->code,
        .ended_status = crash->ended_status,
        .dumped_core = crash->dumped_core,
    };
    memcpy(head.id, crash->id, sizeof(crash->id));
    memcpy(head.siginfo, crash->siginfo, sizeof(head.siginfo));
    memcpy(head.thrown_frames, crash->thrown_frames, sizeof(head.thrown_frames));
    add_section(encoder, SECTION_HEAD, &head, sizeof(head), NULL, 0);
}

static void add_texts(struct encoder *encoder, const struct crash_case *crash)
{
    for (uint32_t i = 0; i < CASE_N_TEXTS; i++) {
        const char *text;
        memcpy(&text, (const uint8_t *)crash + case_texts[i], sizeof(text));
        if (text)
            add_section(encoder, SECTION_TEXT + i, NULL, 0, text, strlen(text) + 1);
    }
}

static void add_arguments(struct encoder *encoder, const struct crash_case *crash)
{
    size_t bytes = 0, at = 0;
    for (uint32_t i = 0; i < crash->n_arguments; i++)
        bytes += strlen(crash->arguments[i]) + 1;
    if (!bytes)
        return;
    char *joined = arena_alloc(&encoder->arena, bytes);
    for (uint32_t i = 0; i < crash->n_arguments; i++) {
        size_t n = strlen(crash->arguments[i]) + 1;
        memcpy(joined + at, crash->arguments[i], n);
        at += n;
    }
    add_section(encoder, SECTION_ARGUMENTS, NULL, 0, joined, bytes);
}

static void add_threads(struct encoder *encoder, const struct crash_case *crash)
{
    for (uint32_t i = 0; i < crash->n_threads; i++) {
        const struct crash_thread *thread = &crash->threads[i];
        struct case_thread section = {
            .tid = thread->tid, .is_crashed = thread->is_crashed, .is_incomplete = thread->is_incomplete};
        memcpy(section.name, thread->name, sizeof(thread->name));
        memcpy(section.registers, thread->registers, sizeof(section.registers));
        add_section(encoder, SECTION_THREAD, &section, sizeof(section), NULL, 0);
        for (uint32_t k = 0; k < thread->n_memory; k++)
            add_section(encoder, SECTION_MEMORY, &thread->memory[k].address, sizeof(uint64_t),
                        thread->memory[k].bytes, thread->memory[k].n_bytes);
    }
}

static void add_spans(struct encoder *encoder, enum section kind, const struct crash_span *spans, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *from[CASE_SPAN_TEXTS] = {spans[i].name, spans[i].kind, spans[i].trace_id,
                                             spans[i].span_id, spans[i].status};
        struct case_span section = {.start_unix_ns = spans[i].start_unix_ns,
                                    .end_unix_ns = spans[i].end_unix_ns,
                                    .tid = spans[i].tid};
        size_t bytes = 0, at = 0;
        for (uint32_t k = 0; k < CASE_SPAN_TEXTS; k++)
            bytes += strlen(from[k] ? from[k] : "") + 1;
        char *joined = arena_alloc(&encoder->arena, bytes);
        for (uint32_t k = 0; k < CASE_SPAN_TEXTS; k++) {
            size_t n_text = strlen(from[k] ? from[k] : "") + 1;
            memcpy(joined + at, from[k] ? from[k] : "", n_text);
            at += n_text;
        }
        add_section(encoder, kind, &section, sizeof(section), joined, bytes);
    }
}

static int sync_file(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int status = fsync(fd) == 0 && fsync(directory) == 0 ? 0 : -errno;
    close(fd);
    return status;
}

static void encode(struct encoder *encoder, const struct crash_case *crash)
{
    uint32_t version[2] = {CASE_VERSION, 0};
    add_part(encoder, CASE_MAGIC, sizeof(CASE_MAGIC) - 1);
    add_part(encoder, memcpy(arena_alloc(&encoder->arena, sizeof(version)), version, sizeof(version)),
             sizeof(version));
    add_head(encoder, crash);
    add_texts(encoder, crash);
    add_arguments(encoder, crash);
    if (crash->modules_bytes)
        add_section(encoder, SECTION_MODULES, NULL, 0, crash->modules, crash->modules_bytes);
    add_threads(encoder, crash);
    add_spans(encoder, SECTION_OPEN_SPAN, crash->open_spans, crash->n_open_spans);
    add_spans(encoder, SECTION_RECENT_SPAN, crash->recent_spans, crash->n_recent_spans);
    add_section(encoder, SECTION_END, NULL, 0, NULL, 0);
}

static void encoder_fini(struct encoder *encoder)
{
    free(encoder->parts);
    arena_fini(&encoder->arena);
}

int crash_case_write(const struct crash_case *crash, int directory, const char *name)
{
    struct encoder encoder = {.n = 0};
    encode(&encoder, crash);
    int status = file_write_atomic(directory, name, encoder.parts, encoder.n);
    encoder_fini(&encoder);
    return status;
}

int crash_case_write_to(const struct crash_case *crash, int fd)
{
    struct encoder encoder = {.n = 0};
    encode(&encoder, crash);
    int status = file_write_parts(fd, encoder.parts, encoder.n);
    encoder_fini(&encoder);
    return status;
}

int case_write_synced(const struct crash_case *crash, int directory, const char *name)
{
    int status = crash_case_write(crash, directory, name);
    return status ? status : sync_file(directory, name);
}

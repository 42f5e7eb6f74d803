/* case_read: a case out of its file, every length checked. See case.h. */
#include "sources/crash/case_priv.h"

#include "sources/crash/slot.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_THREADS 4096u
#define MAX_MEMORY 64u /* pieces of one thread's stack */
#define MAX_SPANS 4096u
#define MAX_ARGUMENTS 4096u

/* A list that grows in the arena. */
struct list {
    uint8_t *items;
    uint32_t n, max;
};

struct decoder {
    struct crash_case *crash;
    struct list threads, memory, open_spans, recent_spans;
    bool has_head;
};

static void *append(struct arena *arena, struct list *list, size_t item_bytes, uint32_t limit)
{
    if (list->n == limit)
        return NULL;
    if (list->n == list->max) {
        list->max = list->max ? 2 * list->max : 8;
        uint8_t *items = arena_zalloc(arena, list->max * item_bytes);
        if (list->n)
            memcpy(items, list->items, list->n * item_bytes);
        list->items = items;
    }
    return list->items + (size_t)list->n++ * item_bytes;
}

static bool decode_head(struct decoder *decoder, const uint8_t *bytes, size_t n)
{
    struct crash_case *crash = decoder->crash;
    struct case_head head;
    if (n != sizeof(head) || decoder->has_head)
        return false;
    memcpy(&head, bytes, sizeof(head));
    if (head.kind > CRASH_STACKS || head.n_thrown_frames > WIRE_THROWN_FRAMES ||
        strnlen(head.id, sizeof(head.id)) != sizeof(crash->id) - 1)
        return false;
    for (const char *at = head.id; *at; at++)
        if (!strchr("0123456789abcdef-", *at))
            return false;
    decoder->has_head = true;
    memcpy(crash->id, head.id, sizeof(crash->id));
    crash->kind = (enum crash_kind)head.kind;
    crash->time_unix_ns = head.time_unix_ns;
    crash->uptime_ns = head.uptime_ns;
    crash->address = head.address;
    crash->fault_repeats = head.fault_repeats;
    crash->rss_bytes = head.rss_bytes;
    crash->pid = head.pid;
    crash->tid = head.tid;
    crash->uid = head.uid;
    crash->machine = (uint16_t)head.machine;
    crash->n_thrown_frames = head.n_thrown_frames;
    crash->signal = head.signal;
    crash->code = head.code;
    crash->ended_status = head.ended_status;
    crash->dumped_core = head.dumped_core != 0;
    memcpy(crash->siginfo, head.siginfo, sizeof(crash->siginfo));
    memcpy(crash->thrown_frames, head.thrown_frames, sizeof(crash->thrown_frames));
    return true;
}

/* The texts of a section, each ended by its NUL. False: there are others than `n`. */
static bool split_texts(const uint8_t *bytes, size_t n_bytes, const char **ret_texts, uint32_t n)
{
    if (!n_bytes || bytes[n_bytes - 1])
        return false;
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (at >= n_bytes)
            return false;
        ret_texts[i] = (const char *)bytes + at;
        at += strlen(ret_texts[i]) + 1;
    }
    return at == n_bytes;
}

static bool decode_arguments(struct decoder *decoder, const uint8_t *bytes, size_t n_bytes)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += !bytes[i];
    if (n > MAX_ARGUMENTS)
        return false;
    const char **arguments = arena_alloc(&decoder->crash->arena, (n + 1) * sizeof(*arguments));
    if (!split_texts(bytes, n_bytes, arguments, n))
        return false;
    decoder->crash->arguments = arguments;
    decoder->crash->n_arguments = n;
    return true;
}

/* The pieces of memory that followed the last thread are its. */
static void close_thread(struct decoder *decoder)
{
    if (!decoder->threads.n)
        return;
    struct crash_thread *last =
        (struct crash_thread *)(void *)decoder->threads.items + decoder->threads.n - 1;
    last->memory = (const struct crash_memory *)(const void *)decoder->memory.items;
    last->n_memory = decoder->memory.n;
    decoder->memory = (struct list){.n = 0};
}

static bool decode_thread(struct decoder *decoder, const uint8_t *bytes, size_t n)
{
    struct case_thread section;
    if (n != sizeof(section))
        return false;
    close_thread(decoder);
    struct crash_thread *thread =
        append(&decoder->crash->arena, &decoder->threads, sizeof(*thread), MAX_THREADS);
    if (!thread)
        return false;
    memcpy(&section, bytes, sizeof(section));
    thread->tid = section.tid;
    thread->is_crashed = section.is_crashed != 0;
    thread->is_incomplete = section.is_incomplete != 0;
    memcpy(thread->name, section.name, sizeof(thread->name) - 1);
    memcpy(thread->registers, section.registers, sizeof(thread->registers));
    return true;
}

static bool decode_memory(struct decoder *decoder, const uint8_t *bytes, size_t n)
{
    struct crash_memory *memory =
        decoder->threads.n && n > sizeof(uint64_t)
            ? append(&decoder->crash->arena, &decoder->memory, sizeof(*memory), MAX_MEMORY)
            : NULL;
    if (!memory)
        return false;
    memcpy(&memory->address, bytes, sizeof(memory->address));
    memory->bytes = bytes + sizeof(memory->address);
    memory->n_bytes = n - sizeof(memory->address);
    return memory->n_bytes - 1 <= UINT64_MAX - memory->address;
}

static bool decode_span(struct decoder *decoder, struct list *list, const uint8_t *bytes, size_t n)
{
    struct case_span section;
    const char *from[CASE_SPAN_TEXTS];
    if (n < sizeof(section) ||
        !split_texts(bytes + sizeof(section), n - sizeof(section), from, CASE_SPAN_TEXTS))
        return false;
    struct crash_span *span = append(&decoder->crash->arena, list, sizeof(*span), MAX_SPANS);
    if (!span)
        return false;
    memcpy(&section, bytes, sizeof(section));
    *span = (struct crash_span){.name = from[0],
                                .kind = from[1],
                                .trace_id = from[2],
                                .span_id = from[3],
                                .status = from[4],
                                .tid = section.tid,
                                .start_unix_ns = section.start_unix_ns,
                                .end_unix_ns = section.end_unix_ns};
    return true;
}

static bool decode_text(struct decoder *decoder, uint32_t row, const uint8_t *bytes, size_t n)
{
    const char *text;
    if (row >= CASE_N_TEXTS)
        return true; /* from the future */
    if (!split_texts(bytes, n, &text, 1))
        return false;
    memcpy((uint8_t *)decoder->crash + case_texts[row], &text, sizeof(text));
    return true;
}

static bool decode_section(struct decoder *decoder, uint32_t kind, const uint8_t *bytes, size_t n)
{
    switch (kind) {
    case SECTION_HEAD:
        return decode_head(decoder, bytes, n);
    case SECTION_ARGUMENTS:
        return decode_arguments(decoder, bytes, n);
    case SECTION_MODULES:
        decoder->crash->modules = bytes;
        decoder->crash->modules_bytes = n;
        return n <= UINT32_MAX && slot_check_modules(bytes, (uint32_t)n) == n;
    case SECTION_THREAD:
        return decode_thread(decoder, bytes, n);
    case SECTION_MEMORY:
        return decode_memory(decoder, bytes, n);
    case SECTION_OPEN_SPAN:
        return decode_span(decoder, &decoder->open_spans, bytes, n);
    case SECTION_RECENT_SPAN:
        return decode_span(decoder, &decoder->recent_spans, bytes, n);
    default:
        return kind < SECTION_TEXT || decode_text(decoder, kind - SECTION_TEXT, bytes, n);
    }
}

/* Lists grew while they were read: now they are where they stay. */
static void finish(struct decoder *decoder)
{
    struct crash_case *crash = decoder->crash;
    close_thread(decoder);
    crash->threads = (struct crash_thread *)(void *)decoder->threads.items;
    crash->n_threads = decoder->threads.n;
    crash->open_spans = (const struct crash_span *)(const void *)decoder->open_spans.items;
    crash->n_open_spans = decoder->open_spans.n;
    crash->recent_spans = (const struct crash_span *)(const void *)decoder->recent_spans.items;
    crash->n_recent_spans = decoder->recent_spans.n;
    if (!crash->exe)
        crash->exe = "";
    if (!crash->root)
        crash->root = "";
    if (!crash->ended_by)
        crash->ended_by = "unknown";
}

static bool decode_all(struct decoder *decoder, const uint8_t *bytes, size_t n_bytes)
{
    uint32_t mark[2];
    if (n_bytes < 16 || memcmp(bytes, CASE_MAGIC, 8) != 0)
        return false;
    memcpy(mark, bytes + 8, sizeof(mark));
    if (mark[0] != CASE_VERSION)
        return false;
    for (size_t at = 16; n_bytes - at >= sizeof(mark);) {
        memcpy(mark, bytes + at, sizeof(mark));
        at += sizeof(mark);
        if (mark[0] == SECTION_END)
            return decoder->has_head && mark[1] == 0;
        if (mark[1] > n_bytes - at || !decode_section(decoder, mark[0], bytes + at, mark[1]))
            return false;
        size_t padded = ((size_t)mark[1] + 7) & ~(size_t)7;
        at += padded < n_bytes - at ? padded : n_bytes - at;
    }
    return false;
}

int case_decode(struct crash_case *ret_crash, const uint8_t *bytes, size_t n_bytes)
{
    struct crash_case crash = {.kind = CRASH_SIGNAL, .arena = ret_crash->arena};
    struct decoder decoder = {.crash = &crash};
    bool is_right = decode_all(&decoder, bytes, n_bytes);
    if (is_right)
        finish(&decoder);
    ret_crash->arena = crash.arena; /* what was allocated is the caller's in any case */
    if (!is_right)
        return -EBADMSG;
    *ret_crash = crash;
    return 0;
}

int crash_case_read(struct crash_case *ret_crash, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size > (off_t)CASE_MAX_BYTES)
        return -EBADMSG;
    struct crash_case crash = {.kind = CRASH_SIGNAL};
    size_t max = (size_t)status.st_size, n = 0;
    uint8_t *bytes = arena_alloc(&crash.arena, max + 1);
    ssize_t got = 1;
    while (n < max && got > 0) {
        got = pread(fd, bytes + n, max - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            n += (size_t)got;
    }
    int error = got < 0 ? -EIO : case_decode(&crash, bytes, n);
    if (error)
        arena_fini(&crash.arena);
    else
        *ret_crash = crash;
    return error;
}

/*
 * fake_client: a traced process's file, written by hand from wire.h alone, for the tests of the reading side.
 *
 * Nothing of shim/ is used: a mistake there must not cancel out with one in the exporter. Files lie in a private
 * directory below /dev/shm (the leases and holes that matter are tmpfs's); fake_box_init() makes it.
 */
#ifndef OTELSHIM_FAKE_CLIENT_H
#define OTELSHIM_FAKE_CLIENT_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wire.h>
/* cmocka wants the four headers above before it */
#include <cmocka.h>

enum fake_key { FAKE_URL = 1, FAKE_STATUS = 3, FAKE_QUERY = 20, FAKE_SERVER = 40, FAKE_PORT = 41 };

struct fake_client {
    char path[400];
    uint8_t *base;
    size_t bytes;
    struct wire_header *header;
    struct wire_exporter *exporter;
    struct wire_chunk_line *lines;
    uint64_t *acknowledged, *closed_roots;
    struct wire_thread_slot *slots;
    struct wire_operation_slot *operations;
    uint8_t *chunks;
};

static inline uint64_t fake_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void fake_sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

/* Field 22 of /proc/<pid>/stat. */
static inline uint64_t fake_start_ticks(pid_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    char *at = strrchr(line, ')');
    for (int field = 2; field < 22; field++)
        at = strchr(at, ' ') + 1;
    return strtoull(at, NULL, 10);
}

/* A process with a secret in its environment, and one that its header will not mention. */
static inline pid_t fake_start_with_secret(void)
{
    char path[64], text[21] = "";
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        static char name[] = "sleep", seconds[] = "100", home[] = "HOME=/nowhere";
        static char told[] = "OTEL_EXPORTER_OTLP_HEADERS=k=secret",
                    other[] = "OTEL_EXPORTER_OTLP_TRACES_HEADERS=other";
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execve("/bin/sleep", (char *[]){name, seconds, NULL}, (char *[]){told, other, home, NULL});
        _exit(1);
    }
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    while (strncmp(text, "OTEL_", 5) != 0) { /* exec is under way */
        usleep(1000);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0)
            close(fd);
    }
    return pid;
}

static inline struct wire_part fake_part(uint64_t *at, uint32_t count, uint32_t entry_bytes)
{
    struct wire_part part = {.offset = *at, .count = count, .entry_bytes = entry_bytes};
    *at = (*at + (uint64_t)count * entry_bytes + WIRE_ALIGN - 1) / WIRE_ALIGN * WIRE_ALIGN;
    return part;
}

static inline void fake_fill_header(struct wire_header *header, uint32_t n_chunks, pid_t pid,
                                    uint64_t *ret_bytes)
{
    uint64_t at = WIRE_HEADER_BYTES;
    struct stat status;
    memset(header, 0, sizeof(*header));
    header->version = WIRE_VERSION;
    header->header_bytes = WIRE_HEADER_BYTES;
    header->chunk_lines = fake_part(&at, n_chunks, WIRE_CHUNK_LINE_BYTES);
    header->acknowledged = fake_part(&at, n_chunks, 8);
    header->closed_roots = fake_part(&at, WIRE_THREAD_SLOTS, 8);
    header->thread_slots = fake_part(&at, WIRE_THREAD_SLOTS, WIRE_THREAD_SLOT_BYTES);
    header->operation_slots = fake_part(&at, WIRE_OPERATION_SLOTS, WIRE_OPERATION_SLOT_BYTES);
    header->crash_slot = fake_part(&at, 1, WIRE_CRASH_SLOT_BYTES);
    header->chunks = fake_part(&at, n_chunks, WIRE_CHUNK_BYTES);
    *ret_bytes = at;
    header->pid = (uint32_t)pid;
    header->uid = geteuid();
    header->start_ticks = fake_start_ticks(pid);
    header->pid_namespace = stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
    header->created_mono_ns = fake_now_ns();
    header->created_unix_ns = (uint64_t)time(NULL) * 1000000000u;
    header->trace_gap_ns = 100000000u;
    header->page_bytes = 4096;
    header->instrumentations_offset = WIRE_INSTRUMENTATIONS_OFFSET;
    header->n_instrumentations = 2;
    header->exe_offset = WIRE_TEXT_OFFSET;
    header->exe_bytes = 11;
    header->arguments_offset = WIRE_TEXT_OFFSET + 16;
    header->arguments_bytes = 9;
    header->settings_offset = WIRE_TEXT_OFFSET + 32;
    header->settings_bytes = 52;
}

static inline void fake_fill_area(uint8_t *area, uint32_t n_chunks, pid_t pid, uint64_t *ret_bytes)
{
    struct wire_header header;
    fake_fill_header(&header, n_chunks, pid, ret_bytes);
    memcpy(area, &header, sizeof(header));
    struct wire_instrumentation rows[2] = {{.name = "libpq", .system = "postgresql", .family = WIRE_DATABASE},
                                           {.name = "libcurl", .family = WIRE_HTTP}};
    memcpy(area + WIRE_INSTRUMENTATIONS_OFFSET, rows, sizeof(rows));
    memcpy(area + WIRE_TEXT_OFFSET, "/bin/trader", 11);
    memcpy(area + WIRE_TEXT_OFFSET + 16, "trader\0-x", 9);
    memcpy(area + WIRE_TEXT_OFFSET + 32, "OTEL_SERVICE_NAME=trader\0OTEL_EXPORTER_OTLP_HEADERS\0", 52);
}

/* `pid` must live. No magic yet: fake_publish(). */
static inline void fake_make(struct fake_client *fake, const char *directory, pid_t pid, uint32_t number,
                             uint32_t n_chunks)
{
    static uint8_t area[WIRE_HEADER_BYTES];
    memset(area, 0, sizeof(area));
    fake_fill_area(area, n_chunks, pid, &fake->bytes);
    snprintf(fake->path, sizeof(fake->path), "%s/%d-%llu-%u", directory, pid,
             (unsigned long long)fake_start_ticks(pid), number);
    int fd = open(fake->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)fake->bytes), 0);
    fake->base = mmap(NULL, fake->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(fake->base, MAP_FAILED);
    close(fd);
    memcpy(fake->base, area, sizeof(area));
    fake->header = (struct wire_header *)fake->base;
    fake->exporter = (struct wire_exporter *)(fake->base + WIRE_EXPORTER_OFFSET);
    fake->lines = (struct wire_chunk_line *)(fake->base + fake->header->chunk_lines.offset);
    fake->acknowledged = (uint64_t *)(fake->base + fake->header->acknowledged.offset);
    fake->closed_roots = (uint64_t *)(fake->base + fake->header->closed_roots.offset);
    fake->slots = (struct wire_thread_slot *)(fake->base + fake->header->thread_slots.offset);
    fake->operations = (struct wire_operation_slot *)(fake->base + fake->header->operation_slots.offset);
    fake->chunks = fake->base + fake->header->chunks.offset;
    for (uint32_t i = 0; i < n_chunks; i++)
        fake->lines[i].word = fake->acknowledged[i] = WIRE_CLOSED;
}

static inline void fake_publish(struct fake_client *fake)
{
    __atomic_store_n(&fake->header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
}

static inline void fake_unmap(struct fake_client *fake)
{
    if (fake->base)
        munmap(fake->base, fake->bytes);
    fake->base = NULL;
}

/* ---- records ---- */
static inline uint32_t fake_put_fact(uint8_t *at, uint16_t key, uint8_t type, const void *value,
                                     uint16_t bytes)
{
    struct wire_fact fact = {.key = key, .type = type, .bytes = bytes, .original = bytes};
    memcpy(at, &fact, sizeof(fact));
    memcpy(at + sizeof(fact), value, bytes);
    return (uint32_t)sizeof(fact) + ((bytes + 7u) & ~7u);
}

static inline uint32_t fake_put_text(uint8_t *at, uint16_t key, const char *text)
{
    return fake_put_fact(at, key, WIRE_STRING, text, (uint16_t)strlen(text));
}

static inline uint32_t fake_put_int(uint8_t *at, uint16_t key, int64_t value)
{
    return fake_put_fact(at, key, WIRE_INT, &value, 8);
}

static inline struct wire_span_facts fake_span_facts(uint64_t id)
{
    struct wire_span_facts facts = {
        .start_mono_ns = fake_now_ns() - 1000, .tid = (uint32_t)gettid(), .flags = WIRE_SPAN_SAMPLED};
    memset(facts.trace_id, 7, sizeof(facts.trace_id));
    memcpy(facts.span_id, &id, sizeof(id));
    return facts;
}

/* A span with this id and one fact; `connection` 0: none. Returns its length. */
static inline uint32_t fake_put_span(uint8_t *at, uint64_t id, uint32_t connection)
{
    struct wire_span span = {
        .record = {.kind = WIRE_RECORD_SPAN}, .facts = fake_span_facts(id), .connection = connection};
    span.end_mono_ns = span.facts.start_mono_ns + 500;
    uint32_t bytes = sizeof(span);
    bytes += fake_put_text(at + bytes, FAKE_QUERY, "SELECT 1");
    span.record.bytes = bytes;
    memcpy(at, &span, sizeof(span));
    return bytes;
}

/* Shared facts: server name and port. */
static inline uint32_t fake_put_facts(uint8_t *at, uint32_t number, const char *server, int port)
{
    struct wire_facts facts = {.record = {.kind = WIRE_RECORD_FACTS}, .number = number};
    uint32_t bytes = sizeof(facts);
    bytes += fake_put_text(at + bytes, FAKE_SERVER, server);
    bytes += fake_put_int(at + bytes, FAKE_PORT, port);
    facts.record.bytes = bytes;
    facts.fact_bytes = bytes - (uint32_t)sizeof(facts);
    memcpy(at, &facts, sizeof(facts));
    return bytes;
}

static inline uint32_t fake_put_root(uint8_t *at, uint64_t id, uint32_t slot)
{
    struct wire_root root = {.record = {.bytes = sizeof(root), .kind = WIRE_RECORD_ROOT},
                             .facts = fake_span_facts(id),
                             .calls = 3,
                             .errors = 1,
                             .slot = slot,
                             .thread_name = "worker"};
    root.end_mono_ns = root.facts.start_mono_ns + 900;
    memcpy(at, &root, sizeof(root));
    return sizeof(root);
}

static inline uint32_t fake_put_log(uint8_t *at, const char *body)
{
    struct wire_log log = {
        .record = {.kind = WIRE_RECORD_LOG}, .mono_ns = fake_now_ns(), .kind = WIRE_LOG_LINE, .severity = 9};
    log.record.bytes = sizeof(log) + fake_put_text(at + sizeof(log), 88, body);
    memcpy(at, &log, sizeof(log));
    return log.record.bytes;
}

static inline uint32_t fake_put_measurement(uint8_t *at, const char *name, int64_t value)
{
    struct wire_measurement measurement = {.record = {.kind = WIRE_RECORD_MEASUREMENT},
                                           .mono_ns = fake_now_ns(),
                                           .value = (uint64_t)value,
                                           .instrument = WIRE_COUNTER};
    measurement.record.bytes = sizeof(measurement) + fake_put_text(at + sizeof(measurement), 95, name);
    memcpy(at, &measurement, sizeof(measurement));
    return measurement.record.bytes;
}

/* ---- chunks ---- */
static inline uint64_t fake_word(uint64_t sequence, uint32_t bytes, uint64_t flags)
{
    return sequence << WIRE_SEQ_SHIFT | flags | bytes / 8;
}

static inline void fake_lease(struct fake_client *fake, uint32_t index)
{
    uint64_t sequence = (fake->lines[index].word >> WIRE_SEQ_SHIFT) + 1;
    fake->lines[index].word = fake_word(sequence, 0, WIRE_OWNED) | (uint64_t)gettid() << WIRE_TID_SHIFT;
}

static inline uint32_t fake_used(const struct fake_client *fake, uint32_t index)
{
    return (uint32_t)(fake->lines[index].word & WIRE_BYTES_MASK) * 8;
}

static inline uint8_t *fake_at(struct fake_client *fake, uint32_t index)
{
    return fake->chunks + (size_t)index * WIRE_CHUNK_BYTES + fake_used(fake, index);
}

static inline void fake_commit(struct fake_client *fake, uint32_t index, uint32_t bytes)
{
    __atomic_store_n(&fake->lines[index].word, fake->lines[index].word + bytes / 8, __ATOMIC_RELEASE);
}

static inline void fake_close(struct fake_client *fake, uint32_t index)
{
    uint64_t word = fake->lines[index].word;
    __atomic_store_n(&fake->lines[index].word, (word & WIRE_STATE_MASK) | WIRE_CLOSED, __ATOMIC_RELEASE);
}

static inline void fake_span(struct fake_client *fake, uint32_t index, uint64_t id)
{
    fake_commit(fake, index, fake_put_span(fake_at(fake, index), id, 0));
}

/* ---- open spans ---- */
static inline void fake_open(struct wire_open_span *open, uint8_t *staged, uint64_t id)
{
    open->facts = fake_span_facts(id);
    uint32_t bytes = fake_put_facts(staged + open->from, 9, "db.example", 5432);
    open->n_shared = 1;
    bytes += fake_put_text(staged + open->from + bytes, FAKE_QUERY, "SELECT 2");
    open->bytes = bytes;
}

static inline void fake_push(struct fake_client *fake, uint32_t slot, uint64_t id)
{
    struct wire_thread_slot *at = &fake->slots[slot];
    struct wire_open_span *open = &at->open[at->depth];
    at->tid = (uint32_t)gettid();
    open->from = at->depth ? open[-1].from + open[-1].bytes : 0;
    fake_open(open, at->staged, id);
    at->depth++;
}

static inline void fake_episode(struct fake_client *fake, uint32_t slot, uint64_t id, uint64_t end_ns)
{
    struct wire_thread_slot *at = &fake->slots[slot];
    at->tid = (uint32_t)gettid();
    at->claims = 1;
    strcpy(at->thread_name, "worker");
    at->sequence++;
    at->episode.root = fake_span_facts(id);
    at->episode.root.start_mono_ns = end_ns - 5000;
    at->episode.end_mono_ns = end_ns;
    at->episode.calls = 2;
    at->sequence++;
}

#endif

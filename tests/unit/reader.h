/*
 * reader: a drop box in a private directory, and what it handed on, for the tests of the reading side.
 */
#ifndef OTELSHIM_TEST_READER_H
#define OTELSHIM_TEST_READER_H

#include "fake_client.h"

#include "sources/dropbox/dropbox.h"
#include <poll.h>

#define READER_MAX_SPANS 4096u

/* What is kept of a raw span. */
struct reader_span {
    enum raw_kind kind;
    uint64_t id;
    uint64_t start_ns, end_ns;
    int64_t mono_to_unix_ns;
    uint32_t n_facts, calls;
    enum wire_outcome outcome;
    char query[32], server[32], death[16], thread_name[17], scope[24];
    int64_t port;
};

struct reader {
    char directory[100];
    struct dropbox *dropbox;
    struct reader_span spans[READER_MAX_SPANS];
    struct receipt receipts[READER_MAX_SPANS];
    uint32_t n_spans, n_acknowledged;
    uint32_t n_processes, n_gone, n_notes;
    struct process first; /* a shallow copy of the first process */
    char secrets[200];
    char last_note[300];
    int pidfd_at_death; /* of the last one: its number, not the descriptor */
    bool is_closed;     /* the gate */
};

static inline void reader_copy_text(char *to, size_t max, const struct raw_span *raw, int key)
{
    const struct raw_fact *fact = raw_span_find(raw, (enum wire_attribute)key);
    if (fact && fact->bytes)
        snprintf(to, max, "%.*s", (int)fact->n_bytes, fact->bytes);
}

static inline void reader_on_span(void *context, const struct raw_span *raw, const struct receipt *receipt)
{
    struct reader *reader = context;
    assert_true(reader->n_spans < READER_MAX_SPANS);
    struct reader_span *span = &reader->spans[reader->n_spans];
    memset(span, 0, sizeof(*span));
    span->kind = raw->kind;
    memcpy(&span->id, raw->span.span_id, sizeof(span->id));
    span->start_ns = raw->span.start_mono_ns;
    span->end_ns = raw->end_mono_ns;
    span->mono_to_unix_ns = raw->mono_to_unix_ns;
    span->n_facts = raw->n_facts;
    span->calls = raw->calls;
    span->outcome = raw->outcome;
    reader_copy_text(span->query, sizeof(span->query), raw, FAKE_QUERY);
    reader_copy_text(span->server, sizeof(span->server), raw, FAKE_SERVER);
    const struct raw_fact *port = raw_span_find(raw, (enum wire_attribute)FAKE_PORT);
    span->port = port ? port->integer : 0;
    snprintf(span->death, sizeof(span->death), "%s", raw->death ? raw->death : "");
    snprintf(span->thread_name, sizeof(span->thread_name), "%s", raw->thread_name);
    snprintf(span->scope, sizeof(span->scope), "%s", raw->instrumentation ? raw->instrumentation->name : "");
    reader->receipts[reader->n_spans++] = *receipt;
}

/* Kept like a span: `scope` says which kind it was, `query` its first text. */
static inline void reader_on_other(void *context, const char *scope, int64_t mono_to_unix_ns,
                                   const struct raw_fact *fact, const struct receipt *receipt)
{
    struct reader *reader = context;
    assert_true(reader->n_spans < READER_MAX_SPANS);
    struct reader_span *span = &reader->spans[reader->n_spans];
    *span = (struct reader_span){.mono_to_unix_ns = mono_to_unix_ns};
    snprintf(span->scope, sizeof(span->scope), "%s", scope);
    snprintf(span->query, sizeof(span->query), "%.*s", (int)fact->n_bytes, fact->bytes);
    reader->receipts[reader->n_spans++] = *receipt;
}

static inline void reader_on_log(void *context, const struct raw_log *raw, const struct receipt *receipt)
{
    reader_on_other(context, "log", raw->mono_to_unix_ns, &raw->facts[0], receipt);
}

static inline void reader_on_measurement(void *context, const struct raw_measurement *raw,
                                         const struct receipt *receipt)
{
    reader_on_other(context, "measurement", raw->mono_to_unix_ns, &raw->facts[0], receipt);
}

static inline void reader_on_process(void *context, struct process *process)
{
    struct reader *reader = context;
    if (!reader->n_processes++) {
        reader->first = *process;
        memcpy(reader->secrets, process->secrets_text,
               process->secrets_bytes < 199 ? process->secrets_bytes : 199);
    }
}

static inline void reader_on_gone(void *context, struct process *process)
{
    (void)process;
    ((struct reader *)context)->n_gone++;
}

static inline void reader_on_death(void *context, struct process *process, const char *death, int pidfd)
{
    (void)process;
    (void)death;
    ((struct reader *)context)->pidfd_at_death = pidfd;
}

static inline void reader_on_note(void *context, const char *line)
{
    struct reader *reader = context;
    reader->n_notes++;
    snprintf(reader->last_note, sizeof(reader->last_note), "%s", line);
    if (getenv("READER_NOTES"))
        fprintf(stderr, "note: %s\n", line);
}

static inline bool reader_may_take(void *context, const struct process *process)
{
    (void)process;
    return !((struct reader *)context)->is_closed;
}

/* Only the private directory: never the real boxes of whoever runs the tests. */
static inline void reader_start(struct reader *reader)
{
    char problem[200];
    struct dropbox_events events = {.on_process = reader_on_process,
                                    .on_process_gone = reader_on_gone,
                                    .on_span = reader_on_span,
                                    .on_note = reader_on_note,
                                    .on_death = reader_on_death,
                                    .on_log = reader_on_log,
                                    .on_measurement = reader_on_measurement,
                                    .context = reader};
    int error = dropbox_create(&reader->dropbox, reader->directory, false, true, &events, problem);
    if (error)
        fail_msg("%s", problem);
    dropbox_set_gate(reader->dropbox, reader_may_take);
}

static inline void reader_stop(struct reader *reader)
{
    dropbox_destroy(reader->dropbox);
    reader->dropbox = NULL;
}

static inline uint32_t reader_poll(struct reader *reader)
{
    return dropbox_poll(reader->dropbox, 10000);
}

/* Acknowledges everything that was handed on so far. */
static inline void reader_acknowledge(struct reader *reader)
{
    dropbox_acknowledge(reader->dropbox, reader->receipts + reader->n_acknowledged,
                        reader->n_spans - reader->n_acknowledged);
    reader->n_acknowledged = reader->n_spans;
}

/* Polls and acknowledges every 10 ms, as long as that; as often, too, where this process does not run meanwhile. */
static inline void reader_poll_for(struct reader *reader, unsigned ms)
{
    uint64_t until = fake_now_ns() + ms * 1000000ull;
    for (unsigned n = 0; n < ms / 10 || fake_now_ns() < until; n++) {
        reader_poll(reader);
        reader_acknowledge(reader);
        fake_sleep_ms(10);
    }
}

static inline bool reader_is_readable(const struct reader *reader)
{
    struct pollfd poll_fd = {.fd = dropbox_descriptor(reader->dropbox), .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* How many of this kind and id were handed on. */
static inline uint32_t reader_count(const struct reader *reader, enum raw_kind kind, uint64_t id)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < reader->n_spans; i++)
        n += reader->spans[i].kind == kind && reader->spans[i].id == id;
    return n;
}

static inline const struct reader_span *reader_find(const struct reader *reader, uint64_t id)
{
    for (uint32_t i = 0; i < reader->n_spans; i++)
        if (reader->spans[i].id == id)
            return &reader->spans[i];
    fail_msg("no span %llu", (unsigned long long)id);
    return NULL;
}

static inline int reader_setup(void **state)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -1;
    snprintf(reader->directory, sizeof(reader->directory), "/dev/shm/otelshim-test-%d-%llx", getpid(),
             (unsigned long long)fake_now_ns());
    *state = reader;
    return 0;
}

static inline int reader_teardown(void **state)
{
    struct reader *reader = *state;
    char command[200];
    if (reader->dropbox)
        reader_stop(reader);
    snprintf(command, sizeof(command), "rm -rf %s", reader->directory);
    int status = system(command);
    free(reader);
    return status;
}

#endif

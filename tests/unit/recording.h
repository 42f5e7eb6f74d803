/* recording: a chunk's bytes that a test writes, and what record_decode() makes of them. */
#ifndef OTELSHIM_RECORDING_H
#define OTELSHIM_RECORDING_H

#include "fake_client.h"

#include "sources/dropbox/record.h"

static const struct wire_instrumentation rows[2] = {{.name = "libpq"}, {.name = "libcurl"}};
static struct process process = {.instrumentations = rows, .n_instrumentations = 2};

struct fixture {
    struct record_context context;
    struct record_memory memory;
    _Alignas(8) uint8_t bytes[WIRE_CHUNK_BYTES];
    struct record record;
};

static inline int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->context.process = &process;
    fixture->context.max_memory_bytes = 64u << 10;
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    record_memory_fini(&fixture->memory);
    free(fixture);
    return 0;
}

static inline enum record_result decode(struct fixture *f, uint32_t n_bytes)
{
    f->record.bytes = 0;
    return record_decode(&f->context, &f->memory, f->bytes, n_bytes, &f->record);
}

static inline void set_bytes(struct fixture *f, uint32_t bytes)
{
    memcpy(f->bytes, &bytes, sizeof(bytes));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

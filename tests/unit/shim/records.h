/* records: what this process has committed so far, seen from outside, record by record (after mapped_file.h). */
#ifndef OTELSHIM_TEST_RECORDS_H
#define OTELSHIM_TEST_RECORDS_H

#include "mapped_file.h"

#include "facts.h"

#define MAX_RECORDS 16384u

struct records {
    struct mapped_file file;
    const struct wire_record *at[MAX_RECORDS];
    uint32_t n;
};

/* In the order of the chunks, which is the order of time as long as there is one thread. */
static inline void read_records(struct records *records)
{
    records->n = 0;
    CHECK(find_file(&records->file, getpid()));
    for (uint32_t i = 0; i < records->file.header.chunks.count; i++) {
        uint32_t bytes = committed_bytes(read_host_word(&records->file, i));
        uint8_t *chunk = bytes ? malloc(bytes) : NULL;
        if (!chunk)
            continue;
        read_chunk(&records->file, i, 0, chunk, bytes);
        for (uint32_t at = 0; at < bytes; at += records->at[records->n++]->bytes) {
            records->at[records->n] = (const void *)(chunk + at);
            CHECK(records->n + 1 < MAX_RECORDS &&
                  records->at[records->n]->bytes >= sizeof(struct wire_record) &&
                  records->at[records->n]->bytes <= bytes - at &&
                  records->at[records->n]->bytes <= WIRE_RECORD_MAX);
        }
    }
    close(records->file.fd);
}

static inline uint32_t head_bytes(const struct wire_record *record)
{
    switch (record->kind) {
    case WIRE_RECORD_SPAN:
        return sizeof(struct wire_span);
    case WIRE_RECORD_LOG:
        return sizeof(struct wire_log);
    case WIRE_RECORD_MEASUREMENT:
        return sizeof(struct wire_measurement);
    default:
        return record->bytes;
    }
}

/* The n-th fact of this key, from 0; NULL: there are not so many. Every length is checked. */
static inline const struct wire_fact *find_fact(const struct wire_record *record, enum wire_attribute key,
                                                uint32_t n)
{
    const uint8_t *base = (const uint8_t *)record;
    for (uint32_t at = head_bytes(record); at < record->bytes;) {
        const struct wire_fact *fact = (const void *)(base + at);
        at += (uint32_t)sizeof(*fact) + ((fact->bytes + 7u) & ~7u);
        CHECK(at <= record->bytes);
        if (fact->key == key && n-- == 0)
            return fact;
    }
    return NULL;
}

static inline uint32_t count_facts(const struct wire_record *record, enum wire_attribute key)
{
    uint32_t n = 0;
    while (find_fact(record, key, n))
        n++;
    return n;
}

static inline bool has_text(const struct wire_record *record, enum wire_attribute key, uint32_t n,
                            const char *text)
{
    const struct wire_fact *fact = find_fact(record, key, n);
    return fact && fact->bytes == strlen(text) && memcmp(fact + 1, text, fact->bytes) == 0;
}

static inline bool has_int(const struct wire_record *record, enum wire_attribute key, uint32_t n,
                           int64_t value)
{
    const struct wire_fact *fact = find_fact(record, key, n);
    return fact && fact->type == WIRE_INT && memcmp(fact + 1, &value, 8) == 0;
}

static inline bool has_double(const struct wire_record *record, enum wire_attribute key, uint32_t n,
                              double value)
{
    const struct wire_fact *fact = find_fact(record, key, n);
    return fact && fact->type == WIRE_DOUBLE && memcmp(fact + 1, &value, 8) == 0;
}

/* The last attribute of this key: as a reader takes it. NULL: none. */
static inline const uint8_t *find_custom(const struct wire_record *record, const char *key, uint8_t type,
                                         uint32_t *ret_bytes)
{
    const uint8_t *value = NULL;
    const struct wire_fact *fact;
    for (uint32_t n = 0; (fact = find_fact(record, WIRE_CUSTOM, n)); n++) {
        const uint8_t *at = (const uint8_t *)(fact + 1);
        CHECK(fact->bytes >= 2 && at[1] && 2u + at[1] <= fact->bytes);
        if (at[1] != strlen(key) || memcmp(at + 2, key, at[1]) != 0)
            continue;
        value = at[0] == type ? at + 2 + at[1] : NULL;
        *ret_bytes = fact->bytes - 2u - at[1];
    }
    return value;
}

static inline bool has_custom_text(const struct wire_record *record, const char *key, const char *text)
{
    uint32_t bytes = 0;
    const uint8_t *value = find_custom(record, key, WIRE_STRING, &bytes);
    return value && bytes == strlen(text) && memcmp(value, text, bytes) == 0;
}

static inline bool has_custom_int(const struct wire_record *record, const char *key, int64_t number)
{
    uint32_t bytes = 0;
    const uint8_t *value = find_custom(record, key, WIRE_INT, &bytes);
    return value && bytes == 8 && memcmp(value, &number, 8) == 0;
}

/* The record of the span with this name; NULL: there is none. */
static inline const struct wire_span *find_span(const struct records *records, const char *name)
{
    for (uint32_t i = 0; i < records->n; i++)
        if (records->at[i]->kind == WIRE_RECORD_SPAN && has_text(records->at[i], WIRE_SPAN_NAME, 0, name))
            return (const struct wire_span *)(const void *)records->at[i];
    return NULL;
}

#endif

/*
 * writer: bytes of a protobuf message, from the last to the first.
 *
 * A message's length stands before it and takes more bytes the longer it is. Written from its end, a message is there
 * when its length is asked for: nothing is summed up beforehand, nothing moves afterwards. So fields are written in
 * falling order of their numbers, and repeated ones from the last to the first. What proto3 leaves out (zeros, empty
 * strings) is the caller's business.
 *
 * Every function takes where the first byte stands (`at`) and returns where it stands then: in a register [kept in
 * the struct, which bytes may alias, it cost 220 ns a span instead of 160].
 *
 * Context: loop. Ownership: whoever puts memory in takes it out again; writer_grow() exchanges it. Errors: out of memory
 * ends the exporter (it is restarted and finds everything in the drop box).
 */
#ifndef OTELSHIM_WRITER_H
#define OTELSHIM_WRITER_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A field's type on the wire. */
enum { WRITE_VARINT = 0, WRITE_FIXED64 = 1, WRITE_BYTES = 2, WRITE_FIXED32 = 5 };

/* Room that a field without bytes needs at most: two bytes of tag, ten of varint. */
#define WRITER_MAX_FIELD_BYTES ((size_t)12)

struct writer {
    uint8_t *memory; /* of malloc, or NULL */
    size_t max_bytes;
};

/* Twice the memory, and `bytes` more. */
uint8_t *writer_grow(struct writer *writer, const uint8_t *at, size_t bytes);

/* Where nothing is written yet. */
static inline uint8_t *writer_end(const struct writer *writer)
{
    return writer->memory + writer->max_bytes;
}

static inline size_t writer_bytes(const struct writer *writer, const uint8_t *at)
{
    return writer->max_bytes - (size_t)(at - writer->memory);
}

static inline uint8_t *writer_reserve(struct writer *writer, uint8_t *at, size_t bytes)
{
    return __builtin_expect((size_t)(at - writer->memory) < bytes, 0) ? writer_grow(writer, at, bytes) : at;
}

/* put_…: the caller has made room. */
static inline uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    if (__builtin_expect(value < 0x80, 1)) {
        *--at = (uint8_t)value;
        return at;
    }
    at -= (70u - (unsigned)__builtin_clzll(value)) / 7; /* of seven bits each */
    uint8_t *to = at;
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to = (uint8_t)value;
    return at;
}

static inline uint8_t *put_tag(uint8_t *at, unsigned field, unsigned type)
{
    return put_varint(at, field << 3 | type);
}

static inline uint8_t *put_fixed64(uint8_t *at, unsigned field, uint64_t value)
{
    value = htole64(value);
    at -= sizeof(value);
    memcpy(at, &value, sizeof(value));
    return put_tag(at, field, WRITE_FIXED64);
}

static inline uint8_t *put_fixed32(uint8_t *at, unsigned field, uint32_t value)
{
    value = htole32(value);
    at -= sizeof(value);
    memcpy(at, &value, sizeof(value));
    return put_tag(at, field, WRITE_FIXED32);
}

static inline uint8_t *put_number(uint8_t *at, unsigned field, uint64_t value)
{
    return put_tag(put_varint(at, value), field, WRITE_VARINT);
}

static inline uint8_t *put_bytes(uint8_t *at, unsigned field, const void *bytes, size_t n)
{
    at -= n;
    memcpy(at, bytes, n);
    return put_tag(put_varint(at, n), field, WRITE_BYTES);
}

/* Makes a field of all that was written since writer_bytes() was `bytes_before`. */
static inline uint8_t *put_message(const struct writer *writer, uint8_t *at, unsigned field,
                                   size_t bytes_before)
{
    return put_tag(put_varint(at, writer_bytes(writer, at) - bytes_before), field, WRITE_BYTES);
}

/* Makes its own room, and leaves room for one more field without bytes. No field where there is no text. */
static inline uint8_t *write_text(struct writer *writer, uint8_t *at, unsigned field, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    at = writer_reserve(writer, at, n + 2 * WRITER_MAX_FIELD_BYTES);
    return n ? put_bytes(at, field, text, n) : at;
}

#endif

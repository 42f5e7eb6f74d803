/* Whatever goes in comes out of zlib again, and fits what was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/gzip.h"

#define GUARD_BYTES 64u

static void unpack(const uint8_t *packed, size_t n_packed, uint8_t *ret_bytes, size_t n_bytes)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = (uInt)n_packed,
                       .next_out = ret_bytes,
                       .avail_out = (uInt)n_bytes + 1};
    assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END); /* checks CRC and length, too */
    assert_int_equal(stream.total_out, n_bytes);
    assert_int_equal(stream.avail_in, 0);
    inflateEnd(&stream);
}

/* The size of what it became. */
static size_t pass_through(struct gzip *gzip, const uint8_t *bytes, size_t n_bytes)
{
    size_t max_bytes = gzip_max_bytes(n_bytes);
    uint8_t *packed = malloc(max_bytes + GUARD_BYTES), *unpacked = malloc(n_bytes + 1), guard[GUARD_BYTES];
    assert_true(packed && unpacked);
    memset(guard, 0x5a, sizeof(guard));
    memcpy(packed + max_bytes, guard, sizeof(guard));
    size_t n_packed = gzip_encode(gzip, bytes, n_bytes, packed, max_bytes);
    assert_true(n_packed && n_packed <= max_bytes);
    assert_memory_equal(packed + max_bytes, guard, sizeof(guard));
    unpack(packed, n_packed, unpacked, n_bytes);
    assert_memory_equal(unpacked, bytes, n_bytes);
    free(packed);
    free(unpacked);
    return n_packed;
}

/* One state for all, as the exporter has it. */
static void test_round_trip(void **state)
{
    static const size_t sizes[] = {0,     1,     2,     17,    258,    8191,   8192,    32767,   32768,
                                   32769, 65534, 65535, 65536, 131071, 200000, 1000003, 4194304, 20000000};
    struct gzip *gzip = gzip_create();
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *noise = malloc(sizes[i] + 1), *alike = malloc(sizes[i] + 1);
        assert_true(noise && alike);
        uint32_t random = 2463534242u;
        for (size_t k = 0; k < sizes[i]; k++) {
            random = random * 1664525u + 1013904223u;
            noise[k] = (uint8_t)(random >> 24);
            alike[k] = k % 419 < 16 ? noise[k] : (uint8_t)(k % 419 * 7); /* spans: ids, and what all have */
        }
        (void)pass_through(gzip, noise, sizes[i]);
        size_t n_packed = pass_through(gzip, alike, sizes[i]);
        if (sizes[i] > 100000)
            assert_true(n_packed < sizes[i] / 4);
        free(noise);
        free(alike);
    }
    gzip_destroy(gzip);
    gzip_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* gzip: see gzip.h. */
#include "base/gzip.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdlib.h>

#define LEVEL 1

struct gzip {
    struct libdeflate_compressor *compressor;
};

struct gzip *gzip_create(void)
{
    struct gzip *gzip = calloc(1, sizeof(*gzip));
    if (!gzip || !(gzip->compressor = libdeflate_alloc_compressor(LEVEL)))
        abort();
    return gzip;
}

void gzip_destroy(struct gzip *gzip)
{
    if (!gzip)
        return;
    libdeflate_free_compressor(gzip->compressor);
    free(gzip);
}

size_t gzip_max_bytes(struct gzip *gzip, size_t n_bytes)
{
    return libdeflate_gzip_compress_bound(gzip->compressor, n_bytes);
}

size_t gzip_encode(struct gzip *gzip, const void *bytes, size_t n_bytes, uint8_t *ret_bytes, size_t max_bytes)
{
    size_t n = libdeflate_gzip_compress(gzip->compressor, bytes, n_bytes, ret_bytes, max_bytes);
    assert(n); /* the room is gzip_max_bytes() */
    return n;
}

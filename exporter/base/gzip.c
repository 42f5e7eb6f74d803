/* gzip: see gzip.h. */
#include "base/gzip.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#define WITH_GZIP_HEADER 16

struct gzip {
    z_stream stream;
};

struct gzip *gzip_create(void)
{
    struct gzip *gzip = calloc(1, sizeof(*gzip));
    if (!gzip ||
        deflateInit2(&gzip->stream, 1, Z_DEFLATED, 15 + WITH_GZIP_HEADER, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    return gzip;
}

void gzip_destroy(struct gzip *gzip)
{
    if (!gzip)
        return;
    deflateEnd(&gzip->stream);
    free(gzip);
}

size_t gzip_max_bytes(struct gzip *gzip, size_t n_bytes)
{
    return deflateBound(&gzip->stream, n_bytes);
}

size_t gzip_encode(struct gzip *gzip, const void *bytes, size_t n_bytes, uint8_t *ret_bytes, size_t max_bytes)
{
    union {
        const void *from;
        Bytef *to;
    } in = {.from = bytes}; /* zlib's field is without const where ZLIB_CONST is not set; it only reads */
    z_stream *stream = &gzip->stream;
    deflateReset(stream);
    stream->next_in = in.to;
    stream->avail_in = (uInt)n_bytes;
    stream->next_out = ret_bytes;
    stream->avail_out = (uInt)max_bytes;
    int status = deflate(stream, Z_FINISH);
    assert(status == Z_STREAM_END); /* in one go: the room is deflateBound() */
    (void)status;
    return max_bytes - stream->avail_out;
}

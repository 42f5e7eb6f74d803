/* gzip: see gzip.h. */
#include "base/gzip.h"

#include <assert.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#define LEVEL 1
/* What does not shrink is stored, in blocks of up to 64 KiB; header and end besides. */
#define STORED_BLOCK_BYTES 32768u
#define STORED_HEAD_BYTES 5u
#define FRAME_BYTES 64u

struct gzip {
    struct isal_zstream stream;
    uint8_t buffer[ISAL_DEF_LVL1_DEFAULT];
};

struct gzip *gzip_create(void)
{
    struct gzip *gzip = malloc(sizeof(*gzip));
    if (!gzip)
        abort();
    return gzip;
}

void gzip_destroy(struct gzip *gzip)
{
    free(gzip);
}

size_t gzip_max_bytes(size_t n_bytes)
{
    return n_bytes + (n_bytes / STORED_BLOCK_BYTES + 1) * STORED_HEAD_BYTES + FRAME_BYTES;
}

size_t gzip_encode(struct gzip *gzip, const void *bytes, size_t n_bytes, uint8_t *ret_bytes, size_t max_bytes)
{
    struct isal_zstream *stream = &gzip->stream;
    assert(n_bytes <= UINT32_MAX && max_bytes <= UINT32_MAX); /* a request has at most 64 MiB */
    isal_deflate_stateless_init(stream);
    stream->gzip_flag = IGZIP_GZIP;
    stream->level = LEVEL;
    stream->level_buf = gzip->buffer;
    stream->level_buf_size = sizeof(gzip->buffer);
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)(uintptr_t)bytes; /* only read */
    stream->avail_in = (uint32_t)n_bytes;
    stream->next_out = ret_bytes;
    stream->avail_out = (uint32_t)max_bytes;
    int result = isal_deflate_stateless(stream);
    assert(result == COMP_OK); /* the room is gzip_max_bytes() */
    return stream->total_out;
}

/* writer: see writer.h. */
#include "outputs/otlp/writer.h"

#include <stdlib.h>

uint8_t *writer_grow(struct writer *writer, const uint8_t *at, size_t bytes)
{
    size_t n_written = writer_bytes(writer, at);
    size_t max_bytes = (2 * writer->max_bytes + bytes + 4095) & ~(size_t)4095;
    uint8_t *memory = malloc(max_bytes);
    if (!memory)
        abort();
    uint8_t *new_at = memory + max_bytes - n_written;
    if (n_written)
        memcpy(new_at, at, n_written);
    free(writer->memory);
    *writer = (struct writer){memory, max_bytes};
    return new_at;
}

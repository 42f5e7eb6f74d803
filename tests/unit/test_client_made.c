/* client_made: a file that its program is just making while the reader looks at it. */
#include "victim.h"

#include <sys/syscall.h>

static struct fake_client *in_the_making;

/* All that the program still has to do. */
static void finish(const struct fake_client *fake)
{
    assert_int_equal(truncate(fake->path, (off_t)fake->bytes), 0);
    for (uint32_t i = 0; i < fake->header->chunks.count; i++)
        fake->lines[i].word = fake->acknowledged[i] = WIRE_CLOSED;
    __atomic_store_n(&fake->header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
}

/* In front of libc's: what the reader has asked for before its first read it knows of an unfinished file. */
ssize_t pread(int fd, void *to, size_t bytes, off_t offset)
{
    if (in_the_making)
        finish(in_the_making);
    in_the_making = NULL;
    return syscall(SYS_pread64, fd, to, bytes, offset);
}

/* Its size was asked for when it was empty: that says nothing once it has its magic. */
static void test_size_is_that_of_the_finished_file(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 32);
    assert_int_equal(truncate(fake.path, WIRE_HEADER_BYTES), 0);
    in_the_making = &fake;
    reader_poll(reader);
    assert_null(in_the_making);
    assert_int_equal(reader->n_processes, 1);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 1);
    fake_unmap(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_size_is_that_of_the_finished_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

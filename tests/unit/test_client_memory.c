/* client_memory: a reader that is refused memory, once, at any place: what a dead process left is handed on at a later look. */
#include "victim.h"

#include <errno.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#define N_SPANS 3
#define N_OPEN 20 /* their list grows once */
#define OPEN_ID 100u
#define MAX_ALLOCATIONS 64

#ifndef HAS_SANITIZER
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t n, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

static int left = -1; /* allocations until one fails; -1: none does */

static bool is_refused(void)
{
    return left >= 0 && left-- == 0;
}

/* In front of libc's. */
void *malloc(size_t bytes)
{
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return is_refused() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return is_refused() ? NULL : __libc_realloc(memory, bytes);
}

/* True: fewer allocations than that were made. `n_before` spans were acknowledged by an earlier exporter. */
static bool check_refused(struct reader *reader, int allocation, uint32_t n_before)
{
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_lease(&fake, 0);
    uint64_t id = 1;
    for (; id <= n_before; id++)
        fake_span(&fake, 0, id);
    reader_poll(reader);
    reader_acknowledge(reader);
    if (n_before)
        reader_restart(reader);
    for (uint32_t i = 0; i < N_OPEN; i++)
        fake_push(&fake, 0, OPEN_ID + i);
    victim_kill(pid);
    for (; id <= n_before + N_SPANS; id++)
        fake_span(&fake, 0, id);
    reader->n_spans = reader->n_acknowledged = 0;
    left = allocation;
    reader_poll(reader);
    bool was_refused = left < 0;
    left = -1;
    for (uint32_t i = 0; i < 100 && reader->n_spans < N_SPANS + N_OPEN; i++, usleep(10000))
        reader_poll(reader);
    if (reader->n_spans != N_SPANS + N_OPEN)
        fail_msg("allocation %d refused: %u spans of %u", allocation, reader->n_spans, N_SPANS + N_OPEN);
    for (uint32_t i = 0; i < N_OPEN; i++)
        assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, OPEN_ID + i), 1);
    assert_int_equal(access(fake.path, F_OK), 0); /* nobody has taken them yet */
    reader_acknowledge(reader);
    reader_poll(reader);
    fake_unmap(&fake);
    return !was_refused;
}

static void test_nothing_is_lost_for_want_of_memory(void **state)
{
    for (uint32_t n_before = 0; n_before <= 2; n_before += 2) {
        int allocation = 0;
        while (!check_refused(*state, allocation, n_before))
            assert_true(++allocation < MAX_ALLOCATIONS);
        assert_true(allocation > 0);
    }
}
#else
static void test_nothing_is_lost_for_want_of_memory(void **state)
{
    (void)state;
    print_message("skipped: %s: allocations are the sanitizer's here\n", __func__);
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_nothing_is_lost_for_want_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

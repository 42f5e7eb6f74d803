/* The registry of handles: a thread remembers the one that it asked for last, and is never given one that is another's by now. */
#include "mapped_file.h"

#include <pthread.h>

#include "connection.h"

#define N_HANDLES 64u

static const void *handle_at(uintptr_t number)
{
    return (const void *)(number << 4); /* NOLINT: a key */
}

static struct connection *open_at(uintptr_t number)
{
    struct connection *connection = connection_open(handle_at(number), (uint16_t)number);
    CHECK(connection && connection->handle == handle_at(number) && connection->instrumentation == number);
    return connection;
}

static void a_handle_is_found_until_it_is_closed(void)
{
    struct connection *connection = open_at(1);
    for (unsigned i = 0; i < 3; i++)
        CHECK(connection_find(handle_at(1)) == connection);
    connection_close(handle_at(1));
    CHECK(!connection_find(handle_at(1)));
}

/* The entry is given to another handle; the address comes back as one of another library's. */
static void an_entry_that_changed_hands_is_not_taken_for_the_old_one(void)
{
    struct connection *connection = open_at(1);
    CHECK(connection_find(handle_at(1)) == connection);
    connection_close(handle_at(1));
    CHECK(open_at(2) == connection);
    CHECK(!connection_find(handle_at(1)));
    struct connection *again = open_at(1);
    CHECK(again != connection && connection_find(handle_at(1)) == again);
    CHECK(connection_find(handle_at(2)) == connection);
    struct connection *anew = open_at(1); /* its end was not seen */
    CHECK(connection_find(handle_at(1)) == anew && !anew->n_operations);
}

static void no_handle_finds_nothing(void)
{
    CHECK(!connection_find(NULL));
    struct connection *connection = open_at(1);
    CHECK(connection_find(handle_at(1)) == connection);
    CHECK(!connection_find(NULL));
    connection_close(handle_at(1));
    CHECK(!connection_find(NULL));
    connection_close(NULL);
}

static void many_are_told_apart(void)
{
    struct connection *opened[N_HANDLES];
    for (uintptr_t i = 0; i < N_HANDLES; i++)
        opened[i] = open_at(i + 1);
    for (unsigned turn = 0; turn < 2; turn++)
        for (uintptr_t i = 0; i < N_HANDLES; i++)
            CHECK(connection_find(handle_at(i + 1)) == opened[i]);
    for (uintptr_t i = 0; i < N_HANDLES; i += 2)
        connection_close(handle_at(i + 1));
    for (uintptr_t i = 0; i < N_HANDLES; i++)
        CHECK(connection_find(handle_at(i + 1)) == (i % 2 ? opened[i] : NULL));
}

static void *close_and_open_another(void *unused)
{
    (void)unused;
    CHECK(connection_find(handle_at(1)));
    connection_close(handle_at(1));
    return open_at(2);
}

/* The thread that had it last is not asked. */
static void another_thread_may_close_it(void)
{
    pthread_t thread;
    void *other = NULL;
    struct connection *connection = open_at(1);
    CHECK(connection_find(handle_at(1)) == connection);
    CHECK(!pthread_create(&thread, NULL, close_and_open_another, NULL) && !pthread_join(thread, &other));
    CHECK(other == connection);
    CHECK(!connection_find(handle_at(1)));
    CHECK(connection_find(handle_at(2)) == connection);
}

#define TESTS(X)                                                \
    X(a_handle_is_found_until_it_is_closed)                     \
    X(an_entry_that_changed_hands_is_not_taken_for_the_old_one) \
    X(no_handle_finds_nothing)                                  \
    X(many_are_told_apart)                                      \
    X(another_thread_may_close_it)

MAIN_ALONE(TESTS, "2097152")

/* Operation slots: claimed in turn, kept by their thread between two operations, never lost, never seen open once closed. */
#include "mapped_file.h"

#include <pthread.h>
#include <sys/resource.h>

#include "operation.h"
#include "sys.h"

#define KEPT 16u
#define FOR_EVERYBODY (WIRE_OPERATION_SLOTS - WIRE_KEPT_SLOTS)
#define N_THREADS 12u

static struct operation *opened[WIRE_OPERATION_SLOTS + 1];

static struct connection *connect_at(uintptr_t handle)
{
    CHECK(dropbox_open());
    struct connection *connection = connection_open((const void *)(handle << 4), 0); /* NOLINT: a key */
    CHECK(connection);
    return connection;
}

static struct operation *open_one(struct connection *connection)
{
    struct facts facts;
    struct operation *operation = operation_open(0, WIRE_PIPELINE, connection, &facts);
    CHECK(operation);
    return operation;
}

static void open_and_close(struct connection *connection, uint32_t n)
{
    struct operation *operations[KEPT * 2];
    for (uint32_t i = 0; i < n; i++)
        operations[i] = open_one(connection);
    for (uint32_t i = 0; i < n; i++)
        operation_close(connection, operations[i], WIRE_OK);
    CHECK(!connection->n_operations);
}

static uint32_t index_of(const struct operation *operation)
{
    return (uint32_t)(operation - (const struct operation *)dropbox_file()->operation_slots);
}

static bool is_in_file(const struct operation *operation)
{
    return index_of(operation) < dropbox_file()->n_operation_slots;
}

/* As the exporter sees it. */
static struct wire_operation_slot read_slot(uint32_t index)
{
    struct wire_operation_slot slot;
    struct mapped_file file;
    CHECK(find_file(&file, getpid()));
    off_t at = (off_t)(file.header.operation_slots.offset + (uint64_t)index * sizeof slot);
    CHECK(pread(file.fd, &slot, sizeof slot, at) == (ssize_t)sizeof slot);
    close(file.fd);
    return slot;
}

static void a_slot_is_whole_while_open_and_closed_after(void)
{
    struct connection *connection = connect_at(1);
    for (int round = 0; round < 3; round++) {
        struct facts facts;
        struct operation *operation = operation_open(0, WIRE_PIPELINE, connection, &facts);
        CHECK(operation && index_of(operation) == 0);
        facts_string(&facts, WIRE_DB_COMMAND_FORMAT, "GET key", round ? 7 : 3);
        struct wire_operation_slot slot = read_slot(0);
        CHECK(slot.owner == sys_gettid() && slot.is_open && slot.span.bytes == 16 && !slot.span.cut);
        CHECK(slot.span.handle == (uintptr_t)connection->handle && slot.span.n_shared == 0);
        CHECK(!memcmp(slot.staged + 8, "GET key", round ? 7 : 3));
        operation_close(connection, operation, WIRE_OK);
        CHECK(!read_slot(0).is_open);
    }
}

static void the_queue_keeps_its_order(void)
{
    struct connection *connection = connect_at(1);
    for (uint32_t i = 0; i < 5; i++)
        opened[i] = open_one(connection);
    operation_close(connection, opened[2],
                    WIRE_OK); /* in the middle, at the end, at the front, the only one */
    operation_close(connection, opened[4], WIRE_OK);
    CHECK(operation_oldest(connection) == opened[0] && connection->n_operations == 3);
    opened[5] = open_one(connection);
    operation_close(connection, opened[0], WIRE_OK);
    const uint32_t order[] = {1, 3, 5};
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(operation_oldest(connection) == opened[order[i]]);
        operation_close(connection, opened[order[i]], WIRE_OK);
    }
    CHECK(!operation_oldest(connection) && !connection->n_operations);
    opened[0] = open_one(connection);
    CHECK(operation_oldest(connection) == opened[0]);
}

static void the_oldest_is_closed_without_being_named(void)
{
    struct connection *connection = connect_at(1);
    operation_close_oldest(connection); /* there is none */
    CHECK(!connection->n_operations);
    for (uint32_t i = 0; i < 3; i++)
        opened[i] = open_one(connection);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t index = index_of(opened[i]);
        CHECK(operation_oldest(connection) == opened[i] && read_slot(index).is_open);
        operation_close_oldest(connection);
        CHECK(!read_slot(index).is_open && connection->n_operations == 2 - i);
    }
    uint32_t index = index_of(open_one(connection));
    connection->first_operation ^= 1ull << 32; /* of another file: the parent process's */
    operation_close_oldest(connection);
    CHECK(read_slot(index).is_open && connection->n_operations == 1);
}

static void open_as_many_as_everybody_may(struct connection *connection)
{
    for (uint32_t i = 0; i < FOR_EVERYBODY; i++)
        CHECK(is_in_file(opened[i] = open_one(connection)));
    for (uint32_t i = 0; i < FOR_EVERYBODY; i++)
        for (uint32_t k = 0; k < i; k++)
            CHECK(opened[i] != opened[k]);
}

static void *use_and_end(void *argument)
{
    open_and_close(argument, KEPT * 2);
    return NULL;
}

static void threads_that_ended_took_none_along(void)
{
    struct connection *connection = connect_at(1);
    for (uint32_t i = 0; i < 4 * N_THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, use_and_end, connection) == 0 && !pthread_join(thread, NULL));
    }
    open_as_many_as_everybody_may(connection);
}

static pthread_barrier_t have_used, may_end;

static void *use_and_wait(void *argument)
{
    open_and_close(connect_at((uintptr_t)argument), KEPT * 2);
    pthread_barrier_wait(&have_used);
    pthread_barrier_wait(&may_end);
    return NULL;
}

static void what_idle_threads_keep_is_not_missed(void)
{
    pthread_t threads[N_THREADS];
    CHECK(dropbox_open());
    pthread_barrier_init(&have_used, NULL, N_THREADS + 1);
    pthread_barrier_init(&may_end, NULL, N_THREADS + 1);
    for (uintptr_t i = 0; i < N_THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use_and_wait, (void *)(i + 2)) == 0); /* NOLINT: a number */
    pthread_barrier_wait(&have_used);
    open_as_many_as_everybody_may(connect_at(1));
    pthread_barrier_wait(&may_end);
    for (uint32_t i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void *close_oldest(void *argument)
{
    struct connection *connection = argument;
    struct operation *operation = operation_oldest(connection);
    operation_close(connection, operation, WIRE_OK);
    CHECK(!read_slot(index_of(operation)).is_open);
    struct operation *own = open_one(connection);
    CHECK(read_slot(index_of(own)).owner == sys_gettid());
    operation_close(connection, own, WIRE_OK);
    return NULL;
}

static void one_thread_may_close_anothers(void)
{
    struct connection *connection = connect_at(1);
    for (uint32_t i = 0; i < 3 * FOR_EVERYBODY; i++) {
        pthread_t thread;
        CHECK(is_in_file(open_one(connection)));
        if (i % KEPT)
            close_oldest(connection);
        else
            CHECK(pthread_create(&thread, NULL, close_oldest, connection) == 0 &&
                  !pthread_join(thread, NULL));
    }
    open_as_many_as_everybody_may(connection);
}

/* A handler that interrupts the shim may close, and keeps nothing: what it interrupted may be keeping just then. */
static void a_handler_inside_the_shim_closes_too(void)
{
    struct connection *connection = connect_at(1);
    struct operation *operation = open_one(connection);
    thread_peek()->busy[0] = 1;
    operation_close(connection, operation, WIRE_OK);
    thread_peek()->busy[0] = 0;
    CHECK(!read_slot(index_of(operation)).owner);
    open_as_many_as_everybody_may(connection);
}

static void a_fork_child_begins_anew(void)
{
    struct connection *connection = connect_at(1);
    open_and_close(connection, KEPT);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(dropbox_open());
        open_as_many_as_everybody_may(connection);
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    CHECK(status == 0);
    open_as_many_as_everybody_may(connection);
}

#define TESTS(X)                                   \
    X(a_slot_is_whole_while_open_and_closed_after) \
    X(the_queue_keeps_its_order)                   \
    X(the_oldest_is_closed_without_being_named)    \
    X(threads_that_ended_took_none_along)          \
    X(what_idle_threads_keep_is_not_missed)        \
    X(one_thread_may_close_anothers)               \
    X(a_handler_inside_the_shim_closes_too)        \
    X(a_fork_child_begins_anew)

MAIN_ALONE(TESTS, "2097152")

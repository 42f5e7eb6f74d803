/* Chunks: what is committed is read back whole from outside; leases, closing, sharing, reclaiming, a full pool. */
#include "mapped_file.h"

#include <pthread.h>

#include "buffer.h"
#include "sys.h"

#define N_CHUNKS 8u /* 4 to own, 4 to share */
#define RECORD_BYTES 1024u
#define RECORDS_PER_CHUNK (WIRE_CHUNK_BYTES / RECORD_BYTES)

/* One record of RECORD_BYTES whose words all carry `number`. */
static bool write_record(struct thread *thread, uint64_t number)
{
    struct buffer_reservation reservation;
    if (!buffer_reserve(thread, RECORD_BYTES, &reservation))
        return false;
    uint64_t *words = (uint64_t *)(void *)reservation.at;
    struct wire_record record = {.bytes = RECORD_BYTES, .kind = 99};
    memcpy(words, &record, sizeof record);
    for (uint32_t i = 1; i < RECORD_BYTES / 8; i++)
        words[i] = number;
    buffer_commit(thread, &reservation, RECORD_BYTES);
    return true;
}

static bool has_record(const struct mapped_file *file, uint32_t chunk, uint32_t n, uint64_t number)
{
    uint64_t words[RECORD_BYTES / 8];
    struct wire_record record;
    read_chunk(file, chunk, n * RECORD_BYTES, words, RECORD_BYTES);
    memcpy(&record, words, sizeof record);
    return record.bytes == RECORD_BYTES && words[1] == number && words[RECORD_BYTES / 8 - 1] == number;
}

static struct thread *begin(struct mapped_file *file)
{
    CHECK(dropbox_open());
    CHECK(find_file(file, getpid()));
    CHECK(file->header.magic == WIRE_MAGIC);
    CHECK(file->header.chunks.count == N_CHUNKS);
    struct thread *thread = thread_get();
    CHECK(thread);
    return thread;
}

static void commits_are_read_back(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    for (uint64_t i = 0; i < 5; i++)
        CHECK(write_record(thread, 100 + i));
    uint64_t word = read_host_word(&file, 0);
    CHECK(committed_bytes(word) == 5 * RECORD_BYTES);
    CHECK(word & WIRE_OWNED && !(word & WIRE_CLOSED));
    CHECK((word >> WIRE_TID_SHIFT & WIRE_TID_MASK) == sys_gettid());
    CHECK(word >> WIRE_SEQ_SHIFT == 1);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(has_record(&file, 0, i, 100 + i));
    CHECK(read_host_word(&file, 1) == WIRE_CLOSED && read_acknowledged(&file, 1) == WIRE_CLOSED);
}

static void nothing_is_seen_before_commit(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    struct buffer_reservation reservation;
    CHECK(buffer_reserve(thread, RECORD_BYTES, &reservation));
    memset(reservation.at, 0xff, RECORD_BYTES);
    CHECK(committed_bytes(read_host_word(&file, 0)) == 0);
    buffer_commit(thread, &reservation, 0);
    CHECK(committed_bytes(read_host_word(&file, 0)) == 0);
    CHECK(write_record(thread, 1));
    CHECK(has_record(&file, 0, 0, 1));
}

static void a_full_chunk_is_closed_and_leased_again_once_acknowledged(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    for (uint64_t i = 0; i <= RECORDS_PER_CHUNK; i++)
        CHECK(write_record(thread, i));
    uint64_t closed = read_host_word(&file, 0);
    CHECK(closed == (1ull << WIRE_SEQ_SHIFT | WIRE_CLOSED | WIRE_CHUNK_BYTES / 8));
    CHECK(committed_bytes(read_host_word(&file, 1)) == RECORD_BYTES);
    acknowledge(&file, 0, closed & ~WIRE_CLOSED); /* without CLOSED it frees nothing */
    for (uint64_t i = 0; i < RECORDS_PER_CHUNK; i++)
        CHECK(write_record(thread, i));
    CHECK(read_host_word(&file, 0) == closed);
    CHECK(committed_bytes(read_host_word(&file, 2)) == RECORD_BYTES);
    acknowledge(&file, 0, closed);
    for (uint64_t i = 0; i < RECORDS_PER_CHUNK; i++)
        CHECK(write_record(thread, 7));
    CHECK(read_host_word(&file, 0) >> WIRE_SEQ_SHIFT == 2); /* the lowest free one */
    CHECK(has_record(&file, 0, 0, 7));
}

static void a_lease_id_names_one_lease(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    struct buffer_reservation first, second, third;
    CHECK(buffer_reserve(thread, 16, &first));
    buffer_commit(thread, &first, 16);
    CHECK(buffer_reserve(thread, WIRE_CHUNK_BYTES - 16, &second));
    buffer_commit(thread, &second, WIRE_CHUNK_BYTES - 16);
    CHECK(first.lease_id == second.lease_id);
    CHECK(buffer_reserve(thread, 16, &third));
    CHECK(third.lease_id != first.lease_id && third.lease_id);
    buffer_commit(thread, &third, 16);
}

static void what_does_not_fit_is_dropped_and_counted(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    uint64_t written = 0, refused = 0;
    for (uint32_t i = 0; i < 200; i++)
        *(write_record(thread, i) ? &written : &refused) += 1;
    CHECK(written == N_CHUNKS * RECORDS_PER_CHUNK); /* its own half, then the shared one */
    CHECK(refused == 200 - written);
    CHECK(read_dropped(&file, DROP_NO_CHUNK) == refused);
    acknowledge_all(&file);
    CHECK(!write_record(thread, 1) ||
          read_host_word(&file, 0)); /* its last shared chunk is full, not yet closed */
    acknowledge_all(&file);
    for (uint32_t i = 0; i < 20; i++)
        (void)write_record(thread, 5);
    CHECK(read_dropped(&file, DROP_NO_CHUNK) <= refused + 1);
}

static void a_handler_inside_a_record_writes_shared(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    struct buffer_reservation outer, inner, innermost;
    CHECK(buffer_reserve(thread, 64, &outer));
    CHECK(buffer_reserve(thread, 64, &inner)); /* as from a UNIX-signal handler */
    CHECK(inner.is_shared && inner.lease_id != outer.lease_id);
    CHECK(buffer_reserve(thread, 64, &innermost));
    CHECK(innermost.lease_id != inner.lease_id);
    CHECK(read_host_word(&file, N_CHUNKS / 2) & WIRE_BUSY);
    memset(innermost.at, 3, 64);
    buffer_commit(thread, &innermost, 64);
    memset(inner.at, 2, 64);
    buffer_commit(thread, &inner, 64);
    CHECK(!(read_host_word(&file, N_CHUNKS / 2) & (WIRE_BUSY | WIRE_OWNED)));
    CHECK(!(read_host_word(&file, N_CHUNKS / 2) >> WIRE_TID_SHIFT & WIRE_TID_MASK));
    CHECK(committed_bytes(read_host_word(&file, N_CHUNKS / 2)) == 64);
    CHECK(committed_bytes(read_host_word(&file, 0)) == 0);
    CHECK(thread->in_record);
    buffer_commit(thread, &outer, 64);
    CHECK(!thread->in_record);
    CHECK(committed_bytes(read_host_word(&file, 0)) == 64);
    CHECK(write_record(thread, 1));
    CHECK(committed_bytes(read_host_word(&file, 0)) == 64 + RECORD_BYTES);
}

static uint32_t last_tid;

static void *die_in_a_record(void *how)
{
    struct thread *thread = thread_get();
    struct buffer_reservation reservation;
    CHECK(thread);
    last_tid = thread->tid;
    if (how)
        thread->in_record = 1; /* makes the next one shared */
    else
        CHECK(write_record(thread, 42));
    CHECK(buffer_reserve(thread, 64, &reservation));
    return NULL;
}

static void end_a_thread(void *how)
{
    pthread_t other;
    CHECK(!pthread_create(&other, NULL, die_in_a_record, how));
    CHECK(!pthread_join(other, NULL));
    while (sys_tgkill((uint32_t)getpid(), last_tid, 0) == 0) /* joined is not yet gone */
        usleep(100);
}

static void chunks_of_dead_threads_come_back(void)
{
    struct mapped_file file;
    struct thread *thread = begin(&file);
    for (uint32_t i = 0; i < N_CHUNKS / 2; i++)
        end_a_thread(NULL);
    end_a_thread(&file);
    CHECK(read_host_word(&file, N_CHUNKS / 2) & WIRE_BUSY);
    for (uint32_t i = 0; i < N_CHUNKS / 2; i++)
        CHECK(read_host_word(&file, i) & WIRE_OWNED);
    usleep(2000);
    CHECK(write_record(thread, 1)); /* finds none to own: asks who is dead */
    for (uint32_t i = 0; i <= N_CHUNKS / 2; i++) {
        uint64_t word = read_host_word(&file, i);
        CHECK(word & WIRE_CLOSED && !(word & (WIRE_OWNED | WIRE_BUSY)) &&
              !(word >> WIRE_TID_SHIFT & WIRE_TID_MASK));
        CHECK(committed_bytes(word) == (i < N_CHUNKS / 2 ? RECORD_BYTES : 0));
    }
    acknowledge_all(&file);
    for (uint32_t i = 0; i < 17; i++) /* after a run of shared records it looks again */
        CHECK(write_record(thread, 2));
    CHECK(read_host_word(&file, 0) & WIRE_OWNED);
}

static void *write_one(void *number)
{
    struct thread *thread = thread_get();
    CHECK(thread && write_record(thread, *(uint64_t *)number));
    pause();
    return NULL;
}

static void more_threads_than_chunks_share(void)
{
    struct mapped_file file;
    (void)begin(&file);
    static uint64_t number = 9;
    for (uint32_t i = 0; i < 20; i++) {
        pthread_t other;
        CHECK(!pthread_create(&other, NULL, write_one, &number));
    }
    uint64_t records = 0;
    for (uint32_t tries = 0; records != 20 && tries < 6000; tries++) {
        usleep(10000);
        records = 0;
        for (uint32_t i = 0; i < N_CHUNKS; i++)
            records += committed_bytes(read_host_word(&file, i)) / RECORD_BYTES;
    }
    CHECK(records == 20);
    CHECK(read_dropped(&file, DROP_NO_CHUNK) == 0);
    uint64_t shared = read_host_word(&file, N_CHUNKS / 2);
    for (uint32_t n = 0; n < committed_bytes(shared) / RECORD_BYTES; n++)
        CHECK(has_record(&file, N_CHUNKS / 2, n, 9));
}

/* A handler forks inside a record: the child must not commit into the file of its parent. */
static void a_fork_child_leaves_the_record_of_its_parent_alone(void)
{
    struct mapped_file file, own;
    struct thread *thread = begin(&file);
    struct buffer_reservation reservation;
    CHECK(buffer_reserve(thread, 64, &reservation));
    pid_t pid = fork();
    if (pid == 0) {
        buffer_commit(thread, &reservation, 64);
        CHECK(committed_bytes(read_host_word(&file, 0)) == 0);
        CHECK(!buffer_reserve(thread, 64, &reservation));
        CHECK(dropbox_open() && find_file(&own, getpid()));
        struct thread *mine = thread_get();
        CHECK(mine && mine->tid == (uint32_t)getpid());
        CHECK(write_record(mine, 77));
        CHECK(has_record(&own, 0, 0, 77));
        CHECK(committed_bytes(read_host_word(&file, 0)) == 0);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    buffer_commit(thread, &reservation, 64);
    CHECK(committed_bytes(read_host_word(&file, 0)) == 64);
}

#define ALONE(name)                       \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_alone(name);                  \
    }
ALONE(commits_are_read_back)
ALONE(nothing_is_seen_before_commit)
ALONE(a_full_chunk_is_closed_and_leased_again_once_acknowledged)
ALONE(a_lease_id_names_one_lease)
ALONE(what_does_not_fit_is_dropped_and_counted)
ALONE(a_handler_inside_a_record_writes_shared)
ALONE(chunks_of_dead_threads_come_back)
ALONE(more_threads_than_chunks_share)
ALONE(a_fork_child_leaves_the_record_of_its_parent_alone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_are_read_back),
        cmocka_unit_test(test_nothing_is_seen_before_commit),
        cmocka_unit_test(test_a_full_chunk_is_closed_and_leased_again_once_acknowledged),
        cmocka_unit_test(test_a_lease_id_names_one_lease),
        cmocka_unit_test(test_what_does_not_fit_is_dropped_and_counted),
        cmocka_unit_test(test_a_handler_inside_a_record_writes_shared),
        cmocka_unit_test(test_chunks_of_dead_threads_come_back),
        cmocka_unit_test(test_more_threads_than_chunks_share),
        cmocka_unit_test(test_a_fork_child_leaves_the_record_of_its_parent_alone),
    };
    make_box("131072");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_box();
    return failed;
}

/*
 * bells: the race between "nothing more, I sleep" and "here is one more". A writer commits one record at a time, just when
 * the reader falls asleep; a record found only after the sleep timed out is a missed bell.
 */
#include "soak.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "dropbox.h"

#define SLEEP_MS 100

/* Both sides wait a random moment, so that the commit falls now before, now behind the last look. */
#define MAX_SPIN 200

static bool without_membarrier;

static void spin(uint64_t n)
{
    for (volatile uint64_t left = n; left; left--)
        ;
}

/* ---- the host ---- */
static void ring_until_stopped(void *unused)
{
    (void)unused;
    struct buffer_reservation reservation;
    if (!dropbox_open())
        abort();
    const struct dropbox *box = dropbox_file();
    struct thread *thread = thread_get();
    while (!soak->stop_writers) {
        if (!buffer_reserve(thread, 64, &reservation))
            abort();
        memset(reservation.at, 1, 64);
        uint32_t index = reservation.index;
        uint64_t now_ns =
            clock_mono_ns(); /* before the commit, as in span_end(): the load follows the store at once */
        buffer_commit(thread, &reservation, 64);
        dropbox_ring(dropbox_file(), false, now_ns);
        soak->bells_rung++;
        uint64_t word = __atomic_load_n(&box->chunk_lines[index].word, __ATOMIC_RELAXED) & WIRE_STATE_MASK;
        while (__atomic_load_n(&box->acknowledged[index], __ATOMIC_ACQUIRE) != word && !soak->stop_writers)
            ;
        spin(soak_random(MAX_SPIN));
    }
}

/* ---- the exporter ---- */
static int open_in_box(const char *name, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", soak_box, name);
    return open(path, flags | O_CLOEXEC, 0600);
}

/* Mapped, where an exporter uses pread and pwrite: the race is between two single instructions then, and shows. */
struct client {
    int fd;
    struct wire_header header;
    uint32_t *asleep;
    const struct wire_chunk_line *lines;
    uint64_t *acknowledged;
};

static void map_client(struct client *client)
{
    size_t bytes = client->header.thread_slots.offset; /* what lies before the slots */
    uint8_t *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, client->fd, 0);
    if (base == MAP_FAILED)
        abort();
    client->asleep = (uint32_t *)(void *)(base + WIRE_EXPORTER_OFFSET);
    client->lines = (const struct wire_chunk_line *)(void *)(base + client->header.chunk_lines.offset);
    client->acknowledged = (uint64_t *)(void *)(base + client->header.acknowledged.offset);
}

/* Acknowledges all there is. */
static bool take_news(struct client *client)
{
    bool has_news = false;
    for (uint32_t i = 0; i < client->header.chunk_lines.count; i++) {
        uint64_t word = __atomic_load_n(&client->lines[i].word, __ATOMIC_ACQUIRE) & WIRE_STATE_MASK;
        if (word == client->acknowledged[i])
            continue;
        __atomic_store_n(&client->acknowledged[i], word, __ATOMIC_RELEASE);
        has_news = true;
    }
    return has_news;
}

static void sleep_until_stopped(void *argument)
{
    struct client *client = argument;
    int fd = open_in_box("doorbell", O_RDWR);
    volatile uint32_t *doorbell = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    const struct timespec timeout = {.tv_nsec = SLEEP_MS * 1000000};
    uint32_t asleep = 0;
    if (doorbell == MAP_FAILED)
        abort();
    while (!soak->stop_reader) {
        if (take_news(client)) {
            spin(soak_random(MAX_SPIN));
            continue;
        }
        uint32_t value = *doorbell;
        __atomic_store_n(client->asleep, asleep += 2,
                         __ATOMIC_SEQ_CST); /* another number each time, never 0 */
        if (!without_membarrier)
            (void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
        if (!take_news(client)) {
            soak->bells_slept++;
            long result = syscall(SYS_futex, doorbell, FUTEX_WAIT, value, &timeout, NULL, 0);
            if (result < 0 && errno == ETIMEDOUT && take_news(client))
                soak->bells_missed++;
        }
        __atomic_store_n(client->asleep, 0, __ATOMIC_SEQ_CST);
    }
}

void soak_bells(const struct soak_options *options)
{
    static struct client client;
    char name[64], file[64], command[96];
    snprintf(name, sizeof name, "bells, %u s", options->seconds);
    soak_begin(1, 64);
    if (setenv("OTELSHIM_BUFFER_SIZE", "131072", 1))
        abort();
    without_membarrier = options->without_membarrier;
    pid_t writer = soak_fork(ring_until_stopped, NULL);
    snprintf(command, sizeof command, "ls %s | grep ^%d-", soak_box, writer);
    do {
        usleep(20000);
        FILE *list = popen(command, "r");
        if (!list)
            abort();
        file[0] = 0;
        if (fgets(file, sizeof file, list))
            file[strcspn(file, "\n")] = 0;
        (void)pclose(list);
        client.fd = file[0] ? open_in_box(file, O_RDWR) : -1;
    } while (client.fd < 0 ||
             pread(client.fd, &client.header, sizeof client.header, 0) != (ssize_t)sizeof client.header ||
             client.header.magic != WIRE_MAGIC);
    map_client(&client);
    pid_t reader = soak_fork(sleep_until_stopped, &client);
    usleep(options->seconds * 1000000u);
    soak->stop_writers = soak->stop_reader = 1;
    soak_wait(writer);
    soak_wait(reader);
    printf("| %-44s | %10lu | slept %lu times, missed %lu\n", name, soak->bells_rung, soak->bells_slept,
           soak->bells_missed);
    soak_check(soak->bells_slept > 100, name, "the exporter slept");
    soak_check(soak->bells_missed == 0, name, "no bell was missed");
    struct soak_result result;
    soak_end(&result);
}

/*
 * writer: a traced process, less the tracing: threads, short threads and UNIX-signal handlers that commit numbered
 * records through shim/buffer.c as fast as they can.
 */
#include "soak.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "buffer.h"
#include "dropbox.h"
#include "thread.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185u;
    x = (x ^ (x >> 27)) * 0x81dadef4bc2dd44du;
    return x ^ (x >> 33);
}

uint64_t soak_word(uint64_t stream, uint64_t number)
{
    return mix(stream << 32 ^ number);
}

uint32_t soak_record_bytes(uint64_t stream, uint64_t number)
{
    return (uint32_t)sizeof(struct soak_record) + (uint32_t)(soak_word(stream, number) % 48) * 8;
}

/* Of the thread that a handler interrupts. */
static __thread uint32_t handler_stream;

static bool write_record(uint32_t stream)
{
    struct soak_stream *mine = &soak->streams[stream];
    struct thread *thread = thread_get();
    struct buffer_reservation reservation;
    uint64_t number = mine->committed;
    if (number >= soak->bits_per_stream)
        return false;
    if (!thread || !buffer_reserve(thread, SOAK_RECORD_MAX, &reservation)) {
        mine->dropped++;
        return false;
    }
    struct soak_record *record = (struct soak_record *)(void *)reservation.at;
    record->bytes = soak_record_bytes(stream, number);
    record->kind = SOAK_RECORD_KIND;
    record->flags = 0;
    record->stream = stream;
    record->number = number;
    uint64_t word = soak_word(stream, number);
    for (uint32_t i = 0; i < (record->bytes - sizeof *record) / 8; i++)
        record->body[i] = word + i;
    buffer_commit(thread, &reservation, record->bytes);
    mine->committed = number + 1;
    return true;
}

static void write_in_handler(int signal)
{
    (void)signal;
    if (!handler_stream)
        return;
    soak->streams[handler_stream].nested += thread_peek()->in_record != 0;
    (void)write_record(handler_stream);
}

struct job {
    const struct soak_writers *writers;
    uint32_t stream;
    uint32_t handler_stream;
    pthread_t thread;
};

static void *run_job(void *argument)
{
    const struct job *job = argument;
    (void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    handler_stream = job->handler_stream;
    __atomic_fetch_add(&soak->n_writing, 1, __ATOMIC_RELAXED);
    if (job->writers->records_per_thread)
        for (uint32_t i = 0; i < job->writers->records_per_thread; i++)
            (void)write_record(job->stream);
    else
        while (!soak->stop_writers)
            (void)write_record(job->stream);
    handler_stream = 0;
    return NULL;
}

static void start_job(struct job *job, const struct soak_writers *writers, uint32_t stream)
{
    pthread_attr_t attributes;
    job->writers = writers;
    job->stream = stream;
    job->handler_stream = writers->has_handler ? stream + writers->n_threads : 0;
    if (pthread_attr_init(&attributes) || pthread_attr_setstacksize(&attributes, 128u << 10) ||
        pthread_create(&job->thread, &attributes, run_job, job))
        abort();
    (void)pthread_attr_destroy(&attributes);
}

/* Interrupts the threads at any instruction, all the time. */
static void interrupt_until_stopped(const struct job *jobs, uint32_t n)
{
    while (!soak->stop_writers) {
        for (uint32_t i = 0; i < n; i++)
            (void)pthread_kill(jobs[i].thread, SIGUSR1);
        usleep(50);
    }
}

static void run_round(const struct soak_writers *writers, struct job *jobs, uint32_t first_stream)
{
    uint32_t n = writers->n_threads;
    for (uint32_t i = 0; i < n; i++)
        start_job(&jobs[i], writers, first_stream + i);
    if (writers->has_handler)
        interrupt_until_stopped(jobs, n);
    if (writers->is_cancelled) {
        usleep((useconds_t)soak_random(3000));
        for (uint32_t i = 0; i < n; i++)
            (void)pthread_cancel(jobs[i].thread);
    }
    for (uint32_t i = 0; i < n; i++)
        (void)pthread_join(jobs[i].thread, NULL);
}

void soak_write(void *argument)
{
    const struct soak_writers *writers = argument;
    struct sigaction action = {.sa_handler = write_in_handler, .sa_flags = SA_RESTART};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setenv("OTELSHIM_BUFFER_SIZE", writers->pool, 1) || sigaction(SIGUSR1, &action, NULL) ||
        !dropbox_open())
        abort();
    struct job *jobs = calloc(writers->n_threads, sizeof *jobs);
    if (!jobs)
        abort();
    uint32_t stream = writers->first_stream;
    uint32_t round = 0;
    do {
        run_round(writers, jobs, stream);
        stream += writers->n_threads;
    } while (++round < writers->rounds && !soak->stop_writers);
    free(jobs);
    _exit(0); /* no dropbox_close(): it would hide an unfinished file from the count */
}

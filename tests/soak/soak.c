/*
 * soak: runs the runs and prints the table. `soak [--short] [--only RUN] [--without-membarrier]`; see tests/soak/run.
 */
#include "soak.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct soak_shared *soak;
char soak_box[64];

static struct {
    uint32_t passed, failed;
    size_t shared_bytes;
    uint64_t random;
} harness;

uint64_t soak_random(uint64_t below)
{
    harness.random = harness.random * 6364136223846793005u + 1442695040888963407u;
    return (harness.random >> 20) % below;
}

void soak_check(bool is_right, const char *run, const char *what)
{
    printf("%s %s: %s\n", is_right ? "PASS" : "FAIL", run, what);
    *(is_right ? &harness.passed : &harness.failed) += 1;
}

/* ---- processes ---- */
pid_t soak_fork(void (*role)(void *), void *argument)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        harness.random += (uint64_t)getpid();
        role(argument);
        _exit(0);
    }
    return pid;
}

void soak_wait(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
        fprintf(stderr, "soak: process %d died of signal %d\n", pid, WTERMSIG(status));
        harness.failed++;
    }
}

void soak_kill(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    soak_wait(pid);
}

static void sleep_ms(uint64_t ms)
{
    (void)usleep((useconds_t)(ms * 1000));
}

static void wait_for_writers(uint32_t n)
{
    while (soak->n_writing < n)
        sleep_ms(1);
}

/* ---- shared memory ---- */
static void *map_shared(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        abort();
    return at;
}

void soak_begin(uint32_t n_streams, uint64_t numbers_per_stream)
{
    uint64_t bits = (numbers_per_stream + 63) & ~63ull;
    strcpy(soak_box, "/dev/shm/otelshim-soak-XXXXXX");
    if (!mkdtemp(soak_box) || setenv("OTELSHIM_DIR", soak_box, 1))
        abort();
    soak = map_shared(sizeof *soak);
    soak->streams = map_shared(n_streams * sizeof soak->streams[0]);
    soak->bitmap = map_shared(n_streams * bits / 8);
    soak->n_streams = n_streams;
    soak->bits_per_stream = bits;
}

static bool has_bit(uint64_t stream, uint64_t number)
{
    return soak->bitmap[(stream * soak->bits_per_stream + number) / 64] >> (number % 64) & 1;
}

/* Every number below `committed` was taken; one above it may have been; none beyond. */
static void count_stream(uint64_t stream, struct soak_result *result)
{
    const struct soak_stream *from = &soak->streams[stream];
    uint64_t words = soak->bits_per_stream / 64, taken = 0;
    const uint64_t *bitmap = &soak->bitmap[stream * words];
    result->dropped += from->dropped;
    result->nested += from->nested;
    if (!from->committed && !bitmap[0])
        return;
    for (uint64_t i = 0; i <= from->committed / 64 && i < words; i++)
        taken += (uint64_t)__builtin_popcountll(bitmap[i]);
    for (uint64_t number = 0; number < from->committed; number++)
        result->lost += !has_bit(stream, number);
    result->records += taken;
}

void soak_end(struct soak_result *ret_result)
{
    memset(ret_result, 0, sizeof *ret_result);
    for (uint64_t stream = 0; stream < soak->n_streams; stream++)
        count_stream(stream, ret_result);
    ret_result->torn = soak->torn + soak->corrupt + soak->unknown;
    ret_result->duplicated = soak->duplicated;
    ret_result->is_drop_count_right = ret_result->dropped == soak->dropped_in_headers;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", soak_box);
    if (system(command))
        abort();
    (void)munmap(soak->streams, soak->n_streams * sizeof soak->streams[0]);
    (void)munmap(soak->bitmap, soak->n_streams * soak->bits_per_stream / 8);
    (void)munmap(soak, sizeof *soak);
}

static void report(const char *run, const struct soak_result *result, uint64_t max_duplicated,
                   bool counts_drops)
{
    printf("| %-44s | %10lu | %4lu | %10lu | %4lu | %9lu | %7lu |\n", run, result->records, result->torn,
           result->duplicated, result->lost, result->dropped, result->nested);
    soak_check(result->records > 0, run, "records arrived");
    soak_check(result->torn == 0, run, "nothing torn");
    soak_check(result->duplicated <= max_duplicated, run, "repeats only of what was in flight");
    soak_check(result->lost == 0, run, "nothing lost");
    if (counts_drops)
        soak_check(result->is_drop_count_right, run, "drops counted exactly");
}

/* ---- the runs ---- */
static void run_flat_out(const struct soak_options *options)
{
    struct soak_writers writers = {.n_threads = 4, .has_handler = true, .pool = "8M"};
    struct soak_result result;
    char name[64];
    snprintf(name, sizeof name, "%u s, 4 threads flat out, a handler too", options->seconds);
    soak_begin(8, 1ull << 29);
    pid_t reader = soak_fork(soak_read, NULL), writer = soak_fork(soak_write, &writers);
    sleep_ms(options->seconds * 1000ull);
    soak->stop_writers = 1;
    soak_wait(writer);
    soak->stop_reader = 1;
    soak_wait(reader);
    soak_end(&result);
    report(name, &result, 0, true);
    soak_check(result.nested > 0, name, "handlers interrupted records");
}

static void run_writer_kills(const struct soak_options *options)
{
    struct soak_writers writers = {.n_threads = 8, .pool = "8M"};
    struct soak_result result;
    char name[64];
    snprintf(name, sizeof name, "writer kill -9 x %u, 8 threads", options->kills);
    soak_begin(options->kills * writers.n_threads, 1u << 22);
    pid_t reader = soak_fork(soak_read, NULL);
    for (uint32_t i = 0; i < options->kills; i++) {
        writers.first_stream = i * writers.n_threads;
        soak->n_writing = 0;
        pid_t writer = soak_fork(soak_write, &writers);
        wait_for_writers(writers.n_threads);
        sleep_ms(soak_random(100));
        soak_kill(writer);
    }
    soak->stop_reader = 1;
    soak_wait(reader);
    soak_end(&result);
    report(name, &result, 0, false);
}

static void run_reader_kills(const struct soak_options *options)
{
    struct soak_writers writers = {.n_threads = 4, .has_handler = true, .pool = "8M"};
    struct soak_result result;
    char name[64];
    snprintf(name, sizeof name, "reader kill -9 x %u (acknowledge after sink)", options->kills);
    soak_begin(8, 1ull << 29);
    pid_t reader = soak_fork(soak_read, NULL), writer = soak_fork(soak_write, &writers);
    wait_for_writers(writers.n_threads);
    for (uint32_t i = 0; i < options->kills; i++) {
        sleep_ms(1 + soak_random(60));
        soak_kill(reader);
        reader = soak_fork(soak_read, NULL);
    }
    soak->stop_writers = 1;
    soak_wait(writer);
    soak->stop_reader = 1;
    soak_wait(reader);
    soak_end(&result);
    /* One chunk is in flight at a time: at most 16 KiB of the shortest record. */
    report(name, &result, options->kills * (16384 / sizeof(struct soak_record)), true);
}

static void run_many_threads(const struct soak_options *options)
{
    struct soak_writers many = {.n_threads = 1000, .pool = "8M"};
    struct soak_writers rounds = {
        .n_threads = 1000, .records_per_thread = 20, .rounds = options->rounds, .pool = "8M"};
    struct soak_result result;
    char name[64];
    snprintf(name, sizeof name, "1,000 threads on 512 chunks");
    soak_begin(1000, 1u << 20);
    pid_t reader = soak_fork(soak_read, NULL), writer = soak_fork(soak_write, &many);
    sleep_ms(options->seconds * 300ull);
    soak->stop_writers = 1;
    soak_wait(writer);
    soak->stop_reader = 1;
    soak_wait(reader);
    soak_end(&result);
    report(name, &result, 0, true);

    snprintf(name, sizeof name, "%u rounds of 1,000 short threads", options->rounds);
    soak_begin(1000 * options->rounds, 64);
    reader = soak_fork(soak_read, NULL);
    writer = soak_fork(soak_write, &rounds);
    soak_wait(writer);
    soak->stop_reader = 1;
    soak_wait(reader);
    soak_end(&result);
    report(name, &result, 0, true);
}

/* Cancelled at any instruction: chunks stay BUSY or OWNED, and must come back when the tid is gone. */
static void run_cancellations(const struct soak_options *options)
{
    uint32_t n_rounds = options->rounds * 20;
    struct soak_writers writers = {
        .n_threads = 8, .rounds = n_rounds, .is_cancelled = true, .pool = "131072"};
    struct soak_result result;
    char name[64];
    snprintf(name, sizeof name, "%u rounds of 8 threads cancelled, 8 chunks", n_rounds);
    soak_begin(8 * n_rounds, 1u << 16);
    pid_t reader = soak_fork(soak_read, NULL), writer = soak_fork(soak_write, &writers);
    soak_wait(writer);
    soak->stop_reader = 1;
    soak_wait(reader);
    uint64_t last = 0;
    for (uint32_t i = 0; i < 16 * 8; i++)
        last += soak->streams[8 * n_rounds - 1 - i].committed;
    soak_end(&result);
    report(name, &result, 0, false);
    soak_check(last > 0, name, "chunks of cancelled threads come back");
}

/* ---- main ---- */
static const struct {
    const char *name;
    void (*run)(const struct soak_options *);
} runs[] = {
    {"flat", run_flat_out},        {"writer", run_writer_kills},  {"reader", run_reader_kills},
    {"threads", run_many_threads}, {"cancel", run_cancellations}, {"bells", soak_bells},
    {"starts", soak_starts},
};

static bool is_chosen(const char *only, const char *name)
{
    return !only || strstr(only, name);
}

int main(int argc, char **argv)
{
    struct soak_options options = {.seconds = 60, .kills = 200, .rounds = 160};
    const char *only = NULL;
    if (!strcmp(argv[0], "otelshim"))
        return soak_be_exporter();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--short"))
            options = (struct soak_options){.is_short = true, .seconds = 4, .kills = 12, .rounds = 6};
        else if (!strcmp(argv[i], "--without-membarrier"))
            options.without_membarrier = true;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        else
            return fprintf(stderr, "usage: soak [--short] [--only RUN,RUN] [--without-membarrier]\n"), 2;
    }
    harness.random = (uint64_t)time(NULL);
    if (setenv("OTELSHIM_EXPORTER", "none", 1))
        return 1;
    printf("| %-44s | %10s | %4s | %10s | %4s | %9s | %7s |\n", "run", "records", "torn", "duplicated",
           "lost", "dropped", "nested");
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        if (is_chosen(only, runs[i].name))
            runs[i].run(&options);
    printf("%u passed, %u failed\n", harness.passed, harness.failed);
    return harness.failed != 0;
}

/*
 * soak: proof of the hand-over by killing both sides (shim/wire/README.md, "Proof").
 *
 * One program, many processes: the harness forks a writer, which uses the shim's own objects, and a reader, which knows
 * wire.h alone and sees the file by pread and pwrite. What the writer committed and what the reader took is kept in
 * memory that all of them share and no kill -9 can take away.
 */
#ifndef OTELSHIM_SOAK_H
#define OTELSHIM_SOAK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One sequence of numbers, written by one thread or by the handler that interrupts it. */
struct soak_stream {
    volatile uint64_t committed; /* numbers [0, committed) were committed; one more may have been */
    volatile uint64_t dropped;   /* refused by buffer_reserve() */
    volatile uint64_t nested;    /* written while the thread was inside a record */
    uint64_t reserved[5];
};

struct soak_shared {
    volatile uint32_t stop_writers;
    volatile uint32_t stop_reader;        /* once all is drained and no client lives */
    volatile uint32_t n_writing;          /* threads that have begun */
    volatile uint64_t torn;               /* bytes that are not what was written */
    volatile uint64_t duplicated;         /* numbers taken twice */
    volatile uint64_t corrupt;            /* words no honest host writes */
    volatile uint64_t unknown;            /* records of no stream */
    volatile uint64_t dropped_in_headers; /* as counted by the shim */
    volatile uint64_t bells_rung, bells_missed, bells_slept;
    uint32_t n_streams;
    uint64_t bits_per_stream;
    struct soak_stream *streams;
    uint64_t *bitmap; /* [stream][number]: taken by the reader */
};

/* Of one run; a row of the table. */
struct soak_result {
    uint64_t records, torn, duplicated, lost, dropped, nested;
    bool is_drop_count_right; /* the shim counted what the writers saw refused */
};

struct soak_options {
    bool is_short;
    bool without_membarrier; /* shows that the bell run can fail */
    uint32_t seconds, kills, rounds;
};

extern struct soak_shared *soak;
extern char soak_box[64];

/* ---- soak.c ---- */
/* New shared memory for a run with so many streams of so many numbers each. */
void soak_begin(uint32_t n_streams, uint64_t numbers_per_stream);
void soak_end(struct soak_result *ret_result);
pid_t soak_fork(void (*role)(void *), void *argument);
void soak_kill(pid_t pid);
void soak_wait(pid_t pid);
uint64_t soak_random(uint64_t below);
/* Prints PASS or FAIL and counts it. */
void soak_check(bool is_right, const char *run, const char *what);

/* ---- writer.c ---- */
#define SOAK_RECORD_KIND 77u
#define SOAK_RECORD_MAX 408u
struct soak_record {
    uint32_t bytes;
    uint16_t kind, flags;
    uint64_t stream, number;
    uint64_t body[]; /* soak_word() + i */
};
uint32_t soak_record_bytes(uint64_t stream, uint64_t number);
uint64_t soak_word(uint64_t stream, uint64_t number);

struct soak_writers {
    uint32_t n_threads;
    uint32_t first_stream;       /* thread i writes stream first + i */
    bool has_handler;            /* and its UNIX-signal handler first + n_threads + i */
    uint32_t records_per_thread; /* 0: until stop_writers */
    uint32_t rounds;             /* of n_threads short threads; stream numbers go on */
    bool is_cancelled;           /* threads are cancelled asynchronously, round after round */
    const char *pool;            /* OTELSHIM_BUFFER_SIZE */
};
void soak_write(void *writers);

/* ---- reader.c ---- */
void soak_read(void *unused);

/* ---- bells.c, starts.c ---- */
void soak_bells(const struct soak_options *options);
void soak_starts(const struct soak_options *options);
/* This program, started as an exporter by the shim: reports what it finds itself to be. */
int soak_be_exporter(void);

#endif

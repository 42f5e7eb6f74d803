/* aggregate_priv: what aggregate.c (series), collect.c (points), observe.c (process.*) and derive.c (measurements) share. Context: loop. */
#ifndef OTELSHIM_AGGREGATE_PRIV_H
#define OTELSHIM_AGGREGATE_PRIV_H

#include "signals/metrics/aggregate.h"
#include "signals/metrics/histogram.h"
#include "signals/metrics/waiting.h"

struct stream {
    const struct instrument_row *row;
    uint32_t scope_index;
    bool is_double;               /* of a sum or gauge */
    const char *scope;            /* its own copy, shared by the scope's streams */
    struct series *first, **last; /* in the order they came; the overflow series is one of them */
    uint32_t n_series;            /* without it */
    struct series *overflow;      /* NULL: none yet */
};

struct series {
    struct series *next;         /* of the stream */
    struct series *next_in_slot; /* of the table */
    struct stream *stream;
    struct series *sibling; /* see series_sibling(); NULL: not asked for yet */
    uint64_t hash, start_unix_ns;
    uint32_t n_holders;
    bool has_news, has_begun, is_overflow; /* begun: something was measured, ever */
    struct histogram *histogram;           /* NULL: a sum */
    int64_t sum; /* or the last value of a gauge; not used once the stream is_double */
    double number;
    struct exemplars exemplars;
    uint32_t n_attributes;
    struct attribute attributes[]; /* their texts lie behind them; keys are literals */
};

struct metric_set {
    struct resource *resource;
    uint64_t start_unix_ns, collected_unix_ns; /* the last collection; first: the start */
    enum temporality_preference temporality;
    enum exemplar_filter exemplars;
    bool is_exponential, has_news;
    struct stream **streams;
    uint32_t n_streams;
    struct series **slots; /* a hash table; a power of two */
    uint32_t n_slots, n_series;
    uint64_t process_start_unix_ns; /* 0: not known yet */
    struct usage before;            /* of the last collection, for deltas */
    struct drops drops, drops_said; /* as of now; at the last collection */
    struct waiting waiting;         /* for the acknowledgement of their records */
    struct custom *custom;          /* custom.c; NULL: the program measured nothing itself */
};

/* NULL is fine. */
void custom_destroy(struct custom *custom);
/* Takes it out of stream and table, and frees it. */
void series_forget(struct metric_set *set, struct series *series);
/* Temporality of an instrument, as the preference has it. */
enum metric_temporality temporality_of(const struct metric_set *set, enum instrument_kind kind);
/* A metric in a scope of the collection, described but empty. */
struct metric *collect_metric(struct metric_collection *collection, struct metric_scope *scope,
                              const struct metric_set *set, const struct instrument_row *row);
/* Drops, in a scope of their own. */
void observe_drops(struct metric_set *set, struct metric_collection *collection,
                   struct metric_resource *resource, uint64_t now_unix_ns);
/* What is not measured but looked at: process.* (`usage` NULL: it is gone), and drops. */
void observe(struct metric_set *set, struct metric_collection *collection, struct metric_resource *resource,
             uint64_t now_unix_ns, const struct usage *usage);

#endif

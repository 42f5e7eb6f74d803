/* pipeline_priv: what pipeline.c, records.c, traced.c, kept.c, live.c and destination.c share. Context: loop. */
#ifndef OTELSHIM_PIPELINE_PRIV_H
#define OTELSHIM_PIPELINE_PRIV_H

#include "base/table.h"
#include "cli/lanes.h"
#include "cli/pacer.h"
#include "cli/pipeline.h"
#include "outputs/console/console.h"
#include "outputs/otlp/otlp.h"
#include "signals/spans/keep.h"
#include "signals/spans/rules.h"
#include "sources/dropbox/dropbox.h"
#include <limits.h>

#define MAX_ENDED 16u             /* processes that are gone and still in the report */
#define MAX_IDLE_DESTINATIONS 16u /* kept for their counts though no process uses them */
#define MAX_PROBLEMS 64u          /* remembered, so that each is said once */

struct metric_set;
struct self_metering;
struct callstacks;
struct crashing;
struct mortality;
struct alerts;
struct judge;
struct rule_set;
struct lines;
struct pieces;

/* One OTLP destination of one signal: several processes may share it. */
struct destination {
    struct destination *next;
    struct otlp *otlp;
    enum otlp_signal signal;
    struct settings *settings; /* its own: processes come and go */
    uint32_t uid, n_users;
    uint32_t number; /* of its signal: the lowest that was free */
    /* as metering_self.c told them */
    uint64_t told_repeated, told_processed;
    /* of metrics (metering.c) */
    struct pipeline *pipeline;
    struct loop_timer *reader; /* NULL: not asked for yet */
    uint64_t next_read_ms, last_export_ms, collected_ms;
    struct metric_set **ended; /* of processes that are gone, for their last export */
    uint32_t n_ended;
    bool must_checkpoint; /* something was counted since the last one */
};

/* What the pipeline knows of a traced process. */
struct traced {
    struct pipeline *pipeline;
    struct process *process; /* key; NULL once it is gone */
    UT_hash_handle hh;
    uint64_t client; /* as receipts name it; 0 until the first */
    UT_hash_handle hh_client;
    struct destination *destination; /* of its traces; NULL: none */
    struct destination *metrics_destination;
    struct destination *logs_destination; /* records.c: from its first log record on */
    bool has_lost_logs;                   /* said */
    struct pieces *pieces;                /* lines.c, with the next; NULL: it wrote none */
    struct measured_range lines_measured; /* by rules, of lines that are being told */
    struct metric_set *metrics;           /* where there is one */
    bool is_shown;                        /* on the console */
    const char *missing;                  /* secret without which nothing is sent; NULL: none */
    struct keep *keep;                    /* NULL: OTELSHIM_KEEP was never asked for */
    struct lanes *lanes;
    struct mortality *mortality; /* crashing.c */
    struct judge *judge;         /* alerting.c, with the next */
    struct rule_set *rule_set;   /* NULL: there are no rules */
    struct rules_memory excluded;
    uint64_t n_excluded;             /* spans that rules kept from being exported */
    uint64_t n_logs, n_measurements; /* that it recorded */
    uint64_t exported;
    struct keep_counts keep_counts; /* as of its end */
    char live[120];                 /* live settings in words; "" as started */
    /* for the report, after the process is gone */
    uint32_t pid, uid;
    char name[64], service[128], note[200];
    struct dropbox_counts counts;        /* as of its end */
    uint64_t told_drops[WIRE_MAX_DROPS]; /* as metering_self.c told them */
    uint64_t recorded;
};

struct pipeline {
    struct loop *loop;
    struct pipeline_options options;
    struct dropbox *dropbox;
    struct pacer *pacer;
    struct loop_watch *dropbox_watch;
    struct console *console;
    struct loop_timer *console_timer;
    char spool_directory[PATH_MAX];
    struct destination *destinations;
    struct traced *traced;    /* by process */
    struct traced *by_client; /* by receipt */
    struct traced *last;      /* the one asked for last */
    struct traced *ended[MAX_ENDED];
    uint32_t n_ended;
    struct report_ended gone; /* of all that ended since this exporter began */
    size_t held_bytes;        /* by all keeps */
    uint32_t n_keepers;       /* processes with one */
    struct live *live;
    struct crashing *crashing;
    struct callstacks *callstacks;
    struct lines *lines;
    struct alerts *alerts;
    struct self_metering *self;       /* NULL: OTELSHIM_SELF_METRICS=false */
    struct settings *own_settings;    /* of this exporter, for what is left of processes that are gone */
    struct arena alert_scratch;       /* alerts that are being made */
    struct arena scratch;             /* spans that no destination takes */
    struct receipt *acknowledgements; /* of spans that nobody waits for, until the look is over */
    uint32_t n_acknowledgements, max_acknowledgements;
    struct loop_timer *acknowledge_timer;
    uint32_t n_unmeasured;           /* records that wait for theirs to be counted */
    uint64_t checkpoint_due_ns;      /* CLOCK_MONOTONIC */
    uint64_t problems[MAX_PROBLEMS]; /* hashes of what was said */
    uint32_t n_problems;
    bool was_gated; /* records wait for room in memory */
};

/* ---- pipeline.c ---- */
/* Somebody has taken responsibility for these records. Not within a look: what is acknowledged may close its client. */
void pipeline_give_back(struct pipeline *pipeline, const struct receipt *receipts, uint32_t n_receipts);

/* Acknowledged once the look is over, and everything before it. */
void pipeline_acknowledge_later(struct pipeline *pipeline, const struct receipt *receipt);

/* ---- records.c ---- */
void records_on_count(void *context, const struct raw_count *raw, const struct receipt *receipt);
void records_on_log(void *context, const struct raw_log *raw, const struct receipt *receipt);
/* The same, at its place in its lane, which is not asked for again. */
void records_pass_log(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                      const struct receipt *placed);
/* Where its log records go; NULL: nobody takes them. */
struct otlp *records_logs_of(struct pipeline *pipeline, struct traced *traced);
/* OTELSHIM_LOG_LEVEL: it is not below the level from which on records are sent. */
bool records_is_wanted(const struct traced *traced, const struct log_record *record);
/* Nothing of the process is held up by its log records. */
bool records_have_room(const struct traced *traced);
void records_on_measurement(void *context, const struct raw_measurement *raw, const struct receipt *receipt);

/* ---- traced.c ---- */
void traced_begin(struct pipeline *pipeline, struct process *process);
void traced_end(struct pipeline *pipeline, struct process *process);
struct traced *traced_find(struct pipeline *pipeline, const struct process *process);
void traced_fini(struct pipeline *pipeline);
/* The process of this record; from its first one on it is found by receipts, too. */
struct traced *traced_take(struct pipeline *pipeline, const struct process *process,
                           const struct receipt *receipt);
/* NULL: it is gone. */
struct traced *traced_of_client(struct pipeline *pipeline, uint64_t client);
/* A line for the log, once; the first is shown by `status`. */
void traced_tell(struct pipeline *pipeline, struct traced *traced, const char *text);

/* ---- pipeline.c ---- */
/* Understood, and given to whoever takes it, unless it is not to be exported; the receipt in any case. */
void pipeline_deliver(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
                      const struct receipt *receipt);

/* ---- kept.c ---- */
/* After its settings were read. */
void kept_prepare(struct pipeline *pipeline, struct traced *traced);
void kept_release(struct pipeline *pipeline, struct traced *traced);
/* A span came: delivered, or held for its stack, or for OTELSHIM_KEEP. */
void kept_take(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
               const struct receipt *receipt);
/* The same, at its place in its lane, which is not asked for again. */
void kept_pass(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
               const struct receipt *placed);
/* Decides what is due. `is_short`: the pool is; what waits is let go. */
void kept_look(struct pipeline *pipeline, bool is_short);
/* Tickets came back: what lies before them is counted, in metrics too, and acknowledged. They are used up. */
void kept_acknowledge(struct pipeline *pipeline, struct receipt *tickets, uint32_t n_tickets);

/* ---- live.c ---- */
void live_start(struct pipeline *pipeline);
void live_stop(struct pipeline *pipeline);
/* The live part of the process's settings takes effect. */
void live_apply(struct pipeline *pipeline, struct traced *traced);

/* ---- destination.c ---- */
/* The one that serves `process`, made when there is none. */
struct destination *destination_get(struct pipeline *pipeline, const struct process *process,
                                    const struct settings *settings, enum otlp_signal signal);
/* Of the same user with the same URL, whose headers are known; NULL: none. */
struct destination *destination_find_alike(struct pipeline *pipeline, const struct process *process,
                                           const struct settings *settings, enum otlp_signal signal);
/* Of logs, by this exporter's own settings: for what is left of a process that is gone. NULL: they ask for none. */
struct destination *destination_get_own_logs(struct pipeline *pipeline);
/*
 * Of metrics, by this exporter's own settings, where they name an endpoint; nobody is its user. NULL: they do not, or want no metrics of
 * the exporter's own.
 */
struct destination *destination_open_own_metrics(struct pipeline *pipeline);
/* One user less. */
void destination_release(struct pipeline *pipeline, struct destination *destination);
/* For what earlier exporters left in the spool: the destinations of this exporter's own settings. */
void destination_open_own(struct pipeline *pipeline);
void destinations_fini(struct pipeline *pipeline);

#endif

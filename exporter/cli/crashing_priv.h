/* crashing_priv: what crashing.c, incident.c and watchdog.c share. Context: loop. */
#ifndef OTELSHIM_CRASHING_PRIV_H
#define OTELSHIM_CRASHING_PRIV_H

#include "base/log.h"
#include "cli/crashing.h"
#include "signals/crash/report.h"
#include "signals/spans/recent.h"
#include "sources/crash/collect.h"
#include "sources/crash/disposable.h"
#include "sources/crash/store.h"
#include "sources/process/death.h"

#define MAX_CHILDREN 2u
#define MAX_INCIDENTS 512u /* waiting at a time; beyond it crashes are counted, not kept */
#define MAX_KNOWN_ENDS 16u

#define NS_PER_MS 1000000ull
#define SECOND_NS (1000 * NS_PER_MS)
#define TELL_AFTER_NS (600 * NS_PER_MS)  /* the alert goes out then, with names or without */
#define SPANS_WAIT_NS (2000 * NS_PER_MS) /* the spans of a dead process go out then, report or not */

/* Where files are: the state directory, or, where that takes none, beside the drop box's. */
enum crash_place {
    PLACE_STATE,
    PLACE_BOX,
    N_PLACES,
};

enum incident_step {
    INCIDENT_CAPTURED, /* raw case on disk; the process has not died yet, or is not read to its end */
    INCIDENT_QUEUED,   /* complete; waits for its child */
    INCIDENT_RUNNING,
    INCIDENT_REPORTED, /* sent; stays until its process is gone */
};

/* One death, or one hang. */
struct incident {
    struct incident *next;
    struct traced *traced; /* NULL: gone, or found in the store */
    struct resource *resource;
    struct destination *logs; /* NULL: none */
    struct crash_case crash;
    struct crash_report report;
    char stem[STORE_STEM_BYTES];
    enum crash_place place; /* of its files; they stay there */
    enum incident_step step;
    int lock, root_fd;
    uint64_t began_mono_ns;                           /* when it came to be */
    bool is_living, is_stored, is_told, has_document; /* has: what was told */
    struct settings *settings; /* of the program, which may be gone; NULL: this exporter's own */
    struct disposable child;
};

/* What is known of one process's death. */
struct mortality {
    struct incident *incident; /* the one that its spans are marked with; NULL none */
    struct death_group *group;
    struct recent *recent;
    struct death death;
    uint64_t died_mono_ns, rss_bytes;
    uint32_t last_sequence; /* of the crash slot, dealt with */
    int pidfd;              /* of the dead one, while it may still tell how it ended; -1 */
    bool has_died, is_clean, is_replaced, is_decided;
    struct hang *hang; /* watchdog.c; NULL: off */
};

struct crashing {
    struct store places[N_PLACES];
    enum crash_place place; /* of the next one */
    struct incident *incidents, **last;
    uint32_t n_incidents, n_children;
    struct loop_timer *timer;    /* runs while there is something to wait for */
    struct loop_timer *watchdog; /* runs while somebody has one: the pacer may sleep */
    uint64_t next_second_ns, adopt_ns;
    uint32_t max_reports, prune_after;
    uint64_t max_bytes;
    bool is_leaving;
    uint64_t n_lost; /* more at a time than are kept */
    struct log_limit lost_limit;
    struct {
        uint32_t pid;
        int wait_status;
    } ends[MAX_KNOWN_ENDS];
    uint32_t n_ends;
};

/* Something waits: look again soon. */
void crashing_hurry(struct pipeline *pipeline);

/* One more than are kept. */
void crashing_count_lost(struct crashing *crashing);
/* OTELSHIM_CRASH=0. */
bool crashing_is_off(const struct traced *traced);
/* The whole slot, in the arena; *ret_bytes NULL: it cannot be read. False: no fault stands in it. */
bool crashing_read_slot(struct pipeline *pipeline, const struct process *process, struct arena *arena,
                        struct slot *ret_slot, const uint8_t **ret_bytes);

/* ---- mortality.c ---- */
void mortality_close_pidfd(struct mortality *mortality);
/* abort() out of its own handler: what it handled is what happened. */
void mortality_find_root(struct pipeline *pipeline, struct traced *traced, struct incident *incident);

/* ---- incident_disk.c ---- */
/* The path of a place, whether it is there or not. False: there is none. */
bool places_path(const struct pipeline *pipeline, enum crash_place place, char ret_path[PATH_MAX]);
/* The directory that its files are in; what fails to be written may change it. */
struct store *incident_place(struct pipeline *pipeline, const struct incident *incident);
/* Writes the case down; a new one gets its name. */
void incident_store(struct pipeline *pipeline, struct incident *incident, bool is_last);
/* Writes the report down. */
void incident_save(struct pipeline *pipeline, struct incident *incident);
/* An unfinished case of this id is in a store: taken over. `is_reported`: it was finished before. */
bool incident_take_over(struct pipeline *pipeline, struct incident *incident, bool *ret_is_reported);

/* ---- incident.c ---- */
/* Of this process, or NULL when there are too many. The case is empty. */
struct incident *incident_create(struct pipeline *pipeline, struct traced *traced);
/* Complete: to the queue. */
void incident_complete(struct pipeline *pipeline, struct incident *incident);
void incident_destroy(struct pipeline *pipeline, struct incident *incident);
/* Moves all of them on. */
void incidents_look(struct pipeline *pipeline);
/* Cases whose exporter died. */
void incidents_adopt(struct pipeline *pipeline);
/* Its open spans, and the last finished. */
void incident_add_spans(struct pipeline *pipeline, struct incident *incident);

/* ---- watchdog.c ---- */
/* When to look again at the latest, CLOCK_MONOTONIC; UINT64_MAX: it has no watchdog. */
uint64_t watchdog_look(struct pipeline *pipeline, struct traced *traced, uint64_t now_ns);
void watchdog_fini(struct traced *traced);

#endif

/* judge_priv: what judge.c and the families share: one call on trial. Context: loop. */
#ifndef OTELSHIM_ALERT_JUDGE_PRIV_H
#define OTELSHIM_ALERT_JUDGE_PRIV_H

#include "signals/alerts/error_type.h"
#include "signals/alerts/judge.h"
#include "signals/alerts/streaks.h"

#define JUDGE_MAX_CONTEXT 24u

/* A row of the facts is asked for by several of the rules below: found once. -1: not recorded. */
struct trial {
    const struct settings *settings;
    const struct raw_span *raw;
    const struct span *span;
    struct arena *arena;
    /* what the family finds */
    bool has_event; /* says something of its host */
    enum host_event event;
    bool is_alert;          /* told by default */
    bool is_ambiguous;      /* may or may not have happened */
    bool is_waiting;        /* slow by its nature */
    enum alert_level level; /* of its own alert */
    struct error_type error;
    int64_t status, code; /* HTTP status, CURLcode; 0 none */
    const char *sqlstate; /* NULL: none */
    const char
        *target;       /* "POST api.upbit.com/v1/orders", "SELECT orders at db"; made when somebody is told */
    uint32_t in_a_row; /* failures of its host, with this one */
};

/* ---- judge.c ---- */
/* An alert about this call: time, ids, nothing else. */
void judge_begin_alert(const struct trial *trial, enum alert_class class, enum alert_level level,
                       struct alert *ret_alert);
/* One more line of context; nothing of a NULL value. */
void judge_add(const struct trial *trial, struct alert *alert, const char *name, const char *value);
/* "12 ms", "9.88 s", "2 min 03 s". */
const char *judge_print_duration(struct arena *arena, uint64_t ns);
uint64_t judge_duration_ns(const struct trial *trial);
/* Value of a text attribute of the span; NULL none. */
const char *judge_text(const struct trial *trial, const char *key);
/* Fact of the call; `otherwise` where it was not recorded. */
int64_t judge_number(const struct trial *trial, enum wire_attribute key, int64_t otherwise);
/* OTELSHIM_LANG. */
bool judge_is_korean(const struct trial *trial);

/* ---- filters.c ---- */
/* OTELSHIM_ALERT_IGNORE alone. */
bool judge_is_ignored(const struct settings *settings, const struct span *span, const struct alert *alert);

/* ---- judge_http.c, judge_database.c ---- */
/* What happened; cheap. */
void judge_http(struct trial *trial);
void judge_database(struct trial *trial);
/* trial->target, and the type, message and context of the call's own alert. */
void judge_http_target(struct trial *trial);
void judge_database_target(struct trial *trial);
void judge_http_describe(const struct trial *trial, struct alert *alert);
void judge_database_describe(const struct trial *trial, struct alert *alert);
/* url.full for a chat; NULL none. */
const char *judge_url(const struct trial *trial);
/* "dns 12 ms · connect 38 ms · tls 61 ms · waited 9.88 s"; NULL none. */
const char *judge_http_phases(const struct trial *trial);

/* ---- ambiguous.c: a request that may or may not have happened ---- */
bool ambiguous_is(const struct trial *trial);
void ambiguous_describe(const struct trial *trial, struct alert *alert);
/* ---- its host ---- */
/* Name of what is asked, in words of the alert: "api.upbit.com", "localhost:8080", "postgresql db.local". Bytes; 0 unknown. */
size_t judge_http_host(const struct trial *trial, char *ret_name, size_t max);
size_t judge_database_host(const struct trial *trial, char *ret_name, size_t max);

#endif

/*
 * streaks: how the hosts that a program talks to are doing: failures in a row, refused credentials, and the failed share of the calls
 * of the last five minutes.
 *
 * One alert per trouble: `news` says when one begins and when it is over. A flood of failures is told as a streak; the share is for
 * hosts that fail now and then, so it stays quiet about calls that a streak has told already.
 *
 * Context: loop; some ten nanoseconds for a call that went well. Ownership: bounded: the host that was quiet longest goes first, one
 * in trouble last.
 */
#ifndef OTELSHIM_ALERT_STREAKS_H
#define OTELSHIM_ALERT_STREAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAKS_MAX_HOSTS 128u
#define STREAKS_NAME_BYTES 96u
#define STREAKS_WINDOW_NS 300000000000ull
#define STREAKS_SLICES 10u /* the window moves by a tenth */
#define STREAKS_MIN_CALLS 20u
#define STREAKS_PATHS 4u

enum host_event {
    HOST_SERVED,   /* did what was asked */
    HOST_ANSWERED, /* lives, but did not like the request: 400, 404, an SQL error */
    HOST_FAILED,   /* did not answer, or says that it cannot: 5xx, 429 */
    HOST_REJECTED, /* 401, 403 */
};

struct host_call {
    enum host_event event;
    uint64_t end_ns; /* CLOCK_MONOTONIC */
    uint64_t path;   /* hash of what was asked for: a success elsewhere says nothing about credentials */
};

struct host_limits {
    uint32_t streak;   /* 0: off */
    double error_rate; /* 0: off */
};

struct host_news {
    bool fails, is_back;               /* a streak begins; is over */
    bool rejects, accepts;             /* likewise, of credentials */
    bool fails_often, is_rarely_again; /* likewise, of the share */
    uint32_t in_a_row;                 /* failures, with this one */
    uint32_t n_rejected;
    uint32_t n_calls, n_failed; /* of the window; set with fails_often */
};

struct host;
struct streaks;

struct streaks *streaks_create(void);
/* NULL is fine. */
void streaks_destroy(struct streaks *streaks);
/* Made when it is not there. `name` is cut at STREAKS_NAME_BYTES - 1. Valid until the next call of this function. */
struct host *streaks_find(struct streaks *streaks, const char *name, size_t bytes);
void streaks_note(struct host *host, const struct host_call *call, const struct host_limits *limits,
                  struct host_news *ret_news);
const char *streaks_name(const struct host *host);
/* Has it refused credentials, and not taken them since? Then a call's path matters. */
bool streaks_has_rejected(const struct host *host);

#endif

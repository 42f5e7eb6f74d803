/*
 * retry: may this batch be sent again, and when.
 *
 * OTLP spec: 429, 502, 503, 504 and failed connections are sent again with backoff and jitter, everything else never.
 *
 * Context: loop.
 */
#ifndef OTELSHIM_RETRY_H
#define OTELSHIM_RETRY_H

#include "base/http_client.h"

enum retry_verdict { RETRY_DELIVERED, RETRY_AGAIN, RETRY_NEVER };

enum retry_verdict retry_judge(const struct http_result *result);

/* From 1 s, times 1.5, up to 5 s for one batch and up to 30 s while the destination is down; each ±20 %. */
#define RETRY_FIRST_MS 1000u
#define RETRY_CAP_MS 5000u
#define RETRY_DOWN_CAP_MS 30000u
/* A collector's wish to be left alone longer than this is cut: it may have mistaken the year. */
#define RETRY_AFTER_CAP_MS 600000u

struct retry {
    uint32_t delay_ms; /* the last one, without jitter; 0: none yet */
    uint64_t random;   /* never 0 */
};

void retry_init(struct retry *retry, uint64_t seed);
/* Delivered: the next failure begins at RETRY_FIRST_MS again. */
void retry_reset(struct retry *retry);
/* How long to wait now. `retry_after_ms` below 0: the answer said nothing. */
uint32_t retry_next_ms(struct retry *retry, uint32_t cap_ms, int64_t retry_after_ms);

#endif

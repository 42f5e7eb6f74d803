/*
 * pace: how fast messages may follow each other: per place (a chat), per group a minute, per account a second; pauses that a server
 * asks for; the backoff while it is out of reach.
 *
 * Context: loop. State: of all accounts of this exporter, bounded; what has not been used for longest is forgotten first. Times in
 * milliseconds of CLOCK_MONOTONIC.
 */
#ifndef OTELSHIM_ALERT_PACE_H
#define OTELSHIM_ALERT_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* 0 until a message may go to `place` of `account`; both are names, copied. */
uint64_t pace_wait_ms(const char *account, const char *place, bool is_group, uint64_t now_ms);
/* One goes out. */
void pace_take(const char *account, const char *place, bool is_group, uint64_t now_ms);
/* The server wants a pause of the whole account. */
void pace_pause(const char *account, uint64_t pause_ms, uint64_t now_ms);
/* No answer, or none that means something: how long to wait, 1, 2, 4 … 300 s, each by up to a fifth more. The account waits. */
uint64_t pace_fail(const char *account, uint64_t now_ms);
/* It answers again. */
void pace_recover(const char *account);
/* Forgets all. For tests. */
void pace_clear(void);

#endif

/*
 * fingerprint: what groups crashes of one bug: SHA-256 over kind of death, kind of mistake, and the top own frames.
 *
 * No addresses, no line numbers, no argument values: the same over ASLR, restarts, and builds that moved code. Context: any; pure.
 */
#ifndef OTELSHIM_CRASH_FINGERPRINT_H
#define OTELSHIM_CRASH_FINGERPRINT_H

#include "telemetry/crash_report.h"

#define FINGERPRINT_FRAMES 5u
#define FINGERPRINT_NAME_MAX 512u

/*
 * A function's name without what changes from build to build: arguments, template arguments, ordinals of lambdas and
 * closures, clones of the optimiser, Rust's hashes.
 */
void fingerprint_normalise(const char *function, char ret_name[FINGERPRINT_NAME_MAX]);
/* 64 hexadecimal digits. `detail`: of struct explanation; NULL none. */
void fingerprint_make(const struct crash_report *report, const char *detail, char ret_text[65]);

#endif

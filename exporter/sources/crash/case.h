/*
 * case: the file format of struct crash_case (telemetry/crash_case.h declares how to write and read one).
 *
 *   "OTSHCASE"  version  0
 *   { u32 kind, u32 bytes } bytes…      padded to 8; unknown kinds are skipped, texts end with a NUL
 *   a THREAD is followed by the MEMORY of its stack
 *   END                                 without it the file is not whole
 *
 * Native byte order: the file stays on its machine. Hostile: a reader checks everything, -EBADMSG.
 */
#ifndef OTELSHIM_CRASH_CASE_FILE_H
#define OTELSHIM_CRASH_CASE_FILE_H

#include "telemetry/crash_case.h"

#define CASE_MAX_BYTES (96u << 20)

/* From memory; what is read points into `bytes`, or lives in the case's arena. 0, -EBADMSG. */
int case_decode(struct crash_case *ret_crash, const uint8_t *bytes, size_t n_bytes);

/* As crash_case_write(), and what it wrote survives a power failure: for the last one. */
int case_write_synced(const struct crash_case *crash, int directory, const char *name);

#endif

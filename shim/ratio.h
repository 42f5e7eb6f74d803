/*
 * ratio: a sampling ratio as a threshold for the low 56 bits of trace ids (OTel spec, "Probability Sampling").
 *
 * Context: cold. Pure.
 */
#ifndef OTELSHIM_RATIO_H
#define OTELSHIM_RATIO_H

#include <stdbool.h>
#include <stdint.h>

/* Threshold for a ratio given as text, "0" to "1". False: not such a number. */
bool ratio_parse(const char *text, uint64_t *ret_threshold);

#endif

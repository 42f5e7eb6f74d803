/*
 * old_names: the attributes' names of before the conventions were stable, beside the stable ones, where
 * OTEL_SEMCONV_STABILITY_OPT_IN has http/dup or database/dup.
 *
 * HTTP: those of version 1.20, with http.flavor (1.19) and http.user_agent (1.18). Databases: those of 1.24, with
 * net.* (1.20). The specification's own migration guides say what became what. Metrics: signals/metrics/derive.c takes
 * their old attributes from the span's.
 *
 * Context: loop. Values are the ones that the stable attributes have, so they are redacted already.
 */
#ifndef OTELSHIM_OLD_NAMES_H
#define OTELSHIM_OLD_NAMES_H

#include "signals/spans/assemble_priv.h"

/* Behind what the families assembled, in front of what the program itself said. */
void old_names_add(struct assembly *assembly);

#endif

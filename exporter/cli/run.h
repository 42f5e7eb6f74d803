/* run: what the files of `otelshim run` share. Context: one thread until the exporter's loop runs. */
#ifndef OTELSHIM_RUN_H
#define OTELSHIM_RUN_H

#include <limits.h>
#include <stdint.h>

struct run {
    char **argv;        /* of the program */
    char box[PATH_MAX]; /* the user's drop box; "" none can be written */
    uint32_t flush_timeout_ms;
};

/* As the program's exporter, with its traces on stderr. Returns the exit status. */
int run_with_console(const struct run *run);
/* As pid 1. Returns the exit status. */
int run_as_init(const struct run *run);

#endif

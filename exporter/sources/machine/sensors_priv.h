/* sensors_priv: what sensors.c (files), temperature.c and throttling.c share. Context: loop. */
#ifndef OTELSHIM_SENSORS_PRIV_H
#define OTELSHIM_SENSORS_PRIV_H

#include "sources/machine/sensors.h"
#include <limits.h>
#include <stddef.h>

#define SENSOR_TEXT_BYTES 64u
#define MAX_SLOW 16u

struct sensors {
    char root[PATH_MAX];
    char firmware[256];       /* path of get_throttled; "" there is none */
    char slow[MAX_SLOW][256]; /* not asked again */
    uint32_t n_slow;
    struct machine_state state;
};

/* The file's first line, cut; false where it cannot be read, or took too long once. `path` below the root. */
bool sensor_read_text(struct sensors *sensors, const char *path, char ret_text[SENSOR_TEXT_BYTES]);
bool sensor_read_number(struct sensors *sensors, const char *path, int64_t *ret_number);
/* Calls `each` with the names in a directory that begin with `prefix`, in the order of their numbers, at most 256. */
void sensor_each(struct sensors *sensors, const char *directory, const char *prefix,
                 void (*each)(struct sensors *sensors, const char *name));

void sensors_read_temperatures(struct sensors *sensors);
void sensors_read_throttling(struct sensors *sensors);
void sensors_find_firmware(struct sensors *sensors);

#endif

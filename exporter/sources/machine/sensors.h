/*
 * sensors: temperatures and throttling, as the kernel shows them below /sys. Only what is there is told.
 *
 *     class/thermal/thermal_zone*           temp, type, trip points
 *     class/thermal/cooling_device*         processors that are slowed down
 *     class/hwmon/hwmon*                    temp*_input, and the voltage alarm of a Raspberry Pi ("rpi_volt")
 *     devices/system/cpu/cpu*               thermal_throttle (x86)
 *     devices/system/cpu/cpufreq/policy*    what they may run at now, and at most
 *     devices/platform/soc*, *:firmware     get_throttled (Raspberry Pi)
 *
 * Not read: sensors of disks (asking wakes them), the frequency of the moment (older kernels wait for it).
 *
 * Context: loop. A few small reads for each of them, once per export of metrics; one that took longer than 10 ms is not asked again.
 */
#ifndef OTELSHIM_SENSORS_H
#define OTELSHIM_SENSORS_H

#include "telemetry/machine_state.h"

struct sensors;

/* `root`: "" is the machine; else a directory with its own sys/. */
struct sensors *sensors_create(const char *root);
/* NULL is fine. */
void sensors_destroy(struct sensors *sensors);
/* Reads anew; valid until the next one. */
const struct machine_state *sensors_read(struct sensors *sensors);

#endif

/*
 * machine_state: how hot the machine is, and whether it runs slower for that, or for want of power. Context: any.
 *
 * What is not known is 0, and its has_… false.
 */
#ifndef OTELSHIM_MACHINE_STATE_H
#define OTELSHIM_MACHINE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_MAX_TEMPERATURES 64u
#define MACHINE_MAX_SPEEDS 8u

struct machine_temperature {
    char id[64];                 /* unique on the machine: "thermal_zone0", "coretemp/temp1" */
    char name[32], location[48]; /* of the sensor; "" unknown */
    double celsius;
    bool has_critical, has_degraded;
    double critical, degraded; /* where it is switched off, where it begins to be slowed down */
};

/* Processors whose limits belong together. */
struct machine_speed {
    char id[32]; /* of the first: "policy0" */
    int64_t max_hz, limit_hz;
};

/* Bits of the Raspberry Pi's firmware: now, and 16 higher since the machine began. */
#define MACHINE_UNDER_VOLTAGE 1u
#define MACHINE_FREQUENCY_CAPPED 2u
#define MACHINE_THROTTLED 4u
#define MACHINE_SOFT_TEMPERATURE_LIMIT 8u
#define MACHINE_SINCE_BOOT(bits) ((bits) >> 16)

struct machine_state {
    uint64_t boot_unix_ns;
    struct machine_temperature temperatures[MACHINE_MAX_TEMPERATURES];
    uint32_t n_temperatures;
    struct machine_speed speeds[MACHINE_MAX_SPEEDS];
    uint32_t n_speeds;
    bool has_throttles, has_throttle_times; /* of x86, since the machine began */
    uint64_t core_throttles, package_throttles, core_throttled_ms, package_throttled_ms;
    bool has_firmware;
    uint32_t firmware; /* MACHINE_… */
    bool has_voltage_alarm, is_under_voltage;
    bool has_cooling, is_cooled; /* a processor is slowed down to be cooled */
};

#endif

/* throttling: who makes the processors slower than they are: x86's counters, limits of cpufreq, a Raspberry Pi's firmware. See sensors.h. */
#include "sources/machine/sensors_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU "/sys/devices/system/cpu"
#define PLATFORM "/sys/devices/platform"
#define THERMAL "/sys/class/thermal"
#define MAX_CPUS 1024u

/* ---- x86: each logical processor counts; those of one core, and of one package, count the same ---- */

struct counted {
    int64_t package, core; /* core -1: the package's own */
    uint64_t n, ms;
};

struct counting {
    struct counted items[2 * MAX_CPUS];
    uint32_t n;
};

static bool read_of_cpu(struct sensors *sensors, uint32_t cpu, const char *file, int64_t *ret_number)
{
    char path[200];
    snprintf(path, sizeof(path), CPU "/cpu%u/%s", cpu, file);
    return sensor_read_number(sensors, path, ret_number);
}

static void count(struct counting *counting, int64_t package, int64_t core, int64_t n, int64_t ms)
{
    struct counted *found = NULL;
    for (uint32_t i = 0; i < counting->n && !found; i++)
        if (counting->items[i].package == package && counting->items[i].core == core)
            found = &counting->items[i];
    if (!found) {
        found = &counting->items[counting->n++];
        *found = (struct counted){package, core, 0, 0};
    }
    if (n > 0 && (uint64_t)n > found->n)
        found->n = (uint64_t)n;
    if (ms > 0 && (uint64_t)ms > found->ms)
        found->ms = (uint64_t)ms;
}

/* False: it does not count. */
static bool count_cpu(struct sensors *sensors, uint32_t cpu, struct counting *counting)
{
    int64_t n, ms = 0, package = 0, core = cpu;
    if (!read_of_cpu(sensors, cpu, "thermal_throttle/core_throttle_count", &n))
        return false;
    (void)read_of_cpu(sensors, cpu, "topology/physical_package_id", &package);
    (void)read_of_cpu(sensors, cpu, "topology/core_id", &core);
    sensors->state.has_throttle_times |=
        read_of_cpu(sensors, cpu, "thermal_throttle/core_throttle_total_time_ms", &ms);
    count(counting, package, core, n, ms);
    ms = 0;
    if (read_of_cpu(sensors, cpu, "thermal_throttle/package_throttle_count", &n)) {
        (void)read_of_cpu(sensors, cpu, "thermal_throttle/package_throttle_total_time_ms", &ms);
        count(counting, package, -1, n, ms);
    }
    return true;
}

static void read_counters(struct sensors *sensors)
{
    static struct counting counting; /* loop thread only */
    struct machine_state *state = &sensors->state;
    uint32_t n_missing = 0;
    counting.n = 0;
    /* one that is switched off has no counters; where the first ones have none, there are none */
    for (uint32_t cpu = 0; cpu < MAX_CPUS && n_missing < 4; cpu++)
        n_missing = count_cpu(sensors, cpu, &counting) ? 0 : n_missing + 1;
    state->has_throttles = counting.n > 0;
    for (uint32_t i = 0; i < counting.n; i++) {
        bool is_core = counting.items[i].core >= 0;
        *(is_core ? &state->core_throttles : &state->package_throttles) += counting.items[i].n;
        *(is_core ? &state->core_throttled_ms : &state->package_throttled_ms) += counting.items[i].ms;
    }
}

/* ---- cpufreq: processors that can run equally fast are one; the one that may least speaks for them ---- */

static void read_policy(struct sensors *sensors, const char *policy)
{
    struct machine_state *state = &sensors->state;
    char path[200];
    int64_t max_khz, limit_khz;
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/cpuinfo_max_freq", policy);
    if (!sensor_read_number(sensors, path, &max_khz))
        return;
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/scaling_max_freq", policy);
    if (!sensor_read_number(sensors, path, &limit_khz) || limit_khz <= 0 || max_khz <= 0 ||
        max_khz > 100000000)
        return;
    struct machine_speed *speed = NULL;
    for (uint32_t i = 0; i < state->n_speeds && !speed; i++)
        if (state->speeds[i].max_hz == max_khz * 1000)
            speed = &state->speeds[i];
    if (!speed) {
        if (state->n_speeds == MACHINE_MAX_SPEEDS)
            return;
        speed = &state->speeds[state->n_speeds++];
        *speed = (struct machine_speed){.max_hz = max_khz * 1000, .limit_hz = limit_khz * 1000};
        snprintf(speed->id, sizeof(speed->id), "%.31s", policy);
    }
    if (limit_khz * 1000 < speed->limit_hz)
        speed->limit_hz = limit_khz * 1000;
}

static void read_cooling(struct sensors *sensors, const char *device)
{
    static const char *const types[] = {"cpufreq", "thermal-cpufreq", "Processor"};
    char path[200], type[SENSOR_TEXT_BYTES];
    int64_t state;
    snprintf(path, sizeof(path), THERMAL "/%s/type", device);
    if (!sensor_read_text(sensors, path, type))
        return;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strncmp(type, types[i], strlen(types[i])) != 0)
            continue;
        snprintf(path, sizeof(path), THERMAL "/%s/cur_state", device);
        if (!sensor_read_number(sensors, path, &state))
            return;
        sensors->state.has_cooling = true;
        sensors->state.is_cooled |= state > 0;
        return;
    }
}

/* ---- Raspberry Pi: a number in hexadecimal, without 0x (drivers/firmware/raspberrypi.c of its kernels) ---- */

/* "soc/soc:firmware" up to the 4, "soc@107c000000/soc@107c000000:firmware" on the 5, whose kernels may have no such file. */
static void look_for_firmware(struct sensors *sensors, const char *soc)
{
    char path[200], text[SENSOR_TEXT_BYTES];
    snprintf(path, sizeof(path), PLATFORM "/%s/%s:firmware/get_throttled", soc, soc);
    if (!sensors->firmware[0] && sensor_read_text(sensors, path, text))
        snprintf(sensors->firmware, sizeof(sensors->firmware), "%s", path);
}

void sensors_find_firmware(struct sensors *sensors)
{
    sensor_each(sensors, PLATFORM, "soc", look_for_firmware);
}

static void read_firmware(struct sensors *sensors)
{
    char text[SENSOR_TEXT_BYTES], *end;
    if (!sensors->firmware[0] || !sensor_read_text(sensors, sensors->firmware, text))
        return;
    unsigned long bits = strtoul(text, &end, 16);
    if (end == text || *end || bits > UINT32_MAX)
        return;
    sensors->state.has_firmware = true;
    sensors->state.firmware = (uint32_t)bits;
}

void sensors_read_throttling(struct sensors *sensors)
{
    read_counters(sensors);
    sensor_each(sensors, CPU "/cpufreq", "policy", read_policy);
    sensor_each(sensors, THERMAL, "cooling_device", read_cooling);
    read_firmware(sensors);
}

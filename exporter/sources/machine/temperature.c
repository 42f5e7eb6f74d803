/* temperature: thermal zones and hardware monitors, in thousandths of a degree. See sensors.h. */
#include "sources/machine/sensors_priv.h"

#include <stdio.h>
#include <string.h>

#define THERMAL "/sys/class/thermal"
#define HWMON "/sys/class/hwmon"
#define MAX_TRIPS 12u
#define MAX_INPUTS 32u /* of a monitor */
/* Sensors that are not connected say the oddest things. */
#define LOWEST (-100000)
#define HIGHEST 250000

static struct machine_temperature *add(struct sensors *sensors, int64_t millidegrees)
{
    struct machine_state *state = &sensors->state;
    if (millidegrees < LOWEST || millidegrees > HIGHEST || state->n_temperatures == MACHINE_MAX_TEMPERATURES)
        return NULL;
    struct machine_temperature *temperature = &state->temperatures[state->n_temperatures++];
    *temperature = (struct machine_temperature){.celsius = (double)millidegrees / 1000};
    return temperature;
}

static bool read_limit(struct sensors *sensors, const char *path, double *ret_celsius)
{
    int64_t limit;
    if (!sensor_read_number(sensors, path, &limit) || limit <= 0 || limit > HIGHEST)
        return false;
    *ret_celsius = (double)limit / 1000;
    return true;
}

/* ---- thermal zones ---- */

/* The lowest passive point is where the kernel begins to slow the processor down. */
static void read_trip(struct sensors *sensors, const char *zone, uint32_t i,
                      struct machine_temperature *temperature)
{
    char path[200], type[SENSOR_TEXT_BYTES];
    double celsius;
    snprintf(path, sizeof(path), THERMAL "/%s/trip_point_%u_type", zone, i);
    if (!sensor_read_text(sensors, path, type))
        return;
    bool is_critical = strcmp(type, "critical") == 0, is_passive = strcmp(type, "passive") == 0;
    snprintf(path, sizeof(path), THERMAL "/%s/trip_point_%u_temp", zone, i);
    if ((!is_critical && !is_passive) || !read_limit(sensors, path, &celsius))
        return;
    if (is_critical && !temperature->has_critical) {
        temperature->has_critical = true;
        temperature->critical = celsius;
    } else if (is_passive && (!temperature->has_degraded || celsius < temperature->degraded)) {
        temperature->has_degraded = true;
        temperature->degraded = celsius;
    }
}

static void read_zone(struct sensors *sensors, const char *zone)
{
    char path[200];
    int64_t millidegrees;
    snprintf(path, sizeof(path), THERMAL "/%s/temp", zone);
    struct machine_temperature *temperature =
        sensor_read_number(sensors, path, &millidegrees) ? add(sensors, millidegrees) : NULL;
    if (!temperature)
        return;
    char type[SENSOR_TEXT_BYTES] = "";
    snprintf(path, sizeof(path), THERMAL "/%s/type", zone);
    (void)sensor_read_text(sensors, path, type);
    snprintf(temperature->id, sizeof(temperature->id), "%s", zone);
    snprintf(temperature->name, sizeof(temperature->name), "%.31s", type);
    for (uint32_t i = 0; i < MAX_TRIPS; i++)
        read_trip(sensors, zone, i, temperature);
}

/* ---- hardware monitors ---- */

/* The kernel makes a monitor of each thermal zone: its type, with '_' for '-'. */
static bool is_zone(const struct sensors *sensors, const char *name)
{
    for (uint32_t i = 0; i < sensors->state.n_temperatures; i++) {
        const struct machine_temperature *zone = &sensors->state.temperatures[i];
        size_t k = 0;
        while (zone->name[k] && (zone->name[k] == name[k] || (zone->name[k] == '-' && name[k] == '_')))
            k++;
        if (!zone->name[k] && !name[k] && strncmp(zone->id, "thermal_zone", 12) == 0)
            return true;
    }
    return false;
}

static bool has_id(const struct sensors *sensors, const char *id)
{
    for (uint32_t i = 0; i < sensors->state.n_temperatures; i++)
        if (strcmp(sensors->state.temperatures[i].id, id) == 0)
            return true;
    return false;
}

static void read_input(struct sensors *sensors, const char *monitor, const char *name, uint32_t i)
{
    char path[200], id[64], label[SENSOR_TEXT_BYTES] = "";
    int64_t millidegrees;
    snprintf(id, sizeof(id), "%.31s/temp%u", name, i);
    if (has_id(sensors, id)) /* of two alike, numbers that may be others after the next boot */
        snprintf(id, sizeof(id), "%.31s.%.15s/temp%u", name, monitor, i);
    snprintf(path, sizeof(path), HWMON "/%s/temp%u_input", monitor, i);
    struct machine_temperature *temperature =
        sensor_read_number(sensors, path, &millidegrees) ? add(sensors, millidegrees) : NULL;
    if (!temperature)
        return;
    memcpy(temperature->id, id, sizeof(id));
    snprintf(temperature->name, sizeof(temperature->name), "%.31s", name);
    snprintf(path, sizeof(path), HWMON "/%s/temp%u_label", monitor, i);
    if (sensor_read_text(sensors, path, label))
        snprintf(temperature->location, sizeof(temperature->location), "%.47s", label);
    snprintf(path, sizeof(path), HWMON "/%s/temp%u_crit", monitor, i);
    temperature->has_critical = read_limit(sensors, path, &temperature->critical);
    snprintf(path, sizeof(path), HWMON "/%s/temp%u_max", monitor, i);
    temperature->has_degraded = read_limit(sensors, path, &temperature->degraded);
}

static void read_monitor(struct sensors *sensors, const char *monitor)
{
    char path[200], name[SENSOR_TEXT_BYTES];
    int64_t alarm;
    snprintf(path, sizeof(path), HWMON "/%s/name", monitor);
    if (!sensor_read_text(sensors, path, name))
        return;
    snprintf(path, sizeof(path), HWMON "/%s/in0_lcrit_alarm", monitor);
    if (strcmp(name, "rpi_volt") == 0 && sensor_read_number(sensors, path, &alarm)) {
        sensors->state.has_voltage_alarm = true;
        sensors->state.is_under_voltage = alarm != 0;
    }
    bool is_disk = strcmp(name, "nvme") == 0 || strcmp(name, "drivetemp") == 0;
    if (is_disk || is_zone(sensors, name))
        return;
    for (uint32_t i = 1; i <= MAX_INPUTS; i++)
        read_input(sensors, monitor, name, i);
}

void sensors_read_temperatures(struct sensors *sensors)
{
    sensor_each(sensors, THERMAL, "thermal_zone", read_zone);
    sensor_each(sensors, HWMON, "hwmon", read_monitor);
}

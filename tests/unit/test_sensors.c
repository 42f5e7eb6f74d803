/* sensors, observe_machine: trees of /sys as real machines have them: a Raspberry Pi 4 and 5, an x86 laptop, a virtual machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "signals/metrics/self.h"
#include "sources/machine/sensors.h"
#include "temporary.h"

#define NOW_NS 1700000000000000000ull

struct file {
    const char *path, *text;
};

/* Raspberry Pi 4 Model B, kernel 6.6: too weak a power supply, now and before; throttled now. */
static const struct file pi4[] = {
    {"class/thermal/thermal_zone0/type", "cpu-thermal\n"},
    {"class/thermal/thermal_zone0/temp", "48686\n"},
    {"class/thermal/thermal_zone0/trip_point_0_type", "critical\n"},
    {"class/thermal/thermal_zone0/trip_point_0_temp", "110000\n"},
    {"class/hwmon/hwmon0/name", "cpu_thermal\n"}, /* the same sensor once more */
    {"class/hwmon/hwmon0/temp1_input", "48686\n"},
    {"class/hwmon/hwmon1/name", "rpi_volt\n"},
    {"class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"},
    {"devices/platform/soc/soc:firmware/get_throttled", "50005\n"},
    {"devices/system/cpu/cpu0/topology/core_id", "0\n"},
    {"devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "1800000\n"},
    {"devices/system/cpu/cpufreq/policy0/scaling_max_freq", "1800000\n"},
    {NULL, NULL}};

/* Raspberry Pi 5: well. */
static const struct file pi5[] = {
    {"class/thermal/thermal_zone0/type", "cpu-thermal\n"},
    {"class/thermal/thermal_zone0/temp", "51500\n"},
    {"class/hwmon/hwmon2/name", "rp1_adc\n"},
    {"class/hwmon/hwmon2/temp1_input", "47123\n"},
    {"class/hwmon/hwmon3/name", "rpi_volt\n"},
    {"class/hwmon/hwmon3/in0_lcrit_alarm", "0\n"},
    {"class/hwmon/hwmon4/name", "nvme\n"}, /* asking wakes it */
    {"class/hwmon/hwmon4/temp1_input", "39850\n"},
    {"devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", "e0000\n"},
    {NULL, NULL}};

/* A laptop with two cores of two threads each, hot: the kernel holds it at 1.2 of 3.8 GHz. */
static const struct file laptop[] = {
    {"class/thermal/thermal_zone0/type", "acpitz\n"},
    {"class/thermal/thermal_zone0/temp", "27800\n"},
    {"class/thermal/thermal_zone0/trip_point_0_type", "critical\n"},
    {"class/thermal/thermal_zone0/trip_point_0_temp", "105000\n"},
    {"class/thermal/thermal_zone0/trip_point_1_type", "passive\n"},
    {"class/thermal/thermal_zone0/trip_point_1_temp", "98000\n"},
    {"class/thermal/thermal_zone0/trip_point_2_type", "passive\n"},
    {"class/thermal/thermal_zone0/trip_point_2_temp", "95000\n"},
    {"class/thermal/thermal_zone0/trip_point_3_type", "passive\n"},
    {"class/thermal/thermal_zone0/trip_point_3_temp", "-274000\n"}, /* not set */
    {"class/thermal/thermal_zone1/type", "iwlwifi_1\n"},
    {"class/thermal/thermal_zone1/temp", ""}, /* ENODATA in life */
    {"class/thermal/thermal_zone10/type", "x86_pkg_temp\n"},
    {"class/thermal/thermal_zone10/temp", "97000\n"},
    {"class/thermal/cooling_device0/type", "Processor\n"},
    {"class/thermal/cooling_device0/cur_state", "0\n"},
    {"class/thermal/cooling_device1/type", "Processor\n"},
    {"class/thermal/cooling_device1/cur_state", "3\n"},
    {"class/thermal/cooling_device2/type", "Fan\n"},
    {"class/thermal/cooling_device2/cur_state", "1\n"},
    {"class/hwmon/hwmon0/name", "acpitz\n"},
    {"class/hwmon/hwmon0/temp1_input", "27800\n"},
    {"class/hwmon/hwmon5/name", "coretemp\n"},
    {"class/hwmon/hwmon5/temp1_label", "Package id 0\n"},
    {"class/hwmon/hwmon5/temp1_input", "97000\n"},
    {"class/hwmon/hwmon5/temp1_crit", "100000\n"},
    {"class/hwmon/hwmon5/temp1_max", "100000\n"},
    {"class/hwmon/hwmon5/temp3_label", "Core 1\n"},
    {"class/hwmon/hwmon5/temp3_input", "-128000\n"}, /* not connected */
    {"devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "17\n"},
    {"devices/system/cpu/cpu0/thermal_throttle/core_throttle_total_time_ms", "1500\n"},
    {"devices/system/cpu/cpu0/thermal_throttle/package_throttle_count", "40\n"},
    {"devices/system/cpu/cpu0/thermal_throttle/package_throttle_total_time_ms", "2250\n"},
    {"devices/system/cpu/cpu0/topology/core_id", "0\n"},
    {"devices/system/cpu/cpu0/topology/physical_package_id", "0\n"},
    {"devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "5\n"},
    {"devices/system/cpu/cpu1/thermal_throttle/package_throttle_count", "41\n"},
    {"devices/system/cpu/cpu1/topology/core_id", "1\n"},
    {"devices/system/cpu/cpu1/topology/physical_package_id", "0\n"},
    {"devices/system/cpu/cpu2/thermal_throttle/core_throttle_count", "17\n"},
    {"devices/system/cpu/cpu2/topology/core_id", "0\n"},
    {"devices/system/cpu/cpu2/topology/physical_package_id", "0\n"},
    {"devices/system/cpu/cpu3/topology/core_id", "1\n"}, /* switched off */
    {"devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "3800000\n"},
    {"devices/system/cpu/cpufreq/policy0/scaling_max_freq", "3800000\n"},
    {"devices/system/cpu/cpufreq/policy1/cpuinfo_max_freq", "3800000\n"},
    {"devices/system/cpu/cpufreq/policy1/scaling_max_freq", "1200000\n"},
    {"devices/system/cpu/cpufreq/policy2/cpuinfo_max_freq", "2400000\n"}, /* a small core */
    {"devices/system/cpu/cpufreq/policy2/scaling_max_freq", "2400000\n"},
    {NULL, NULL}};

static const struct file virtual_machine[] = {{"devices/system/cpu/cpu0/topology/core_id", "0\n"},
                                              {NULL, NULL}};

static const struct file nonsense[] = {
    {"class/thermal/thermal_zone0/temp", "4e3\n"},
    {"class/thermal/thermal_zone1/temp", "99999999999999999999999\n"},
    {"class/thermal/thermal_zone2/temp", "\xff\xff\xff\xff"},
    {"class/thermal/thermal_zone-the-name-of-which-is-far-too-long-for-us/temp", "1\n"},
    {"devices/platform/soc/soc:firmware/get_throttled", "throttled=0x0\n"},
    {"devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq", "0\n"},
    {"devices/system/cpu/cpufreq/policy0/scaling_max_freq", "0\n"},
    {"devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "-5\n"},
    {NULL, NULL}};

static char root[64];

static void write_file(const struct file *file)
{
    char path[400];
    snprintf(path, sizeof(path), "%s/sys/%s", root, file->path);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(file->text, out);
    fclose(out);
}

static struct sensors *make(const struct file *files)
{
    temporary_make(root, sizeof(root));
    for (; files->path; files++)
        write_file(files);
    return sensors_create(root);
}

static void unmake(struct sensors *sensors)
{
    sensors_destroy(sensors);
    temporary_remove(root);
}

/* ---- what is read ---- */

static void test_sensors_pi4(void **state)
{
    (void)state;
    struct sensors *sensors = make(pi4);
    const struct machine_state *read = sensors_read(sensors);
    assert_int_equal(read->n_temperatures, 1);
    assert_string_equal(read->temperatures[0].id, "thermal_zone0");
    assert_string_equal(read->temperatures[0].name, "cpu-thermal");
    assert_true(read->temperatures[0].celsius == 48.686);
    assert_true(read->temperatures[0].has_critical && read->temperatures[0].critical == 110);
    assert_false(read->temperatures[0].has_degraded);
    assert_true(read->has_voltage_alarm && read->is_under_voltage);
    assert_true(read->has_firmware);
    assert_int_equal(read->firmware, 0x50005);
    assert_false(read->has_throttles || read->has_cooling);
    assert_int_equal(read->n_speeds, 1);
    /* asked again: what is there then */
    write_file(&(struct file){"class/thermal/thermal_zone0/temp", "85000\n"});
    write_file(&(struct file){"devices/platform/soc/soc:firmware/get_throttled", "50000\n"});
    read = sensors_read(sensors);
    assert_true(read->n_temperatures == 1 && read->temperatures[0].celsius == 85);
    assert_int_equal(read->firmware, 0x50000);
    unmake(sensors);
}

static void test_sensors_pi5(void **state)
{
    (void)state;
    struct sensors *sensors = make(pi5);
    const struct machine_state *read = sensors_read(sensors);
    assert_int_equal(read->n_temperatures, 2);
    assert_string_equal(read->temperatures[1].id, "rp1_adc/temp1");
    assert_int_equal(read->firmware, 0xe0000);
    assert_true(read->has_voltage_alarm && !read->is_under_voltage);
    unmake(sensors);
}

static void test_sensors_laptop(void **state)
{
    (void)state;
    struct sensors *sensors = make(laptop);
    const struct machine_state *read = sensors_read(sensors);
    assert_int_equal(read->n_temperatures, 3);
    assert_string_equal(read->temperatures[0].id, "thermal_zone0");
    assert_true(read->temperatures[0].critical == 105 && read->temperatures[0].degraded == 95);
    assert_string_equal(read->temperatures[1].id, "thermal_zone10");
    assert_string_equal(read->temperatures[2].id, "coretemp/temp1");
    assert_string_equal(read->temperatures[2].location, "Package id 0");
    assert_true(read->has_throttles && read->has_throttle_times);
    assert_int_equal(read->core_throttles, 17 + 5);
    assert_int_equal(read->package_throttles, 41);
    assert_int_equal(read->core_throttled_ms, 1500);
    assert_int_equal(read->package_throttled_ms, 2250);
    assert_int_equal(read->n_speeds, 2);
    assert_string_equal(read->speeds[0].id, "policy0");
    assert_true(read->speeds[0].max_hz == 3800000000 && read->speeds[0].limit_hz == 1200000000);
    assert_true(read->has_cooling && read->is_cooled);
    assert_false(read->has_firmware);
    unmake(sensors);
}

static void test_sensors_nothing(void **state)
{
    (void)state;
    static const struct file *const trees[] = {virtual_machine, nonsense};
    for (size_t i = 0; i < 2; i++) {
        struct sensors *sensors = make(trees[i]);
        const struct machine_state *read = sensors_read(sensors);
        assert_int_equal(read->n_temperatures, 0);
        assert_int_equal(read->n_speeds, 0);
        assert_false(read->has_firmware || read->has_cooling || read->has_voltage_alarm);
        assert_int_equal(read->core_throttles, 0);
        unmake(sensors);
    }
    struct sensors *sensors = sensors_create("/nowhere");
    assert_int_equal(sensors_read(sensors)->n_temperatures, 0);
    sensors_destroy(sensors);
}

/* Two alike have ids of their own; more than there is room for are left out. */
static void test_sensors_many(void **state)
{
    (void)state;
    struct sensors *sensors = make(virtual_machine);
    for (int monitor = 0; monitor < 3; monitor++) {
        char name[64];
        snprintf(name, sizeof(name), "class/hwmon/hwmon%d/name", monitor);
        write_file(&(struct file){name, "coretemp\n"});
        for (int i = 1; i <= 30; i++) {
            snprintf(name, sizeof(name), "class/hwmon/hwmon%d/temp%d_input", monitor, i);
            write_file(&(struct file){name, "40000\n"});
        }
    }
    const struct machine_state *read = sensors_read(sensors);
    assert_int_equal(read->n_temperatures, MACHINE_MAX_TEMPERATURES);
    for (uint32_t i = 0; i < read->n_temperatures; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(read->temperatures[i].id, read->temperatures[k].id);
    unmake(sensors);
}

/* ---- what is said ---- */

static struct {
    struct resource *resource;
    struct metric_set *set;
    struct metric_collection collection;
} given;

static void observe(const struct file *files)
{
    struct sensors *sensors = make(files);
    memset(&given, 0, sizeof(given));
    given.resource = calloc(1, sizeof(*given.resource));
    given.resource->n_references = 1;
    given.set = self_create(given.resource, NOW_NS - 1);
    self_add(given.set, SELF_ALERTS_RAISED, NULL, 1); /* the resource has to be there */
    metric_set_collect(given.set, &given.collection, NOW_NS, NULL, false);
    observe_machine(&given.collection, sensors_read(sensors), NOW_NS);
    unmake(sensors);
}

static void forget(void)
{
    metric_set_destroy(given.set);
    resource_release(given.resource);
    metric_collection_fini(&given.collection);
}

/* "name a,b,c=value" for each point of the scope, the last one first; empty: there is no such scope. */
static void print(char *ret_text, size_t max)
{
    size_t n = 0;
    *ret_text = 0;
    const struct metric_scope *scope = given.collection.last->last;
    if (strcmp(scope->name, "otelshim.host") != 0)
        return;
    for (const struct metric *metric = scope->last; metric; metric = metric->previous)
        for (const struct metric_point *point = metric->last; point; point = point->previous) {
            assert_true(metric->kind == METRIC_GAUGE
                            ? point->start_unix_ns == 0
                            : point->start_unix_ns > 0 && metric->temporality == METRIC_CUMULATIVE);
            assert_int_equal(point->time_unix_ns, NOW_NS);
            n += (size_t)snprintf(ret_text + n, max - n, "%s ", metric->name);
            for (uint32_t i = 0; i < point->attributes.n; i++)
                n += (size_t)snprintf(ret_text + n, max - n, "%s%s", i ? "," : "",
                                      point->attributes.items[i].value.string.bytes);
            n += (size_t)snprintf(ret_text + n, max - n, "=%g\n",
                                  point->is_integer ? (double)point->value.integer : point->value.number);
            assert_true(n < max);
        }
}

static void check_has(const char *text, const char *const *lines)
{
    for (; *lines; lines++)
        if (!strstr(text, *lines))
            fail_msg("no %s in\n%s", *lines, text);
}

static void test_observe_machine_pi4(void **state)
{
    (void)state;
    char text[8192];
    observe(pi4);
    print(text, sizeof(text));
    check_has(text, (const char *const[]){
                        "hw.temperature thermal_zone0,cpu-thermal=48.686\n",
                        "hw.temperature.limit thermal_zone0,cpu-thermal,high.critical=110\n",
                        "hw.cpu.speed.limit policy0,max=1.8e+09\n", "hw.status cpu,cpu,ok=0\n",
                        "hw.status cpu,cpu,degraded=1\n", "hw.status voltage,voltage,degraded=1\n",
                        "otelshim.host.throttled under_voltage,now=1\n",
                        "otelshim.host.throttled frequency_capped,now=0\n",
                        "otelshim.host.throttled frequency_capped,boot=0\n",
                        "otelshim.host.throttled throttled,now=1\n",
                        "otelshim.host.throttled throttled,boot=1\n", NULL});
    assert_null(strstr(text, "otelshim.host.throttles"));
    forget();
}

/* What has happened since boot is no state of now. */
static void test_observe_machine_pi5(void **state)
{
    (void)state;
    char text[8192];
    observe(pi5);
    print(text, sizeof(text));
    check_has(text, (const char *const[]){"hw.status cpu,cpu,ok=1\n", "hw.status cpu,cpu,degraded=0\n",
                                          "hw.status voltage,voltage,ok=1\n",
                                          "otelshim.host.throttled soft_temperature_limit,now=0\n",
                                          "otelshim.host.throttled soft_temperature_limit,boot=1\n", NULL});
    forget();
}

static void test_observe_machine_laptop(void **state)
{
    (void)state;
    char text[8192];
    observe(laptop);
    print(text, sizeof(text));
    check_has(text, (const char *const[]){
                        "hw.temperature coretemp/temp1,coretemp,Package id 0=97\n",
                        "hw.temperature.limit thermal_zone0,acpitz,high.degraded=95\n",
                        "hw.cpu.speed.limit policy0,throttled=1.2e+09\n",
                        "hw.cpu.speed.limit policy2,throttled=2.4e+09\n", "hw.status cpu,cpu,degraded=1\n",
                        "otelshim.host.throttles core=22\n", "otelshim.host.throttles package=41\n",
                        "otelshim.host.throttle.time package=2.25\n", NULL});
    assert_null(strstr(text, "voltage"));
    forget();
}

static void test_observe_machine_nothing(void **state)
{
    (void)state;
    char text[100];
    observe(virtual_machine);
    print(text, sizeof(text));
    assert_string_equal(text, "");
    forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sensors_pi4),
        cmocka_unit_test(test_sensors_pi5),
        cmocka_unit_test(test_sensors_laptop),
        cmocka_unit_test(test_sensors_nothing),
        cmocka_unit_test(test_sensors_many),
        cmocka_unit_test(test_observe_machine_pi4),
        cmocka_unit_test(test_observe_machine_pi5),
        cmocka_unit_test(test_observe_machine_laptop),
        cmocka_unit_test(test_observe_machine_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

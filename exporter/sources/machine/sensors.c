/* sensors: see sensors.h. Files and directories of the kernel's, bounded. */
#include "sources/machine/sensors_priv.h"

#include "base/clock.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_NS 10000000u
#define MAX_NAMES 256u

static bool is_slow(const struct sensors *sensors, const char *path)
{
    for (uint32_t i = 0; i < sensors->n_slow; i++)
        if (strcmp(sensors->slow[i], path) == 0)
            return true;
    return false;
}

/* Where too many were slow, nothing is asked any more. */
static void note_time(struct sensors *sensors, const char *path, uint64_t begin_ns)
{
    if (clock_ns(CLOCK_MONOTONIC) - begin_ns > SLOW_NS && sensors->n_slow < MAX_SLOW)
        snprintf(sensors->slow[sensors->n_slow++], sizeof(sensors->slow[0]), "%s", path);
}

bool sensor_read_text(struct sensors *sensors, const char *path, char ret_text[SENSOR_TEXT_BYTES])
{
    char whole[PATH_MAX + 256];
    if (sensors->n_slow == MAX_SLOW || is_slow(sensors, path))
        return false;
    snprintf(whole, sizeof(whole), "%s%s", sensors->root, path);
    uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
    int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, ret_text, SENSOR_TEXT_BYTES - 1);
    close(fd);
    note_time(sensors, path, begin_ns);
    if (n <= 0)
        return false;
    ret_text[n] = 0;
    ret_text[strcspn(ret_text, "\n")] = 0;
    return true;
}

bool sensor_read_number(struct sensors *sensors, const char *path, int64_t *ret_number)
{
    char text[SENSOR_TEXT_BYTES], *end;
    if (!sensor_read_text(sensors, path, text))
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return false;
    *ret_number = number;
    return true;
}

struct names {
    char items[MAX_NAMES][32];
    uint32_t n;
    size_t prefix_bytes;
};

static int compare(const void *left, const void *right, void *context)
{
    const struct names *names = context;
    unsigned long a = strtoul((const char *)left + names->prefix_bytes, NULL, 10),
                  b = strtoul((const char *)right + names->prefix_bytes, NULL, 10);
    return a != b ? (a > b) - (a < b) : strcmp(left, right);
}

void sensor_each(struct sensors *sensors, const char *directory, const char *prefix,
                 void (*each)(struct sensors *sensors, const char *name))
{
    static struct names names; /* loop thread only; `each` lists nothing */
    char whole[PATH_MAX + 256];
    snprintf(whole, sizeof(whole), "%s%s", sensors->root, directory);
    DIR *entries = opendir(whole);
    if (!entries)
        return;
    names.n = 0;
    names.prefix_bytes = strlen(prefix);
    for (struct dirent *entry;
         names.n < MAX_NAMES && (entry = readdir(entries));) /* NOLINT(concurrency-mt-unsafe): our own */
        if (strncmp(entry->d_name, prefix, names.prefix_bytes) == 0 &&
            strlen(entry->d_name) < sizeof(names.items[0]))
            memcpy(names.items[names.n++], entry->d_name, strlen(entry->d_name) + 1);
    closedir(entries);
    qsort_r(names.items, names.n, sizeof(names.items[0]), compare, &names);
    for (uint32_t i = 0; i < names.n; i++)
        each(sensors, names.items[i]);
}

struct sensors *sensors_create(const char *root)
{
    struct sensors *sensors = calloc(1, sizeof(*sensors));
    if (!sensors)
        abort();
    snprintf(sensors->root, sizeof(sensors->root), "%s", root);
    sensors->state.boot_unix_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
    sensors_find_firmware(sensors);
    return sensors;
}

void sensors_destroy(struct sensors *sensors)
{
    free(sensors);
}

const struct machine_state *sensors_read(struct sensors *sensors)
{
    sensors->state = (struct machine_state){.boot_unix_ns = sensors->state.boot_unix_ns};
    sensors_read_temperatures(sensors);
    sensors_read_throttling(sensors);
    return &sensors->state;
}

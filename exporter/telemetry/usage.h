/*
 * usage: what a process uses at one moment; counters are since it began. Context: any.
 */
#ifndef OTELSHIM_USAGE_H
#define OTELSHIM_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#define USAGE_CPU 1u
#define USAGE_MEMORY 2u
#define USAGE_THREADS 4u
#define USAGE_DESCRIPTORS 8u
#define USAGE_SWITCHES 16u
#define USAGE_FAULTS 32u
#define USAGE_IO 64u
#define USAGE_UPTIME 128u

struct usage {
    uint32_t known; /* USAGE_…: a member that is not known is 0 */
    uint64_t start_unix_ns;
    double user_s, system_s, uptime_s;
    int64_t resident_bytes, virtual_bytes, threads, descriptors;
    int64_t voluntary_switches, involuntary_switches, major_faults, minor_faults, read_bytes, written_bytes;
};

#endif

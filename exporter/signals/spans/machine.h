/*
 * machine: what the resource says of the host, its operating system and the container of a process.
 *
 * Context: loop. Reads small local files (/etc/os-release, /etc/machine-id, /etc/passwd, /proc); what is not there is
 * left out. The host is asked once.
 */
#ifndef OTELSHIM_SPANS_MACHINE_H
#define OTELSHIM_SPANS_MACHINE_H

#include "telemetry/attribute.h"

/* host.*, os.*. host.id is the machine's, so not for a process in a container. */
void machine_describe(struct attributes *list, struct arena *arena, bool is_container);

/* container.id of the process with this pid; "" when it is in none that is known. */
const char *machine_find_container(struct arena *arena, uint32_t pid);
/* The same from the text of /proc/<pid>/cgroup or mountinfo; false where there is none. Writes 64 digits and a NUL. */
bool machine_parse_container(const char *text, bool is_mountinfo, char ret_id[65]);

/* Name of a user by /etc/passwd; NULL unknown. */
const char *machine_find_user(struct arena *arena, uint32_t uid);

/* Start of a process as ISO 8601 in UTC with milliseconds, from field 22 of its stat; NULL unknown. */
const char *machine_print_start(struct arena *arena, uint64_t start_ticks);

/* host.id; "" unknown. */
const char *machine_id(void);

#endif

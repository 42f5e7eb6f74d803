/*
 * client_settings: the settings of a traced process, as its mapped file and its environment have them.
 *
 * Context: loop. Ownership: the caller's, settings_destroy().
 */
#ifndef OTELSHIM_CLIENT_SETTINGS_H
#define OTELSHIM_CLIENT_SETTINGS_H

#include "settings/settings.h"
#include "telemetry/process.h"

struct settings *client_settings_create(const struct process *process);
/* The name of the secret that is set in the process, needed to deliver, and cannot be read; NULL: none. */
const char *client_settings_missing(const struct settings *settings);

#endif

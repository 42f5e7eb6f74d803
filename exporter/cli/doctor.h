/*
 * doctor: what `otelshim doctor` found, line by line, and the parts that look.
 *
 *   doctor.c           the command: options, order, printing
 *   doctor_install.c   library, exporter, drop box, what a process is given
 *   doctor_trial.c     the library in a harmless program: does it work, what does it trace
 *   doctor_program.c   an executable file: can the library reach it
 *   doctor_settings.c  kill switches, lists, settings that were not understood
 *   doctor_endpoint.c  the destination: a real request, and its clock
 *   doctor_alerts.c    the Telegram bot and its chats, the Redis of the shared de-duplication
 *   doctor_process.c   a running process
 *
 * Context: one command, one thread.
 */
#ifndef OTELSHIM_DOCTOR_H
#define OTELSHIM_DOCTOR_H

#include "cli/command.h"
#include <limits.h>

enum finding_state { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct finding {
    enum finding_state state;
    const char *topic; /* "drop box": a word or two, the same in every version */
    const char *text;
    const char *mend; /* command or setting; NULL: nothing to mend */
};

#define DOCTOR_MAX_FINDINGS 128u
#define DOCTOR_MAX_ENTRIES 512u

/* A function that the library interposes, and of which library. */
struct doctor_entry {
    const char *name, *instrumentation;
};

struct doctor {
    struct arena arena;
    struct finding findings[DOCTOR_MAX_FINDINGS];
    uint32_t n_findings;
    char library[PATH_MAX], box[PATH_MAX];
    struct doctor_entry entries[DOCTOR_MAX_ENTRIES];
    uint32_t n_entries;
    bool is_trial_done; /* the library's own word for `entries` */
};

/* `mend` NULL: nothing. The texts are copied, cut at a screen's width or two, and made printable when shown. */
void doctor_say(struct doctor *doctor, enum finding_state state, const char *topic, const char *mend,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

void doctor_look_at_install(struct doctor *doctor);
void doctor_try_library(struct doctor *doctor);
/* `name` as given on the command line; `search` is LD_LIBRARY_PATH. False: no such program. */
bool doctor_look_at_program(struct doctor *doctor, const char *name, const char *search,
                            char ret_path[PATH_MAX]);
void doctor_look_at_settings(struct doctor *doctor, const struct settings *settings, const char *program);
void doctor_look_at_endpoint(struct doctor *doctor, const struct settings *settings);
/* Asks Telegram and Redis, where the settings name them; says nothing of what nobody configured. */
void doctor_look_at_alerts(struct doctor *doctor, const struct settings *settings);
/* Its settings in *ret_settings, the caller's; NULL when there is no such process. */
void doctor_look_at_process(struct doctor *doctor, uint32_t pid, struct settings **ret_settings);

/* NULL: it is none that the library interposes. */
const struct doctor_entry *doctor_find_entry(const struct doctor *doctor, const char *name);

/* Prints what was found; the exit status: 0, or 1 where something fails. */
int doctor_print(const struct doctor *doctor, bool is_json);

#endif

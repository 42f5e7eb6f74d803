/* doctor_install: library, exporter, drop box, and the surroundings that every program here has. */
#include "cli/boxes.h"
#include "cli/control.h"
#include "cli/doctor.h"
#include "cli/self.h"
#include "elf_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS 1000u
#define REINSTALL "make install, or set LD_LIBRARY_PATH to where " SELF_LIBRARY " is"

static void look_at_library(struct doctor *doctor)
{
    struct elf_file elf;
    self_find_library(doctor->library);
    int error = elf_file_open(&elf, doctor->library);
    if (error) {
        doctor_say(doctor, FINDING_FAIL, "library", REINSTALL, "%s cannot be used: %s", doctor->library,
                   error == -ENOEXEC ? "it is no ELF file" : strerrordesc_np(-error));
        doctor->library[0] = 0;
        return;
    }
    bool is_native = elf_file_is_native(&elf);
    bool is_ours = elf.soname && strcmp(elf.soname, SELF_LIBRARY) == 0;
    elf_file_close(&elf);
    if (is_native && is_ours)
        doctor_say(doctor, FINDING_OK, "library", NULL, "%s", doctor->library);
    else
        doctor_say(doctor, FINDING_FAIL, "library", REINSTALL, "%s is %s", doctor->library,
                   is_native ? "another library" : "of another architecture");
}

static void look_at_preload(struct doctor *doctor)
{
    char line[PATH_MAX];
    bool is_everywhere = false;
    FILE *file = fopen("/etc/ld.so.preload", "re");
    while (file && fgets(line, sizeof(line), file))
        is_everywhere |= line[0] != '#' && strstr(line, SELF_LIBRARY) != NULL;
    if (file)
        fclose(file);
    if (is_everywhere)
        doctor_say(doctor, FINDING_OK, "preload", NULL, "/etc/ld.so.preload: every program of this machine");
    if (self_was_preloaded())
        doctor_say(doctor, FINDING_OK, "preload", NULL, "LD_PRELOAD has it in this environment");
    else if (!is_everywhere)
        doctor_say(doctor, FINDING_WARN, "preload",
                   "otelshim run -- PROGRAM, or LD_PRELOAD=" SELF_LIBRARY " in the program's environment",
                   "LD_PRELOAD is not set here: a program started as it is would not be traced");
}

/* What the exporter that listens in a box says of itself; it may serve other boxes, too. False: none answers there. */
static bool look_at_exporter_of(struct doctor *doctor, const struct box_place *place)
{
    char *answer = NULL, version[64] = "";
    unsigned pid = 0;
    if (!place->is_served || control_ask(place->path, "status json", ASK_TIMEOUT_MS, &answer) != 0)
        return false;
    const char *from = strstr(answer, "\"version\":\"");
    sscanf(answer, "{\"pid\":%u", &pid); /* NOLINT(cert-err34-c): our own text */
    if (from)
        sscanf(from, "\"version\":\"%63[^\"]", version);
    if (strcmp(version, OTELSHIM_VERSION) == 0)
        doctor_say(doctor, FINDING_OK, "exporter", NULL, "pid %u serves %s", pid, place->path);
    else
        doctor_say(
            doctor, FINDING_WARN, "exporter", "kill its pid: the next traced call starts the installed one",
            "pid %u serves %s, but is version %s; this is %s", pid, place->path, version, OTELSHIM_VERSION);
    free(answer);
    return true;
}

static void tell_of_no_exporter(struct doctor *doctor)
{
    const char *named = getenv("OTELSHIM_EXPORTER"); /* NOLINT(concurrency-mt-unsafe) */
    if (named && strcmp(named, "none") == 0)
        doctor_say(doctor, FINDING_FAIL, "exporter",
                   "otelshim export, as a service; or unset OTELSHIM_EXPORTER",
                   "none is running, and OTELSHIM_EXPORTER=none: programs start none");
    else if (named && *named && access(named, X_OK) != 0)
        doctor_say(doctor, FINDING_FAIL, "exporter", "unset OTELSHIM_EXPORTER",
                   "OTELSHIM_EXPORTER=%s cannot be started: %s", named, strerrordesc_np(errno));
    else
        doctor_say(doctor, FINDING_OK, "exporter", NULL, "none is running: the first traced call starts %s",
                   named && *named ? named : self_path());
}

static void look_at_exporter(struct doctor *doctor)
{
    static struct box_place places[BOXES_MAX];
    uint32_t n = boxes_list(places, BOXES_MAX);
    const char *silent = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (look_at_exporter_of(doctor, &places[i]))
            return;
        silent = places[i].is_served ? places[i].path : silent;
    }
    if (silent)
        doctor_say(doctor, FINDING_WARN, "exporter", "otelshim status", "one serves %s, but does not answer",
                   silent);
    else
        tell_of_no_exporter(doctor);
}

static void look_at_box(struct doctor *doctor)
{
    struct problem problem;
    int error = boxes_test(doctor->box, &problem);
    if (error)
        doctor_say(doctor, FINDING_FAIL, "drop box",
                   "OTELSHIM_DIR=DIRECTORY, of this user's, on a tmpfs with 1 MiB or more free", "%s",
                   problem.text);
    else if (problem.text[0])
        doctor_say(doctor, FINDING_WARN, "drop box", "remove it, or set OTELSHIM_DIR", "%s", problem.text);
    else
        doctor_say(doctor, FINDING_OK, "drop box", NULL, "%s", doctor->box);
}

static void look_around(struct doctor *doctor)
{
    bool is_container = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
    const char *service = getenv("SYSTEMD_EXEC_PID"); /* NOLINT(concurrency-mt-unsafe) */
    if (is_container)
        doctor_say(doctor, FINDING_OK, "container",
                   "otelshim run -- PROGRAM as the container's command; or an exporter beside it on the same "
                   "OTELSHIM_DIR",
                   "as pid 1 of a container a program starts no exporter by itself");
    else if (service)
        doctor_say(doctor, FINDING_OK, "service", NULL,
                   "started by systemd: Environment=LD_PRELOAD=... in the unit traces a service, and its "
                   "death is seen");
}

void doctor_look_at_install(struct doctor *doctor)
{
    look_at_library(doctor);
    look_at_preload(doctor);
    look_at_box(doctor);
    look_at_exporter(doctor);
    look_around(doctor);
}

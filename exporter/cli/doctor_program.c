/* doctor_program: can the library reach a program, and which of its calls are traced? The file is read, never run. */
#include "cli/doctor.h"
#include "elf_file.h"
#include "libraries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TOPIC "program"
#define MAX_INTERPRETERS 5u
#define MAX_NAMED 6u

/* ---- finding it ---- */

static bool find_in_path(const char *name, char ret_path[PATH_MAX])
{
    const char *list = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): one thread */
    if (strchr(name, '/')) {
        snprintf(ret_path, PATH_MAX, "%s", name);
        return access(ret_path, F_OK) == 0;
    }
    for (list = list ? list : "/usr/bin:/bin"; *list; list += strcspn(list, ":"), list += *list == ':') {
        int n = (int)strcspn(list, ":");
        snprintf(ret_path, PATH_MAX, "%.*s/%s", n, n ? list : ".", name);
        if (access(ret_path, X_OK) == 0)
            return true;
    }
    return false;
}

/* "#! /usr/bin/env [-S] NAME ..." and "#! /path": the interpreter into `path`. False: it is no script. */
static bool follow_script(char path[PATH_MAX])
{
    char line[300] = "", word[300];
    FILE *file = fopen(path, "re");
    bool is_script = file && fgets(line, sizeof(line), file) && line[0] == '#' && line[1] == '!';
    if (file)
        fclose(file);
    if (!is_script)
        return false;
    const char *at = line + 2;
    bool is_env = false, is_found = false;
    while (!is_found) {
        at += strspn(at, " \t");
        size_t n = strcspn(at, " \t\n");
        if (n == 0)
            return false;
        snprintf(word, sizeof(word), "%.*s", (int)n, at);
        at += n;
        size_t bytes = strlen(word);
        if (is_env && (word[0] == '-' || strchr(word, '=')))
            continue;
        is_found = is_env || bytes < 4 || strcmp(word + bytes - 4, "/env") != 0;
        is_env = true;
    }
    return find_in_path(word, path);
}

/* ---- what it is ---- */

static bool look_at_rights(struct doctor *doctor, const char *path)
{
    struct stat status;
    char capabilities[64];
    if (stat(path, &status) != 0)
        return true;
    bool is_setuid = (status.st_mode & S_ISUID) && status.st_uid != geteuid();
    bool is_setgid = (status.st_mode & S_ISGID) && status.st_gid != getegid();
    bool has_capabilities = getxattr(path, "security.capability", capabilities, sizeof(capabilities)) > 0;
    if (is_setuid || is_setgid)
        doctor_say(doctor, FINDING_FAIL, TOPIC,
                   is_setuid ? "start it as its owner, or a copy without the bit"
                             : "start a copy of it without the bit",
                   "%s is %s: the dynamic linker ignores LD_PRELOAD, and from /etc/ld.so.preload the library "
                   "stays inert",
                   path, is_setuid ? "setuid" : "setgid");
    else if (status.st_mode & (S_ISUID | S_ISGID))
        doctor_say(doctor, FINDING_WARN, TOPIC, "start it as its owner",
                   "%s is setuid or setgid: traced for its owner only; for others LD_PRELOAD is ignored",
                   path);
    if (has_capabilities && geteuid() != 0)
        doctor_say(doctor, FINDING_FAIL, TOPIC, "give them to the service instead (AmbientCapabilities=)",
                   "%s has file capabilities: the dynamic linker ignores LD_PRELOAD", path);
    else if (has_capabilities)
        doctor_say(doctor, FINDING_WARN, TOPIC, "give them to the service instead (AmbientCapabilities=)",
                   "%s has file capabilities: for other users than root LD_PRELOAD is ignored", path);
    return !is_setuid && !is_setgid && !(has_capabilities && geteuid() != 0);
}

static bool is_glibc(const char *interpreter)
{
    const char *slash = strrchr(interpreter, '/');
    return strncmp(slash ? slash + 1 : interpreter, "ld-linux", 8) == 0 ||
           strncmp(slash ? slash + 1 : interpreter, "ld64", 4) == 0;
}

/* Can ld.so load the library into it? */
static bool look_at_kind(struct doctor *doctor, const struct elf_file *elf, const char *path)
{
    const char *no_mend = "nothing: use the program's own instrumentation";
    if (!elf_file_is_native(elf)) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "use the build for this machine",
                   "%s is a %s-bit program for %s: the library is not loaded into it", path,
                   elf->is_64 ? "64" : "32", elf->is_64 ? "another architecture" : "another word size");
        return false;
    }
    if (!elf->interpreter[0]) {
        doctor_say(doctor, FINDING_FAIL, TOPIC,
                   elf->is_go ? "build it with cgo, if it uses C libraries" : "link it dynamically",
                   "%s is linked statically%s: no library can be preloaded", path, elf->is_go ? " (Go)" : "");
        return false;
    }
    if (elf->is_go)
        doctor_say(
            doctor, FINDING_WARN, TOPIC, no_mend,
            "%s is a Go program: only calls that it makes through cgo are seen, not Go's own net/http or "
            "database/sql",
            path);
    if (is_glibc(elf->interpreter))
        return true;
    doctor_say(doctor, FINDING_WARN, TOPIC,
               "the library loads there too; see that it lies where that program's ld.so finds it",
               "%s uses another C library (%s)", path, elf->interpreter);
    return true;
}

/* ---- what it calls ---- */

struct names {
    const struct doctor *doctor;
    const char *instrumentation; /* NULL: any */
    char text[200];
    uint32_t n;
};

static bool is_libc(const struct doctor_entry *entry)
{
    return strcmp(entry->instrumentation, "libc") == 0 || entry->instrumentation[0] == 0;
}

static bool take_name(void *context, const char *name)
{
    struct names *names = context;
    const struct doctor_entry *entry = doctor_find_entry(names->doctor, name);
    if (!entry || is_libc(entry) || strstr(names->text, name))
        return true;
    if (names->n++ < MAX_NAMED) {
        size_t at = strlen(names->text);
        snprintf(names->text + at, sizeof(names->text) - at, "%s%s", at ? ", " : "", name);
    }
    if (!names->instrumentation)
        names->instrumentation = entry->instrumentation;
    return true;
}

static const char *and_more(const struct names *names)
{
    return names->n > MAX_NAMED ? ", ..." : "";
}

static bool look_for_static_library(struct doctor *doctor, const struct elf_file *elf, const char *path)
{
    struct names names = {.doctor = doctor};
    elf_file_each_symbol(elf, ELF_DEFINED, true, take_name, &names);
    if (names.n > 0)
        doctor_say(doctor, FINDING_FAIL, TOPIC, "link it dynamically (the -dev package's .so, not the .a)",
                   "%s has %s linked into itself (%s%s): these calls cannot be traced", path,
                   names.instrumentation, names.text, and_more(&names));
    return names.n > 0;
}

static uint32_t look_at_library(struct doctor *doctor, const struct elf_file *program, const char *name,
                                const char *path)
{
    struct elf_file elf;
    struct names names = {.doctor = doctor}, imports = {.doctor = doctor};
    if (elf_file_open(&elf, path) != 0)
        return 0;
    elf_file_each_symbol(&elf, ELF_DEFINED, false, take_name, &names);
    elf_file_close(&elf);
    if (names.n == 0)
        return 0;
    elf_file_each_symbol(program, ELF_IMPORTED, false, take_name, &imports);
    if (strncmp(name, "libc.", 5) == 0 && imports.n == 0)
        return 0; /* every program has it, and few call syslog() */
    doctor_say(doctor, FINDING_OK, "calls", NULL, "%s (%s): %u functions are traced%s%s%s", name,
               names.instrumentation, names.n, imports.n ? "; the program itself calls " : "", imports.text,
               and_more(&imports));
    return names.n;
}

static void look_at_libraries(struct doctor *doctor, const struct elf_file *elf, const char *path,
                              const char *search)
{
    struct libraries libraries;
    uint32_t n_traced = 0;
    libraries_find(&libraries, elf, path, search);
    for (uint32_t i = 0; i < libraries.n; i++) {
        if (!libraries.items[i].path[0])
            doctor_say(doctor, FINDING_WARN, "libraries", "install it, or set LD_LIBRARY_PATH",
                       "%s is not found", libraries.items[i].name);
        else
            n_traced += look_at_library(doctor, elf, libraries.items[i].name, libraries.items[i].path) > 0;
    }
    bool is_static = look_for_static_library(doctor, elf, path);
    if (n_traced == 0 && !is_static && doctor->is_trial_done)
        doctor_say(
            doctor, FINDING_WARN, "calls", "once it runs: otelshim doctor --pid PID",
            "%s links none of the traced libraries; those that it loads later (modules, plug-ins) are traced",
            path);
    libraries_fini(&libraries);
}

bool doctor_look_at_program(struct doctor *doctor, const char *name, const char *search,
                            char ret_path[PATH_MAX])
{
    char script[PATH_MAX];
    struct elf_file elf;
    if (!find_in_path(name, ret_path)) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "check its name and PATH", "%s: there is no such program",
                   name);
        return false;
    }
    for (uint32_t i = 0; i < MAX_INTERPRETERS; i++) {
        snprintf(script, sizeof(script), "%s", ret_path);
        if (!follow_script(ret_path))
            break;
        doctor_say(doctor, FINDING_OK, TOPIC, NULL, "%s is a script: it is %s that is traced", script,
                   ret_path);
    }
    int error = elf_file_open(&elf, ret_path);
    if (error) {
        doctor_say(doctor, FINDING_FAIL, TOPIC, "name the program's file", "%s: %s", ret_path,
                   error == -ENOEXEC   ? "it is no program"
                   : error == -EBADMSG ? "its ELF header contradicts itself"
                                       : strerrordesc_np(-error));
        return true;
    }
    bool may_load = look_at_rights(doctor, ret_path);
    bool is_reached = look_at_kind(doctor, &elf, ret_path) && may_load; /* both say what they find */
    if (is_reached)
        doctor_say(doctor, FINDING_OK, TOPIC, NULL, "%s: the library can be loaded into it", ret_path);
    if (is_reached)
        look_at_libraries(doctor, &elf, ret_path, search);
    elf_file_close(&elf);
    return true;
}

/* self: see self.h. */
#include "cli/self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SETTLED_S 2
/* In the environment of the binary that self_leave_preload() starts again, until it has read it. */
#define WAS_PRELOADED "OTELSHIM_WAS_PRELOADED"

static bool was_preloaded;

extern char **environ;

static char *concat(const char *left, const char *separator, const char *right)
{
    char *text = NULL;
    if (asprintf(&text, "%s%s%s", left, *left && *right ? separator : "", right) < 0)
        abort();
    return text;
}

/* ld.so takes spaces and colons for separators. */
char *self_strip_preload(const char *list, bool *ret_had_it)
{
    char *rest = strdup("");
    if (!rest)
        abort();
    *ret_had_it = false;
    for (const char *at = list ? list : ""; *at;) {
        size_t bytes = strcspn(at, " :");
        char *item = strndup(at, bytes);
        const char *slash = item ? strrchr(item, '/') : NULL;
        if (!item)
            abort();
        if (strcmp(slash ? slash + 1 : item, SELF_LIBRARY) == 0) {
            *ret_had_it = true;
        } else if (*item) {
            char *longer = concat(rest, ":", item);
            free(rest);
            rest = longer;
        }
        free(item);
        at += bytes + (at[bytes] != 0);
    }
    return rest;
}

char *self_join_preload(const char *library, const char *list)
{
    bool had_it;
    char *others = self_strip_preload(list, &had_it);
    char *joined = concat(library, ":", others);
    free(others);
    return joined;
}

static void set_preload(const char *list)
{
    if (*list)
        setenv("LD_PRELOAD", list, 1); /* NOLINT(concurrency-mt-unsafe): before any thread */
    else
        unsetenv("LD_PRELOAD"); /* NOLINT(concurrency-mt-unsafe) */
}

void self_leave_preload(char **argv)
{
    const char *list = getenv("LD_PRELOAD"); /* NOLINT(concurrency-mt-unsafe) */
    bool had_it;
    char *others = self_strip_preload(list, &had_it);
    if (had_it) {
        set_preload(others);
        setenv(WAS_PRELOADED, "1", 1); /* NOLINT(concurrency-mt-unsafe) */
        execv("/proc/self/exe", argv);
    }
    was_preloaded = getenv(WAS_PRELOADED) != NULL; /* NOLINT(concurrency-mt-unsafe) */
    unsetenv(WAS_PRELOADED); /* NOLINT(concurrency-mt-unsafe): no program is to see it */
    free(others);
}

bool self_was_preloaded(void)
{
    return was_preloaded;
}

/* What was started, not what lies there now; set once. By its path: under an emulator /proc/self/exe is the emulator's. */
static char own_path[PATH_MAX];
static struct stat own_file;

const char *self_path(void)
{
    if (!own_path[0]) {
        ssize_t n = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);
        own_path[n > 0 ? n : 0] = 0;
        if (stat(own_path, &own_file) != 0)
            own_file = (struct stat){0};
    }
    return own_path;
}

bool self_was_replaced(void)
{
    struct stat theirs;
    if (stat(self_path(), &theirs) != 0 || !own_file.st_ino)
        return false;
    bool is_other = own_file.st_dev != theirs.st_dev || own_file.st_ino != theirs.st_ino;
    return is_other && S_ISREG(theirs.st_mode) && (theirs.st_mode & 0111) &&
           time(NULL) - theirs.st_mtim.tv_sec >= SETTLED_S && time(NULL) - theirs.st_ctim.tv_sec >= SETTLED_S;
}

int self_restart(char **argv)
{
    execv(self_path(), argv);
    return -errno;
}

void self_find_library(char ret_path[PATH_MAX])
{
    static const char *const places[] = {"", "../lib/"};
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s", self_path());
    char *slash = strrchr(directory, '/');
    for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
        char path[PATH_MAX + 64];
        slash[1] = 0;
        snprintf(path, sizeof(path), "%s%s" SELF_LIBRARY, directory, places[i]);
        if (access(path, R_OK) == 0 && realpath(path, ret_path))
            return;
    }
    snprintf(ret_path, PATH_MAX, "%s", SELF_LIBRARY);
}

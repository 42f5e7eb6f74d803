/*
 * incident_disk: where an incident's files are. See crashing.h.
 *
 * There are two places. Where the first one takes nothing any more, what comes goes to the second; what is in the first is
 * finished there, so that no exporter to come finds a case that was told of.
 */
#include "cli/crashing_priv.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store *incident_place(struct pipeline *pipeline, const struct incident *incident)
{
    return &pipeline->crashing->places[incident->place];
}

/* Another user's box may have anything in it: nothing is read from there, and nothing written. */
static bool is_own(const char *directory)
{
    struct stat status;
    return directory && lstat(directory, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid();
}

bool places_path(const struct pipeline *pipeline, enum crash_place place, char ret_path[PATH_MAX])
{
    const char *box = dropbox_directory(pipeline->dropbox);
    if (place == PLACE_STATE)
        return crash_store_path(ret_path) == 0;
    return is_own(box) && snprintf(ret_path, PATH_MAX, "%s/" STORE_IN_BOX, box) < PATH_MAX;
}

/* Made, where it is not there; opened before: still the same. */
static bool open_place(struct pipeline *pipeline, enum crash_place place)
{
    struct store *store = &pipeline->crashing->places[place];
    char path[PATH_MAX];
    return store->directory >= 0 ||
           (places_path(pipeline, place, path) && store_open(store, path, true) == 0);
}

/* Where the state directory cannot be written, beside what is being read: as the spool. False: that is where it is already. */
static bool move_place(struct pipeline *pipeline, struct incident *incident)
{
    struct crashing *crashing = pipeline->crashing;
    if (incident->place == PLACE_BOX || !open_place(pipeline, PLACE_BOX))
        return false;
    if (crashing->place != PLACE_BOX)
        log_write(LOG_LEVEL_WARN, "crash reports go to %s: %s cannot be written",
                  crashing->places[PLACE_BOX].path, crashing->places[PLACE_STATE].path);
    crashing->place = incident->place = PLACE_BOX;
    return true;
}

/* Somebody removed the directory: it is made anew, where `otelshim crashes` looks. */
static bool remake_place(struct store *store)
{
    char path[PATH_MAX];
    memcpy(path, store->path, sizeof(path));
    store_close(store);
    return store_open(store, path, true) == 0;
}

static int write_case(struct pipeline *pipeline, struct incident *incident, bool is_last)
{
    return store_write_case(incident_place(pipeline, incident), &incident->crash, incident->stem, is_last,
                            &incident->lock);
}

static int save_report(struct pipeline *pipeline, const struct incident *incident)
{
    const struct store *store = incident_place(pipeline, incident);
    return store->directory < 0 ? -ENOENT
                                : crash_report_save(&incident->report, store->directory, incident->stem);
}

void incident_store(struct pipeline *pipeline, struct incident *incident, bool is_last)
{
    if (!incident->stem[0]) {
        const char *slash = incident->crash.exe ? strrchr(incident->crash.exe, '/') : NULL;
        store_print_stem(&incident->crash, slash ? slash + 1 : "", incident->stem);
        incident->place = pipeline->crashing->place;
    }
    (void)open_place(pipeline, incident->place);
    struct store *before = incident_place(pipeline, incident);
    int error = write_case(pipeline, incident, is_last);
    if (error == -ENOENT && remake_place(before))
        error = write_case(pipeline, incident, is_last);
    if (error && move_place(pipeline, incident)) {
        error = write_case(pipeline, incident, is_last);
        if (!error)
            store_remove_case(before, incident->stem);
    }
    incident->is_stored = error == 0; /* unlocked, at worst: then a second exporter may finish it too */
    if (error)
        log_write(LOG_LEVEL_ERROR, "%s/%s.case cannot be written: %s",
                  incident_place(pipeline, incident)->path, incident->stem, strerrordesc_np(-error));
}

void incident_save(struct pipeline *pipeline, struct incident *incident)
{
    struct store *before = incident_place(pipeline, incident);
    int error = save_report(pipeline, incident);
    if (error == -ENOENT && remake_place(before))
        error = save_report(pipeline, incident);
    if (error && move_place(pipeline, incident)) { /* the disk took the case, but is full now */
        error = save_report(pipeline, incident);
        if (!error)
            store_remove_case(before, incident->stem);
    }
    if (error)
        log_write(LOG_LEVEL_ERROR, "%s/%s.json cannot be written: %s",
                  incident_place(pipeline, incident)->path, incident->stem, strerrordesc_np(-error));
}

static int open_case(const struct store *store, const char *stem)
{
    char name[STORE_STEM_BYTES + 8];
    snprintf(name, sizeof(name), "%s.case", stem);
    return openat(store->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The one that is there knows what only the living process showed: it replaces what was collected now. */
static bool take_over(const struct store *store, struct incident *incident, const char *stem)
{
    int fd = open_case(store, stem);
    if (fd < 0)
        return false;
    struct crash_case crash = {.kind = CRASH_SIGNAL};
    bool is_read = crash_case_read(&crash, fd) == 0 && strcmp(crash.id, incident->crash.id) == 0;
    close(fd);
    if (!is_read) {
        crash_case_fini(&crash);
        return false;
    }
    crash_case_fini(&incident->crash);
    incident->crash = crash;
    memcpy(incident->stem, stem, STORE_STEM_BYTES);
    return true;
}

bool incident_take_over(struct pipeline *pipeline, struct incident *incident, bool *ret_is_reported)
{
    char stem[STORE_STEM_BYTES];
    *ret_is_reported = false;
    for (uint32_t place = 0; place < N_PLACES; place++) {
        const struct store *store = &pipeline->crashing->places[place];
        bool has_case = store_find(store, incident->crash.id, "case", stem);
        if (has_case && take_over(store, incident, stem)) {
            incident->place = place;
            *ret_is_reported = false;
            return true;
        }
        *ret_is_reported |= !has_case && store_find(store, incident->crash.id, "json", stem);
    }
    return false;
}

/*
 * boxes: the drop boxes as the commands see them: where a program started here would write, and whether it can.
 *
 * Nothing is locked or served here. Context: commands; a few system calls.
 */
#ifndef OTELSHIM_BOXES_H
#define OTELSHIM_BOXES_H

#include "settings/settings.h"
#include <limits.h>

#define BOXES_MAX 64u

struct box_place {
    char path[PATH_MAX];
    bool is_served;   /* an exporter has its lock */
    uint32_t n_files; /* of programs: not yet exported, or alive */
};

/* Every directory that is there and that an exporter of this user would serve, or of every user when root asks; also private
 * ones below them. Returns how many. */
uint32_t boxes_list(struct box_place *ret_places, uint32_t max_places);

/* An exporter has the box's lock; it may not listen yet. */
bool boxes_is_served(const char *path);

/* Files of programs in a box. */
uint32_t boxes_count_files(const char *path);

/*
 * Tests the box that a program started from this environment would write to, as the library chooses it, by making it and
 * a file in it. 0, or -errno with one line in *ret_problem.
 */
int boxes_test(char ret_path[PATH_MAX], struct problem *ret_problem);

#endif

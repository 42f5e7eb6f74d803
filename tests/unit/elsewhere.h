/*
 * elsewhere: asks in a process of its own, where a directory of the test's stands in the kernel's place, seen by nobody else.
 */
#ifndef OTELSHIM_TEST_ELSEWHERE_H
#define OTELSHIM_TEST_ELSEWHERE_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define REFUSED 77 /* not root, or nothing can be mounted */
/* tests/run and tests/check show the line. */
#define SKIP_REFUSED()                                                                 \
    do {                                                                               \
        print_message("skipped: %s: not root, or nothing can be mounted\n", __func__); \
        skip();                                                                        \
    } while (0)

/* What `ask` returns, at most 76. */
static inline int ask_elsewhere(const char *place, int (*ask)(int which), int which)
{
    pid_t pid = fork();
    if (pid == 0) {
        bool is_ours = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                       mount("tmpfs", place, "tmpfs", 0, NULL) == 0;
        _exit(is_ours ? ask(which) : REFUSED);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline bool write_text(const char *path, const char *before, int number, const char *behind)
{
    FILE *file = fopen(path, "w");
    return file && fprintf(file, "%s%d%s", before, number, behind) > 0 && fclose(file) == 0;
}

#endif

/* How processes ended, as somebody who is not their parent can know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above before it */
#include <cmocka.h>

#include "elsewhere.h"
#include "sources/process/death.h"
#include "sources/process/proc.h"
#include <signal.h>
#include <sys/syscall.h>

static void test_death_of_others(void **state)
{
    static const struct {
        int number; /* 0: exit(7) */
        enum death_how how;
        int status;
    } deaths[] = {
        {0, DEATH_EXITED, 7}, {SIGKILL, DEATH_SIGNALED, SIGKILL}, {SIGSEGV, DEATH_SIGNALED, SIGSEGV}};
    (void)state;
    for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        struct death death = {.how = DEATH_UNKNOWN};
        uint64_t ticks = 0;
        int gate[2];
        assert_int_equal(pipe(gate), 0);
        pid_t pid = fork();
        if (pid == 0) {
            char byte;
            close(gate[1]);
            (void)!read(gate[0], &byte, 1);
            if (!deaths[i].number)
                _exit(7);
            signal(deaths[i].number, SIG_DFL);
            raise(deaths[i].number);
        }
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), proc = proc_open((uint32_t)pid);
        assert_int_equal(proc_start_ticks(proc, &ticks), 0);
        assert_false(death_read(pidfd, (uint32_t)pid, ticks, &death)); /* it lives */
        close(gate[0]);
        close(gate[1]);
        siginfo_t info;
        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        assert_true(death_read(pidfd, (uint32_t)pid, ticks, &death)); /* a zombie */
        assert_int_equal(death.how, deaths[i].how);
        assert_int_equal(death.status, deaths[i].status);
        assert_false(death_read(-1, (uint32_t)pid, ticks + 1, &death)); /* another process's pid by now */
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(proc);
        close(pidfd);
    }
}

/* ---- control groups ---- */

/* The file that counts kills in this process's group, as each version has it. False: there is no such group here. */
static bool find_group(int form, char path[512])
{
    static const struct {
        const char *line, *above, *name;
    } forms[] = {{"0::", "/sys/fs/cgroup", "memory.events.local"},
                 {"0::", "/sys/fs/cgroup", "memory.events"},
                 {"0::", "/sys/fs/cgroup/unified", "memory.events"},
                 {":memory:", "/sys/fs/cgroup/memory", "memory.oom_control"}};
    char text[2048] = "";
    int proc = proc_open((uint32_t)getpid());
    int n = proc_read(proc, "cgroup", text, sizeof(text));
    close(proc);
    const char *line = n > 0 ? strstr(text, forms[form].line) : NULL;
    if (!line)
        return false;
    const char *group = line + strlen(forms[form].line);
    int bytes = (int)strcspn(group, "\n");
    char directory[512], command[600];
    snprintf(directory, sizeof(directory), "%s%.*s", forms[form].above, bytes, group);
    snprintf(command, sizeof(command), "mkdir -p '%s'", directory);
    return system(command) == 0 && snprintf(path, 512, "%s/%s", directory, forms[form].name) < 512;
}

static bool write_kills(const char *path, int n)
{
    return write_text(path, "low 0\noom 9\noom_kill ", n, "\noom_group_kill 0\n");
}

/* A kill is one death's; what was there before the process, and what is older than two refreshments, is none of it. */
static int counts_kills(int form)
{
    char path[512];
    if (!find_group(form, path) || !write_kills(path, 3))
        return REFUSED;
    struct death_group *group = death_group_get((uint32_t)getpid());
    if (!group || death_was_oom(group))
        return 1;
    if (!write_kills(path, 4) || !death_was_oom(group) || death_was_oom(group))
        return 2;
    write_kills(path, 5);
    death_groups_refresh();
    if (!death_was_oom(group))
        return 3;
    write_kills(path, 6);
    death_groups_refresh();
    death_groups_refresh();
    if (death_was_oom(group))
        return 4;
    death_group_release(group);
    return 0;
}

static void test_death_of_memory(void **state)
{
    int n_seen = 0;
    (void)state;
    for (int form = 0; form < 4; form++) {
        int result = ask_elsewhere("/sys/fs/cgroup", counts_kills, form);
        n_seen += result == 0;
        if (result != REFUSED && result != 0)
            fail_msg("form %d: step %d", form, result);
    }
    if (!n_seen)
        SKIP_REFUSED();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_death_of_others),
        cmocka_unit_test(test_death_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

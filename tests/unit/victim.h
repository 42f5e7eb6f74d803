/* victim: a process that waits to be killed, and the file of a process, which is ours to write, in a reader's box. */
#ifndef OTELSHIM_TEST_VICTIM_H
#define OTELSHIM_TEST_VICTIM_H

#include "fake_client.h"
#include "reader.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static inline pid_t victim_start(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody who holds its output open */
        for (;;)
            pause();
    }
    return pid;
}

static inline void victim_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static inline void reader_make_file(struct reader *reader, struct fake_client *fake, pid_t pid)
{
    if (!reader->dropbox)
        reader_start(reader);
    fake_make(fake, reader->directory, pid, 0, 32);
    fake_publish(fake);
}

static inline void reader_restart(struct reader *reader)
{
    reader_stop(reader);
    memset(reader->spans, 0, sizeof(reader->spans));
    reader->n_spans = reader->n_acknowledged = 0;
    reader_start(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reader_setup, reader_teardown)

#endif

/* control: requests over the socket, answers at once and later, clients that misbehave, sockets left behind. */
#include "cli/control.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_BYTES (3u << 20) /* more than a socket holds */

struct bench {
    char directory[64];
    struct loop *loop;
    struct control *control;
    struct loop_timer *later;
    pthread_t thread;
    bool may_answer;
};

static void answer_later(void *context)
{
    struct bench *bench = context;
    bench->may_answer = true;
    control_answer_waiting(bench->control);
}

static bool answer(void *context, const char *request, FILE *out)
{
    struct bench *bench = context;
    if (strcmp(request, "later") == 0 && !bench->may_answer) {
        loop_timer_start(bench->later, 50);
        return false;
    }
    if (strcmp(request, "long") == 0)
        for (uint32_t i = 0; i < LONG_BYTES; i++)
            fputc('a' + (int)(i % 26), out);
    else
        fprintf(out, "you said %s", request);
    return true;
}

static void *run_loop(void *context)
{
    struct bench *bench = context;
    loop_run(bench->loop);
    return NULL;
}

static int bench_init(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    strcpy(bench->directory, "/tmp/test_control.XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    bench->loop = loop_create();
    bench->later = loop_timer_create(bench->loop, answer_later, bench);
    assert_int_equal(control_create(&bench->control, bench->loop, bench->directory, answer, bench), 0);
    pthread_create(&bench->thread, NULL, run_loop, bench);
    *state = bench;
    return 0;
}

static void stop_loop(void *context)
{
    loop_stop(context);
}

static int bench_fini(void **state)
{
    struct bench *bench = *state;
    char path[100];
    loop_post(bench->loop, stop_loop, bench->loop);
    pthread_join(bench->thread, NULL);
    control_destroy(bench->control);
    loop_timer_destroy(bench->later);
    loop_destroy(bench->loop);
    snprintf(path, sizeof(path), "%s/control", bench->directory);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench);
    return 0;
}

static void assert_answer(const struct bench *bench, const char *request, const char *expected)
{
    char *text = NULL;
    assert_int_equal(control_ask(bench->directory, request, 30000, &text), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void test_ask_is_answered(void **state)
{
    assert_answer(*state, "status json", "you said status json");
    assert_answer(*state, "pid", "you said pid");
}

static void test_ask_waits_for_a_later_answer(void **state)
{
    assert_answer(*state, "later", "you said later");
}

static void test_ask_gets_a_long_answer_whole(void **state)
{
    struct bench *bench = *state;
    char *text = NULL;
    assert_int_equal(control_ask(bench->directory, "long", 30000, &text), 0);
    assert_int_equal(strlen(text), LONG_BYTES);
    for (uint32_t i = 0; i < LONG_BYTES; i++)
        if (text[i] != (char)('a' + (int)(i % 26)))
            fail_msg("byte %u", i);
    free(text);
}

static int connect_raw(const struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control", bench->directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* A request that never ends is cut off, one in pieces is put together, and nobody else is kept waiting. */
static void test_clients_may_misbehave(void **state)
{
    struct bench *bench = *state;
    char line[200], byte;
    memset(line, 'x', sizeof(line));
    int silent = connect_raw(bench), endless = connect_raw(bench), slow = connect_raw(bench);
    assert_int_equal(send(endless, line, sizeof(line), MSG_NOSIGNAL), sizeof(line));
    ssize_t n = recv(endless, &byte, 1, 0);
    assert_true(n <= 0);
    assert_int_equal(send(slow, "pi", 2, MSG_NOSIGNAL), 2);
    usleep(20000);
    assert_answer(bench, "pid", "you said pid");
    assert_int_equal(send(slow, "d\n", 2, MSG_NOSIGNAL), 2);
    n = recv(slow, line, sizeof(line), MSG_WAITALL);
    assert_int_equal(n, strlen("you said pid"));
    close(silent);
    close(endless);
    close(slow);
}

static void test_more_clients_than_places_are_refused(void **state)
{
    struct bench *bench = *state;
    int fds[CONTROL_MAX_CLIENTS + 4];
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        fds[i] = connect_raw(bench);
    usleep(50000);
    char *text = NULL;
    assert_true(control_ask(bench->directory, "pid", 300, &text) < 0);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
    for (int i = 0; i < 3000 && control_ask(bench->directory, "pid", 300, &text) < 0;
         i++) /* until the ends are noticed */
        usleep(10000);
    free(text);
    assert_answer(bench, "pid", "you said pid");
}

static void test_socket_is_the_users_alone(void **state)
{
    struct bench *bench = *state;
    char path[100];
    struct stat status;
    snprintf(path, sizeof(path), "%s/control", bench->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_ask_without_exporter(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_control.XXXXXX", path[100], *text = NULL;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(control_ask("/tmp/no-such-directory", "pid", 100, &text), -ENOENT);
    assert_int_equal(control_ask(directory, "pid", 100, &text), -ENOENT);
    snprintf(path, sizeof(path), "%s/control", directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(control_ask(directory, "pid", 100, &text), -EPERM); /* a file is no socket */

    /* what a dead exporter left is replaced */
    unlink(path);
    struct loop *loop = loop_create();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int left = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(left, (struct sockaddr *)&address, sizeof(address)), 0);
    close(left);
    assert_int_equal(control_ask(directory, "pid", 100, &text), -ECONNREFUSED);
    struct control *control;
    assert_int_equal(control_create(&control, loop, directory, answer, NULL), 0);
    control_destroy(control);
    loop_destroy(loop);
    assert_int_equal(rmdir(directory), 0);
}

static void *begin_late(void *context)
{
    struct bench *bench = context;
    usleep(100000);
    assert_int_equal(control_create(&bench->control, bench->loop, bench->directory, answer, bench), 0);
    loop_run(bench->loop);
    return NULL;
}

/* Where nobody has the lock, at once no; where somebody has it, when he listens. */
static void test_tell_waits_for_an_exporter_that_begins(void **state)
{
    (void)state;
    struct bench bench = {.directory = "/tmp/test_control.XXXXXX"};
    assert_non_null(mkdtemp(bench.directory));
    assert_false(control_tell_expected(bench.directory, getpid()));
    char path[100];
    snprintf(path, sizeof(path), "%s/lock", bench.directory);
    int lock_fd = open(path, O_CREAT | O_RDWR, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(lock_fd, F_OFD_SETLK, &lock), 0);
    bool is_told = false;
    for (int i = 0; i < 20 && !is_told; i++) { /* half a second: a busy machine's exporter may need longer */
        bench.loop = loop_create();
        pthread_create(&bench.thread, NULL, begin_late, &bench);
        is_told = control_tell_expected(bench.directory, getpid());
        loop_post(bench.loop, stop_loop, bench.loop);
        pthread_join(bench.thread, NULL);
        control_destroy(bench.control);
        loop_destroy(bench.loop);
    }
    assert_true(is_told);
    close(lock_fd);
    unlink(path);
    assert_int_equal(rmdir(bench.directory), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_init, bench_fini)
    const struct CMUnitTest tests[] = {
        TEST(test_ask_is_answered),
        TEST(test_ask_waits_for_a_later_answer),
        TEST(test_ask_gets_a_long_answer_whole),
        TEST(test_clients_may_misbehave),
        TEST(test_more_clients_than_places_are_refused),
        TEST(test_socket_is_the_users_alone),
        cmocka_unit_test(test_ask_without_exporter),
        cmocka_unit_test(test_tell_waits_for_an_exporter_that_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* dedup_redis: several machines tell an error once; a Redis that is slow, stopped or gone delays nothing and loses nothing. A real redis-server. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "alerting.h"
#include "outputs/alerts/alert_fingerprint.h"

static struct server {
    pid_t pid;
    int port;
    char url[96], socket[96];
} server;
static char server_directory[64];

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    getsockname(fd, (struct sockaddr *)&address, &bytes);
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(void)
{
    char problem[200], text[120];
    return dedup_redis_check(server.url, 500, problem, text) == 0;
}

static void start_server(void)
{
    char port[8];
    snprintf(port, sizeof(port), "%d", server.port);
    server.pid = fork();
    assert_true(server.pid >= 0);
    if (server.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", "--requirepass", "se:cr@t", "--unixsocket", server.socket, "--dir",
               server_directory, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 1500 && !answers(); i++)
        usleep(20000);
    assert_true(answers());
}

static void stop_server(void)
{
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
}

/* What redis-cli says to a command in database 3, without its end of line. */
static const char *asked(const char *command)
{
    static char text[256];
    char line[512];
    snprintf(line, sizeof(line), "redis-cli -p %d -a 'se:cr@t' --no-auth-warning -n 3 %s", server.port,
             command);
    FILE *from = popen(line, "r");
    assert_non_null(from);
    size_t n = fread(text, 1, sizeof(text) - 1, from);
    pclose(from);
    text[n] = 0;
    text[strcspn(text, "\n")] = 0;
    return text;
}

#define SHARED(...) \
    SETTINGS("OTELSHIM_ALERT_DEDUP", "redis", "OTELSHIM_REDIS_URL", server.url __VA_OPT__(, ) __VA_ARGS__)

/* A second machine: the same loop and chats, another directory. */
static struct alerts *other;
static char other_directory[64];

static int setup_with(uint64_t redis_ms)
{
    struct alert_times times = quick;
    times.dead = 5000;
    times.redis = redis_ms;
    temporary_make(directory, sizeof(directory));
    start_with(&times);
    temporary_make(other_directory, sizeof(other_directory));
    (void)alerts_create_with(&other, loop, other_directory, &times);
    (void)asked("FLUSHALL");
    return 0;
}

/* A busy machine's Redis does not answer in 100 ms. */
static int setup(void **state)
{
    (void)state;
    return setup_with(20000);
}

#define STOPPED_MS 4000

static int setup_of_stopped(void **state)
{
    (void)state;
    return setup_with(STOPPED_MS);
}

/* One that does not answer is let alone for fifty times as long. */
static int setup_of_killed(void **state)
{
    (void)state;
    return setup_with(100);
}

static int teardown(void **state)
{
    alerts_destroy(other);
    temporary_remove(other_directory);
    return alerting_teardown(state);
}

static void key_of(const char *type, const char *message, char ret_key[64])
{
    struct alert alert = an_alert(type, message);
    char text[17];
    alert_fingerprint_print(&alert, text);
    snprintf(ret_key, 64, "error_reported:%s", text);
}

static void test_redis_once(void **state)
{
    (void)state;
    struct settings *settings = SHARED();
    char key[64], command[96];
    struct alert alert = an_alert("TimeoutError", "no answer");
    for (int i = 0; i < 3; i++) {
        alerts_raise(alerts, settings, &alert);
        alerts_raise(other, settings, &alert);
    }
    run_until_told(1);
    run_for(300);
    assert_int_equal(fake.n - fake.n_edits, 1);
    struct alerts_counts here, there;
    alerts_get_counts(alerts, &here);
    alerts_get_counts(other, &there);
    assert_int_equal(here.sent + there.sent, 1);
    assert_int_equal(here.suppressed + there.suppressed, 5);
    key_of("TimeoutError", "no answer", key);
    snprintf(command, sizeof(command), "GET %s", key);
    assert_string_equal(asked(command), "1");
    snprintf(command, sizeof(command), "TTL %s", key);
    assert_in_range(atoi(asked(command)), 200, 300);
    settings_destroy(settings);
}

/* The other machine tells it as soon as the window that the first one opened is over, and says how many it held back. */
static void test_redis_window(void **state)
{
    (void)state;
    struct settings *settings = SHARED("OTELSHIM_ALERT_WINDOW", "4000");
    struct alert alert = an_alert("TimeoutError", "no answer");
    alerts_raise(alerts, settings, &alert);
    run_until_told(1);
    for (int i = 0; i < 4; i++)
        alerts_raise(other, settings, &alert);
    run_for(4300);
    assert_int_equal(fake.n, 1);
    alerts_raise(other, settings, &alert);
    run_until_told(2);
    assert_int_equal(fake.n, 2);
    assert_non_null(strstr(fake.messages[1].text, "4 more of these since "));
    settings_destroy(settings);
}

static void test_redis_python(void **state)
{
    (void)state;
    struct settings *settings = SHARED();
    struct settings *python = SETTINGS("OTELSHIM_ALERT_DEDUP", "redis-python", "REDIS_URL", server.url);
    char text[17], command[96];
    struct alert alert = an_alert("TimeoutError", "order 12 of 7");
    alert_fingerprint_print_python(&alert, text);
    snprintf(command, sizeof(command), "SETEX error_reported:%s 300 1", text);
    (void)asked(command); /* the Python program told it */
    alerts_raise(alerts, python, &alert);
    run_for(200);
    assert_int_equal(fake.n, 0);
    alerts_raise(alerts, settings, &alert);
    run_until_told(1);
    assert_int_equal(fake.n, 1);
    settings_destroy(python);
    settings_destroy(settings);
}

/* Sending failed for good, or nobody there takes anything: another machine may tell it. */
static void test_redis_given_back(void **state)
{
    (void)state;
    struct settings *settings = SHARED();
    static const enum sent_outcome outcomes[] = {SENT_BAD, SENT_DEAD, SENT_REFUSED};
    for (int i = 0; i < 3; i++) {
        char type[16];
        uint32_t n = fake.n, n_attempts = fake.n_attempts;
        snprintf(type, sizeof(type), "Type%c", 'a' + i);
        struct alert alert = an_alert(type, "no answer");
        char key[64], command[96];
        key_of(type, "no answer", key);
        snprintf(command, sizeof(command), "EXISTS %s", key);
        fake_say(NULL, (struct sent){.outcome = outcomes[i], .problem = "no"});
        alerts_raise(alerts, settings, &alert);
        for (int k = 0; k < 3000 && (fake.n_attempts == n_attempts || strcmp(asked(command), "0") != 0); k++)
            run_for(10);
        assert_int_equal(fake.n, n);
        alerts_raise(other, settings, &alert);
        run_until_told(n + 1);
        assert_int_equal(fake.n, n + 1);
        if (outcomes[i] == SENT_DEAD)
            run_until_told(n + 2); /* the first machine tries again, an hour later */
    }
    settings_destroy(settings);
}

static void test_redis_stopped(void **state)
{
    (void)state;
    struct settings *settings = SHARED();
    struct alert alert = an_alert("TimeoutError", "no answer");
    alerts_raise(alerts, settings, &alert);
    run_until_told(1);
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    kill(server.pid, SIGSTOP);
    uint64_t begin_ms = loop_now_ms(loop);
    raise_error(settings, "TypeB", "failed");
    run_for(50);
    assert_int_equal(fake.n, 1);
    assert_false(alerts_is_idle(alerts));
    run_until_told(2); /* as long as it may take, and no longer */
    assert_int_equal(fake.n, 2);
    assert_in_range(loop_now_ms(loop) - begin_ms, STOPPED_MS - 100, 60000);
    begin_ms = loop_now_ms(loop);
    raise_error(settings, "TypeC", "failed"); /* and the next one at once */
    run_until_told(3);
    assert_int_equal(fake.n, 3);
    assert_in_range(loop_now_ms(loop) - begin_ms, 0, STOPPED_MS - 100);
    kill(server.pid, SIGCONT);
    settings_destroy(settings);
}

static void test_redis_killed(void **state)
{
    (void)state;
    struct settings *settings = SHARED();
    char type[16];
    for (int i = 0; i < 30; i++) {
        snprintf(type, sizeof(type), "Type%c%c", 'a' + i % 10, 'a' + i / 10);
        raise_error(settings, type, "failed");
        if (i == 10)
            stop_server();
        run_for(3);
    }
    run_until_idle(2000);
    assert_int_equal(fake.n, 30);
    start_server();
    const char *is_asked = "0";
    for (uint32_t i = 0; i < 6 && strcmp(is_asked, "1") != 0; i++) { /* more than once: it is slow again */
        run_for(5200);                                               /* it is let alone for a while */
        snprintf(type, sizeof(type), "Last%c", 'a' + (int)i);
        raise_error(settings, type, "failed");
        run_until_told(31 + i);
        run_until_idle(1000);
        assert_int_equal(fake.n, 31 + i);
        char key[64], command[96];
        key_of(type, "failed", key);
        snprintf(command, sizeof(command), "EXISTS %s", key);
        is_asked = asked(command);
    }
    assert_string_equal(is_asked, "1");
    settings_destroy(settings);
}

static void test_redis_nowhere(void **state)
{
    (void)state;
    char closed[64];
    snprintf(closed, sizeof(closed), "redis://127.0.0.1:%d/0", free_port());
    const char *const urls[] = {closed,
                                "redis://no.such.host.invalid:1/0",
                                "unix:///nowhere/redis.sock",
                                "redis://:1",
                                "redis://h:99999",
                                "redis://h/notanumber"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct settings *settings = SETTINGS("OTELSHIM_ALERT_DEDUP", "redis", "OTELSHIM_REDIS_URL", urls[i]);
        char type[16];
        snprintf(type, sizeof(type), "Type%c", 'a' + (int)i);
        raise_error(settings, type, "failed");
        run_until_idle(1000);
        assert_int_equal(fake.n, i + 1);
        settings_destroy(settings);
    }
}

static void test_redis_other_ways(void **state)
{
    (void)state;
    char local[160], named[128];
    snprintf(local, sizeof(local), "unix://:se%%3acr%%40t@%s?db=3", server.socket);
    snprintf(named, sizeof(named), "redis://default:se%%3acr%%40t@localhost:%d/3", server.port);
    const char *const urls[] = {local, named};
    for (int i = 0; i < 2; i++) {
        struct settings *settings = SETTINGS("OTELSHIM_ALERT_DEDUP", "redis", "OTELSHIM_REDIS_URL", urls[i]);
        char key[64], command[96], type[16];
        snprintf(type, sizeof(type), "Type%c", 'a' + i);
        raise_error(settings, type, "failed");
        run_until_told((uint32_t)i + 1);
        run_until_idle(1000);
        key_of(type, "failed", key);
        snprintf(command, sizeof(command), "EXISTS %s", key);
        assert_string_equal(asked(command), "1");
        settings_destroy(settings);
    }
}

static void test_redis_wrong_password(void **state)
{
    (void)state;
    char url[96], problem[200] = "", text[120] = "";
    snprintf(url, sizeof(url), "redis://:wr0ng@127.0.0.1:%d/3", server.port);
    struct settings *settings = SETTINGS("OTELSHIM_ALERT_DEDUP", "redis", "OTELSHIM_REDIS_URL", url);
    raise_error(settings, "TimeoutError", "failed");
    run_until_idle(1000);
    assert_int_equal(fake.n, 1);
    assert_true(dedup_redis_check(url, 10000, problem, text) < 0);
    assert_non_null(strstr(problem, "AUTH: WRONGPASS"));
    assert_null(strstr(problem, "wr0ng"));
    assert_int_equal(dedup_redis_check(server.url, 10000, problem, text), 0);
    assert_memory_equal(text, "Redis ", 6);
    settings_destroy(settings);
}

static int group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    temporary_make(server_directory, sizeof(server_directory));
    server.port = free_port();
    snprintf(server.url, sizeof(server.url), "redis://:se%%3acr%%40t@127.0.0.1:%d/3", server.port);
    snprintf(server.socket, sizeof(server.socket), "%s/s", server_directory);
    start_server();
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    stop_server();
    temporary_remove(server_directory);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_redis_once),
        TEST(test_redis_window),
        TEST(test_redis_python),
        TEST(test_redis_given_back),
        cmocka_unit_test_setup_teardown(test_redis_stopped, setup_of_stopped, teardown),
        cmocka_unit_test_setup_teardown(test_redis_killed, setup_of_killed, teardown),
        cmocka_unit_test_setup_teardown(test_redis_nowhere, setup_of_stopped, teardown),
        TEST(test_redis_other_ways),
        TEST(test_redis_wrong_password),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

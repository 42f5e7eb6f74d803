/* log: lines, levels, rotation, rate limit, the lines kept for `status`; and base/file, on which it stands. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "temporary.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct fixture {
    char directory[100], path[200];
};

static void start(struct fixture *fixture, enum log_level level)
{
    temporary_make(fixture->directory, sizeof(fixture->directory));
    snprintf(fixture->path, sizeof(fixture->path), "%s/state/otelshim/export.log", fixture->directory);
    log_open(fixture->path, level);
}

static void stop(struct fixture *fixture)
{
    log_close();
    temporary_remove(fixture->directory);
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(2 << 20);
    text[fread(text, 1, (2 << 20) - 1, file)] = 0;
    fclose(file);
    return text;
}

static void test_line_has_time_level_text(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, LOG_LEVEL_INFO);
    log_write(LOG_LEVEL_WARN, "port %d%s", 4318, "\nforged line\x1b[31m");
    char *text = read_text(fixture.path);
    /* 2026-01-31T09:00:00.123Z warn  … */
    assert_int_equal(strlen(text), 24 + 1 + 6 + strlen("port 4318 forged line [31m\n"));
    assert_int_equal(text[10], 'T');
    assert_string_equal(text + 23, "Z warn  port 4318 forged line [31m\n");
    free(text);
    struct stat status;
    assert_int_equal(stat(fixture.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    stop(&fixture);
}

static void test_levels(void **state)
{
    (void)state;
    struct fixture fixture;
    enum log_level level = LOG_LEVEL_INFO;
    assert_int_equal(log_parse_level("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_parse_level("loud", &level), -EINVAL);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    start(&fixture, LOG_LEVEL_WARN);
    assert_true(log_is_on(LOG_LEVEL_ERROR) && log_is_on(LOG_LEVEL_WARN) && !log_is_on(LOG_LEVEL_INFO));
    log_write(LOG_LEVEL_INFO, "quiet");
    log_write(LOG_LEVEL_ERROR, "loud");
    char *text = read_text(fixture.path);
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "Z error loud\n"));
    free(text);
    stop(&fixture);
    log_write(LOG_LEVEL_ERROR, "nobody is there"); /* closed: no crash */
}

static void test_two_files_of_a_mebibyte(void **state)
{
    (void)state;
    struct fixture fixture;
    struct stat status;
    char older[300], filler[900];
    start(&fixture, LOG_LEVEL_INFO);
    snprintf(older, sizeof(older), "%s.1", fixture.path);
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = 0;
    for (int i = 0; i < 3000; i++)
        log_write(LOG_LEVEL_INFO, "%d %s", i, filler);
    assert_int_equal(stat(fixture.path, &status), 0);
    assert_in_range(status.st_size, 1, 1 << 20);
    assert_int_equal(stat(older, &status), 0);
    assert_in_range(status.st_size, (1 << 20) - 1000, 1 << 20);
    char *text = read_text(fixture.path);
    assert_non_null(strstr(text, " 2999 xxx"));
    free(text);
    log_close();
    log_open(fixture.path, LOG_LEVEL_INFO); /* goes on where it was */
    log_write(LOG_LEVEL_INFO, "again");
    text = read_text(fixture.path);
    assert_non_null(strstr(text, " 2999 xxx"));
    assert_non_null(strstr(text, "again\n"));
    free(text);
    stop(&fixture);
}

static void test_long_line_is_cut(void **state)
{
    (void)state;
    struct fixture fixture;
    char filler[3 * LOG_MAX_LINE_BYTES];
    start(&fixture, LOG_LEVEL_INFO);
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = 0;
    log_write(LOG_LEVEL_INFO, "%s", filler);
    log_write(LOG_LEVEL_INFO, "next");
    char *text = read_text(fixture.path);
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_true((size_t)(end - text) < LOG_MAX_LINE_BYTES);
    assert_non_null(strstr(end, "next\n"));
    free(text);
    stop(&fixture);
}

static void test_limited_says_how_many_more(void **state)
{
    (void)state;
    struct fixture fixture;
    struct log_limit limit = {0};
    start(&fixture, LOG_LEVEL_INFO);
    for (int i = 0; i < 5; i++)
        log_write_limited(&limit, 60000, LOG_LEVEL_WARN, "down");
    log_write_limited(&limit, 0, LOG_LEVEL_WARN, "down");
    char *text = read_text(fixture.path), *line = strstr(text, "down\n");
    assert_non_null(line);
    assert_non_null(strstr(line + 1, "down (4 more like it)\n"));
    assert_null(strstr(line + 1, "down\n"));
    free(text);
    stop(&fixture);
}

static void test_last_lines(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[1 << 16];
    start(&fixture, LOG_LEVEL_INFO);
    assert_int_equal(log_copy_last(text, sizeof(text)), 0);
    for (unsigned i = 0; i < LOG_KEPT_LINES + 3; i++)
        log_write(LOG_LEVEL_INFO, "line %u.", i);
    size_t bytes = log_copy_last(text, sizeof(text));
    assert_int_equal(bytes, strlen(text));
    assert_null(strstr(text, "line 2."));
    assert_non_null(strstr(text, "line 3."));
    assert_true(strstr(text, "line 3.") < strstr(text, "line 66."));
    bytes = log_copy_last(text, 100); /* the newest that fit: 31 + 8 bytes each */
    assert_non_null(strstr(text, "line 66."));
    assert_non_null(strstr(text, "line 65."));
    assert_null(strstr(text, "line 64."));
    stop(&fixture);
}

static void test_default_path(void **state)
{
    (void)state;
    char path[200];
    setenv("XDG_STATE_HOME", "/s", 1);
    setenv("HOME", "/h", 1);
    assert_int_equal(log_default_path(path, sizeof(path)), 0);
    assert_string_equal(path, "/s/otelshim/export.log");
    setenv("XDG_STATE_HOME", "relative", 1); /* XDG: to be ignored */
    assert_int_equal(log_default_path(path, sizeof(path)), 0);
    assert_string_equal(path, "/h/.local/state/otelshim/export.log");
    unsetenv("HOME");
    assert_int_equal(log_default_path(path, sizeof(path)), -ENOENT);
}

static void test_file_make_directories(void **state)
{
    (void)state;
    char directory[100], path[300];
    struct stat status;
    temporary_make(directory, sizeof(directory));
    snprintf(path, sizeof(path), "%s/a//b/c/", directory);
    assert_int_equal(file_make_directories(path), 0);
    assert_int_equal(file_make_directories(path), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(file_make_directories("/"), 0);
    assert_int_equal(file_make_directories(""), -EINVAL);
    snprintf(path, sizeof(path), "%s/file", directory);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(file_make_directories(path), -ENOTDIR);
    temporary_remove(directory);
}

/* More than the kernel takes at once; and a disk that takes only a part. */
static void test_file_write_many_parts(void **state)
{
    (void)state;
    enum { N = 1500 };
    static const char digits[] = "0123456789";
    static struct file_part parts[N];
    char directory[100], wanted[8 * N];
    uint8_t *bytes = NULL;
    size_t n_wanted = 0, n_bytes = 0;
    for (size_t i = 0; i < N; i++) {
        parts[i] = (struct file_part){digits + i % 3, i % 8};
        memcpy(wanted + n_wanted, digits + i % 3, i % 8);
        n_wanted += i % 8;
    }
    temporary_make(directory, sizeof(directory));
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_write_atomic(fd, "many", parts, N), 0);
    assert_int_equal(file_read(fd, "many", sizeof(wanted), &bytes, &n_bytes), 0);
    assert_int_equal(n_bytes, n_wanted);
    assert_memory_equal(bytes, wanted, n_wanted);
    free(bytes);
    struct rlimit before, little = {1000, 0};
    getrlimit(RLIMIT_FSIZE, &before);
    little.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &little);
    assert_int_equal(file_write_atomic(fd, "cut", parts, N), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(faccessat(fd, "cut", F_OK, 0), -1);
    close(fd);
    temporary_remove(directory);
}

static void test_file_write_and_read(void **state)
{
    (void)state;
    char directory[100];
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    struct stat status;
    struct file_part parts[] = {{"ab", 2}, {"", 0}, {"c\0d", 3}};
    temporary_make(directory, sizeof(directory));
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_write_atomic(fd, "f", parts, 3), 0);
    assert_int_equal(file_read(fd, "f", 5, &bytes, &n_bytes), 0);
    assert_int_equal(n_bytes, 5);
    assert_memory_equal(bytes, "abc\0d", 6);
    free(bytes);
    assert_int_equal(fstatat(fd, "f", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(file_read(fd, "f", 4, &bytes, &n_bytes), -EFBIG);
    assert_int_equal(file_read(fd, "none", 4, &bytes, &n_bytes), -ENOENT);
    assert_int_equal(symlinkat("f", fd, "link"), 0);
    assert_int_equal(file_read(fd, "link", 5, &bytes, &n_bytes), -ELOOP);
    assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
    assert_int_equal(file_read(fd, "fifo", 5, &bytes, &n_bytes), -EINVAL);
    close(fd);
    temporary_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_has_time_level_text),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_two_files_of_a_mebibyte),
        cmocka_unit_test(test_long_line_is_cut),
        cmocka_unit_test(test_limited_says_how_many_more),
        cmocka_unit_test(test_last_lines),
        cmocka_unit_test(test_default_path),
        cmocka_unit_test(test_file_make_directories),
        cmocka_unit_test(test_file_write_and_read),
        cmocka_unit_test(test_file_write_many_parts),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

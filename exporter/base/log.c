/* log: see log.h. Several exporters (one per drop box) may append to one file: lines are written whole, O_APPEND. */
#include "base/log.h"

#include "base/clock.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char journal_priorities[] = "3467";

static struct {
    pthread_mutex_t lock; /* everything below is under it, but for `level` */
    enum log_level level; /* set by log_open(), before other threads are */
    int fd;
    bool is_open, is_journal;
    char path[PATH_MAX]; /* "" stderr */
    uint64_t file_bytes;
    char *kept[LOG_KEPT_LINES]; /* ring; NULL not used yet */
    unsigned i_oldest;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .level = LOG_LEVEL_INFO};

static void open_file(void)
{
    struct stat status;
    journal.fd = open(journal.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    journal.file_bytes = journal.fd >= 0 && fstat(journal.fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* Another exporter may have moved the file already: then only its successor is opened. */
static void rotate_file(void)
{
    struct stat ours, named;
    char older[PATH_MAX + 2];
    bool is_ours = journal.fd >= 0 && fstat(journal.fd, &ours) == 0 && stat(journal.path, &named) == 0 &&
                   ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
    snprintf(older, sizeof(older), "%s.1", journal.path);
    if (is_ours && rename(journal.path, older) != 0)
        return;
    close(journal.fd);
    open_file();
}

static void make_parent(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
        file_make_directories(directory);
    }
}

void log_open(const char *path, enum log_level level)
{
    pthread_mutex_lock(&journal.lock);
    journal.level = level;
    journal.is_open = true;
    journal.path[0] = 0;
    if (path) {
        snprintf(journal.path, sizeof(journal.path), "%s", path);
        make_parent(path);
        open_file();
    } else {
        journal.fd = STDERR_FILENO;
        journal.is_journal =
            getenv("JOURNAL_STREAM") != NULL; /* NOLINT(concurrency-mt-unsafe): nobody sets it here */
    }
    pthread_mutex_unlock(&journal.lock);
}

void log_close(void)
{
    pthread_mutex_lock(&journal.lock);
    if (journal.path[0] && journal.fd >= 0)
        close(journal.fd);
    journal.fd = -1;
    journal.is_open = journal.is_journal = false;
    for (unsigned i = 0; i < LOG_KEPT_LINES; i++) {
        free(journal.kept[i]);
        journal.kept[i] = NULL;
    }
    journal.i_oldest = 0;
    pthread_mutex_unlock(&journal.lock);
}

int log_default_path(char *ret_path, size_t max_bytes)
{
    const char *state = getenv("XDG_STATE_HOME"); /* NOLINT(concurrency-mt-unsafe): nobody sets it here */
    const char *home = getenv("HOME");            /* NOLINT(concurrency-mt-unsafe) */
    int bytes;
    if (state && state[0] == '/')
        bytes = snprintf(ret_path, max_bytes, "%s/otelshim/export.log", state);
    else if (home && home[0] == '/')
        bytes = snprintf(ret_path, max_bytes, "%s/.local/state/otelshim/export.log", home);
    else
        return -ENOENT;
    return bytes > 0 && (size_t)bytes < max_bytes ? 0 : -ENAMETOOLONG;
}

int log_parse_level(const char *text, enum log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}

bool log_is_on(enum log_level level)
{
    return journal.is_open && level <= journal.level;
}

static void keep_line(const char *line, size_t bytes)
{
    char *copy = malloc(bytes + 1);
    if (!copy)
        return;
    memcpy(copy, line, bytes);
    copy[bytes] = 0;
    free(journal.kept[journal.i_oldest]);
    journal.kept[journal.i_oldest] = copy;
    journal.i_oldest = (journal.i_oldest + 1) % LOG_KEPT_LINES;
}

/* `line` begins with three bytes for "<4>", which only the journal is given. */
static void write_line(enum log_level level, char *line, size_t bytes)
{
    pthread_mutex_lock(&journal.lock);
    keep_line(line + 3, bytes - 3);
    if (journal.path[0] && journal.file_bytes + bytes > FILE_MAX_BYTES)
        rotate_file();
    size_t skipped = 3;
    if (journal.is_journal) {
        line[1] = journal_priorities[level];
        skipped = 0;
    }
    if (journal.fd >= 0) {
        ssize_t n = write(journal.fd, line + skipped, bytes - skipped);
        journal.file_bytes += n > 0 ? (uint64_t)n : 0;
    }
    pthread_mutex_unlock(&journal.lock);
}

static void write_arguments(enum log_level level, uint32_t n_suppressed, const char *format,
                            va_list arguments) __attribute__((format(printf, 3, 0)));
static void write_arguments(enum log_level level, uint32_t n_suppressed, const char *format,
                            va_list arguments)
{
    char line[LOG_MAX_LINE_BYTES];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, sizeof(line), "< >%Y-%m-%dT%H:%M:%S", &utc);
    n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03dZ %-5s ", (int)(now.tv_nsec / 1000000),
                          level_names[level]);
    int text = vsnprintf(line + n, sizeof(line) - n, format, arguments);
    n += text < 0 ? 0 : (size_t)text;
    if (n < sizeof(line) && n_suppressed)
        n += (size_t)snprintf(line + n, sizeof(line) - n, " (%u more like it)", n_suppressed);
    if (n > sizeof(line) - 1) /* cut: room for the newline */
        n = sizeof(line) - 1;
    for (char *c = line + 3; c < line + n; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    line[n] = '\n';
    write_line(level, line, n + 1);
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level))
        return;
    va_list arguments;
    va_start(arguments, format);
    write_arguments(level, 0, format, arguments);
    va_end(arguments);
}

void log_write_limited(struct log_limit *limit, uint64_t every_ms, enum log_level level, const char *format,
                       ...)
{
    if (!log_is_on(level))
        return;
    uint64_t now_mono_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
    if (limit->was_said && now_mono_ms - limit->last_mono_ms < every_ms) {
        limit->n_suppressed++;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_arguments(level, limit->n_suppressed, format, arguments);
    va_end(arguments);
    *limit = (struct log_limit){.last_mono_ms = now_mono_ms, .was_said = true};
}

size_t log_copy_last(char *ret_text, size_t max_bytes)
{
    size_t bytes = 0, n_lines = 0;
    if (!max_bytes)
        return 0;
    pthread_mutex_lock(&journal.lock);
    for (; n_lines < LOG_KEPT_LINES; n_lines++) {
        const char *line = journal.kept[(journal.i_oldest + LOG_KEPT_LINES - 1 - n_lines) % LOG_KEPT_LINES];
        if (!line || bytes + strlen(line) >= max_bytes)
            break;
        bytes += strlen(line);
    }
    char *end = ret_text;
    for (; n_lines > 0; n_lines--)
        end = stpcpy(end, journal.kept[(journal.i_oldest + LOG_KEPT_LINES - n_lines) % LOG_KEPT_LINES]);
    *end = 0;
    pthread_mutex_unlock(&journal.lock);
    return (size_t)(end - ret_text);
}

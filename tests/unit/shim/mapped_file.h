/*
 * mapped_file: for tests of the writing side: a drop box of one's own, a process of one's own per case, and the mapped
 * file seen from outside, by pread and pwrite alone as the exporter does.
 */
#ifndef OTELSHIM_TEST_MAPPED_FILE_H
#define OTELSHIM_TEST_MAPPED_FILE_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <wire.h>

/* In a child process, where cmocka's asserts would jump into the parent's copy of the stack. */
#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Leaves a test, in its child process, that cannot run here; tests/run and tests/check show the line. */
#define SKIPPED_STATUS 77
#define SKIP(why)                                            \
    do {                                                     \
        fprintf(stderr, "skipped: %s: %s\n", __func__, why); \
        _exit(SKIPPED_STATUS);                               \
    } while (0)

static char test_box[64];

/* To be called before anything asks for the settings. */
static inline void make_box(const char *buffer_bytes)
{
    strcpy(test_box, "/tmp/otelshim-test-XXXXXX");
    if (!mkdtemp(test_box))
        abort();
    setenv("OTELSHIM_DIR", test_box, 1);
    setenv("OTELSHIM_EXPORTER", "none", 1);
    setenv("OTELSHIM_BUFFER_SIZE", buffer_bytes, 1);
}

static inline void remove_box(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", test_box);
    if (system(command))
        abort();
}

/* Runs `fn` in a child, which makes a file of its own at its first span. */
static inline void run_alone(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED_STATUS)
        skip();
    assert_int_equal(status, 0);
}

/* A whole test program: each of TESTS(X), a list of X(function), alone. */
#define ALONE_TEST(name)                  \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_alone(name);                  \
    }
#define ALONE_ROW(name) cmocka_unit_test(test_##name),
#define MAIN_ALONE(TESTS, buffer_bytes)                           \
    TESTS(ALONE_TEST)                                             \
    int main(void)                                                \
    {                                                             \
        const struct CMUnitTest tests[] = {TESTS(ALONE_ROW)};     \
        make_box(buffer_bytes);                                   \
        int n_failed = cmocka_run_group_tests(tests, NULL, NULL); \
        remove_box();                                             \
        return n_failed;                                          \
    }

struct mapped_file {
    int fd;
    char name[330];
    struct wire_header header;
};

/* The file whose name begins with the pid. False: there is none. */
static inline bool find_file(struct mapped_file *file, pid_t pid)
{
    char prefix[32];
    size_t bytes = (size_t)snprintf(prefix, sizeof prefix, "%d-", pid);
    DIR *directory = opendir(test_box);
    struct dirent *entry;
    bool found = false;
    while (directory && !found && (entry = readdir(directory))) {
        if (strncmp(entry->d_name, prefix, bytes) != 0)
            continue;
        snprintf(file->name, sizeof file->name, "%s/%s", test_box, entry->d_name);
        file->fd = open(file->name, O_RDWR | O_CLOEXEC);
        found = file->fd >= 0 &&
                pread(file->fd, &file->header, sizeof file->header, 0) == (ssize_t)sizeof file->header;
    }
    if (directory)
        closedir(directory);
    return found;
}

static inline uint64_t read_host_word(const struct mapped_file *file, uint32_t chunk)
{
    uint64_t word = 0;
    CHECK(pread(file->fd, &word, 8, (off_t)(file->header.chunk_lines.offset + chunk * 64ull)) == 8);
    return word;
}

static inline uint64_t read_acknowledged(const struct mapped_file *file, uint32_t chunk)
{
    uint64_t word = 0;
    CHECK(pread(file->fd, &word, 8, (off_t)(file->header.acknowledged.offset + chunk * 8ull)) == 8);
    return word;
}

static inline void acknowledge(const struct mapped_file *file, uint32_t chunk, uint64_t word)
{
    CHECK(pwrite(file->fd, &word, 8, (off_t)(file->header.acknowledged.offset + chunk * 8ull)) == 8);
}

static inline void acknowledge_all(const struct mapped_file *file)
{
    for (uint32_t i = 0; i < file->header.chunks.count; i++)
        acknowledge(file, i, read_host_word(file, i) & WIRE_STATE_MASK);
}

static inline uint32_t committed_bytes(uint64_t word)
{
    return (uint32_t)(word & WIRE_BYTES_MASK) * 8;
}

/* Copies `bytes` of a chunk from `from`. */
static inline void read_chunk(const struct mapped_file *file, uint32_t chunk, uint32_t from, void *to,
                              uint32_t bytes)
{
    off_t at = (off_t)(file->header.chunks.offset + (uint64_t)chunk * WIRE_CHUNK_BYTES + from);
    CHECK(pread(file->fd, to, bytes, at) == (ssize_t)bytes);
}

static inline uint64_t read_dropped(const struct mapped_file *file, uint32_t reason)
{
    uint64_t count = 0;
    CHECK(pread(file->fd, &count, 8, (off_t)(WIRE_COUNTERS_OFFSET + reason * 8ull)) == 8);
    return count;
}

#endif

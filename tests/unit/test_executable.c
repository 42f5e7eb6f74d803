/* executable, elf_notes: versions out of files that a real linker made, out of bytes that no linker made, and remembered per file. */
#include "cli/executable.h"
#include "elf_notes.h"
#include "temporary.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "00112233445566778899aabbccddeeff01234567"

static char directory[64];

/* ---- what linkers make ---- */

static void build(const char *path, const char *flags)
{
    char command[1000];
    snprintf(command, sizeof(command), "echo 'int main(void){return 0;}' | gcc -x c - -o %s %s", path, flags);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
}

static void describe(const char *path, struct process *ret_process)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    *ret_process = (struct process){.pid = 0};
    executable_read(fd, ret_process);
    close(fd);
}

static void test_executable_real_files(void **state)
{
    static const struct {
        const char *flags, *version, *build_id;
    } rows[] = {
        {"-Wl,--build-id=0x" ID, "", ID},
        {"-Wl,--build-id=none", "", ""},
        {"-Wl,--build-id=0x00000000", "", ""},
        {"-static -Wl,--build-id=0x" ID, "", ID},
        {"-Wl,--build-id=0x" ID
         " -Xlinker '--package-metadata={\"type\":\"deb\",\"name\":\"bot\",\"version\":\"1:1.2-3~rc1+b2\"}'",
         "1:1.2-3~rc1+b2", ID},
        {"-Wl,--build-id=none -Xlinker '--package-metadata={\"version\":\"two words\"}'", "", ""},
        {"-Wl,--build-id=none -Xlinker '--package-metadata={\"version\":7}'", "", ""},
        {"-Wl,--build-id=none -Xlinker '--package-metadata={\"name\":\"bot\"}'", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[200];
        struct process process;
        snprintf(path, sizeof(path), "%s/program%zu", directory, i);
        build(path, rows[i].flags);
        describe(path, &process);
        if (strcmp(process.package_version, rows[i].version) != 0 ||
            strcmp(process.build_id, rows[i].build_id) != 0)
            fail_msg("%s: version \"%s\", build id \"%s\"", rows[i].flags, process.package_version,
                     process.build_id);
    }
}

/* A file that is replaced under its name is another one; one that stays is not read again. */
static void test_executable_remembers_files(void **state)
{
    char path[200], other[200];
    struct process process;
    struct stat before;
    (void)state;
    snprintf(path, sizeof(path), "%s/replaced", directory);
    snprintf(other, sizeof(other), "%s/new", directory);
    build(path, "-Wl,--build-id=0x" ID);
    describe(path, &process);
    assert_string_equal(process.build_id, ID);
    build(other, "-Wl,--build-id=0xabcdef");
    assert_int_equal(rename(other, path), 0);
    describe(path, &process);
    assert_string_equal(process.build_id, "abcdef");
    /* in place, with its times set back: its time of change tells */
    assert_int_equal(stat(path, &before), 0);
    build(other, "-Wl,--build-id=0xfedcba");
    char command[500];
    snprintf(command, sizeof(command), "cp %s %s", other, path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){before.st_atim, before.st_mtim}, 0), 0);
    describe(path, &process);
    assert_string_equal(process.build_id, "fedcba");
}

static void test_executable_describe(void **state)
{
    (void)state;
    struct process process = {.pid = (uint32_t)getpid(), .uid = geteuid(), .start_ticks = 1, .exe = ""};
    executable_describe(&process); /* somebody else's start time: another process */
    assert_string_equal(process.build_id, "");
    char exe[200] = "";
    assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    process.exe = exe;
    process.created_unix_ns = 1; /* its file was changed since */
    executable_describe(&process);
    assert_string_equal(process.build_id, "");
    process.created_unix_ns = UINT64_MAX;
    executable_describe(&process);
    assert_true(strlen(process.build_id) >= 16);
    process.build_id[0] = 0;
    process.uid++; /* a name is believed of one's own processes only */
    executable_describe(&process);
    assert_string_equal(process.build_id, "");
}

/* ---- bytes ---- */

struct made {
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;
    uint8_t notes[256];
};

static struct made make(void)
{
    struct made made = {
        .header = {.e_phoff = sizeof(ElfW(Ehdr)), .e_phnum = 1, .e_phentsize = sizeof(ElfW(Phdr))},
        .segment = {.p_type = PT_NOTE, .p_offset = offsetof(struct made, notes), .p_align = 4}};
    memcpy(made.header.e_ident, ELFMAG, SELFMAG);
    made.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    made.header.e_ident[EI_DATA] = ELFDATA2LSB;
    return made;
}

static void put(struct made *made, const char *name, uint32_t type, const void *text, uint32_t n_bytes)
{
    const ElfW(Nhdr) note = {.n_namesz = 4, .n_descsz = n_bytes, .n_type = type};
    uint8_t *at = made->notes + made->segment.p_filesz;
    memcpy(at, &note, sizeof(note));
    memcpy(at + sizeof(note), name, 4);
    memcpy(at + sizeof(note) + 4, text, n_bytes);
    made->segment.p_filesz += sizeof(note) + 4 + ((n_bytes + 3) & ~3u);
}

static void test_elf_notes_bytes(void **state)
{
    (void)state;
    struct elf_notes notes;
    struct made made = make();
    put(&made, "XYZ", 3, "\1\2", 2); /* somebody else's number 3 */
    put(&made, "GNU", 1, "\1\2", 2);
    put(&made, "GNU", 3, "\xab\1\2", 3);
    put(&made, "GNU", 3, "\7", 1); /* the first one counts */
    put(&made, "FDO", 0xcafe1a7e, "{}", 2);
    assert_int_equal(elf_notes_read_bytes(&made, sizeof(made), &notes), 0);
    assert_string_equal(notes.build_id, "ab0102");
    assert_string_equal(notes.package, "{}");

    struct made broken = made;
    broken.segment.p_offset = sizeof(made);
    assert_int_equal(elf_notes_read_bytes(&broken, sizeof(broken), &notes), -EBADMSG);
    assert_string_equal(notes.build_id, "");
    broken = made;
    broken.header.e_phoff = UINT64_MAX;
    assert_int_equal(elf_notes_read_bytes(&broken, sizeof(broken), &notes), -EBADMSG);
    broken = made;
    broken.segment.p_filesz = UINT64_MAX; /* beyond the bound: left out */
    assert_int_equal(elf_notes_read_bytes(&broken, sizeof(broken), &notes), 0);
    assert_string_equal(notes.build_id, "");
    broken = made;
    broken.header.e_ident[EI_CLASS] ^= 3;
    assert_int_equal(elf_notes_read_bytes(&broken, sizeof(broken), &notes), -ENOEXEC);
    assert_int_equal(elf_notes_read_bytes("#!/bin/sh\n", 10, &notes), -ENOEXEC);
    assert_int_equal(elf_notes_read_bytes(NULL, 0, &notes), -ENOEXEC);
}

/* Sizes of a note that do not fit: what stands before it is known, nothing behind it is read. */
static void test_elf_notes_sizes(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0, 1, 5, 13, 240, 255, 4096, 0x7fffffff, 0xfffffffd, 0xffffffff};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (uint32_t which = 0; which < 2; which++) {
            struct made made = make();
            struct elf_notes notes;
            put(&made, "GNU", 3, "\xab", 1);
            uint8_t *second = made.notes + made.segment.p_filesz;
            put(&made, "FDO", 0xcafe1a7e, "{}", 2);
            memcpy(second + which * sizeof(uint32_t), &sizes[i], sizeof(sizes[i]));
            assert_int_equal(elf_notes_read_bytes(&made, sizeof(made), &notes), 0);
            assert_string_equal(notes.build_id, "ab");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executable_real_files), cmocka_unit_test(test_executable_remembers_files),
        cmocka_unit_test(test_executable_describe),   cmocka_unit_test(test_elf_notes_bytes),
        cmocka_unit_test(test_elf_notes_sizes),
    };
    temporary_make(directory, sizeof(directory));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temporary_remove(directory);
    return failed;
}

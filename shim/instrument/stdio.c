/*
 * stdio: what the program writes to its standard output and error, where OTELSHIM_STDIO asks for it.
 *
 *   begins   nothing: each write(2) of libc's stdio, and each write, writev of the program and its libraries, is a log record or
 *            several
 *   copied   the bytes that were written, raw
 *   not read what was refused; other descriptors; system calls that go past libc (Go, io_uring), sendfile, splice
 *   traps    Nothing is exported: a program without the setting must not be bound to us. Where it is set, the slots of all
 *            objects are written (real_patch.h), and the word for `write` in libc's tables of stdio functions, which glibc
 *            takes only from within that section. A shell runs `echo secret >file` with the file as its descriptor 1, and a
 *            daemon may be given a socket of that number: what a descriptor is, not its number, says whose output it is. That is one
 *            fstat(2) for each write that is recorded. perror(3) writes to a copy of descriptor 2 before stderr was used. A program
 *            that goes into a sandbox may be killed for any call but write(2): then nothing more is recorded
 */
#include "instrument/stdio.h"

#include "instrument/instrument.h"
#include "output.h"
#include "real_libc.h"
#include "real_patch.h"
#include "sys.h"
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME __builtin_frame_address(0)

/* Set once by the constructor, but for `streams` and `is_in_sandbox`. */
static struct {
    uint32_t streams; /* bit 1 << descriptor; 0 from a sandbox on */
    bool is_blind, is_in_sandbox;
    struct {
        bool is_open;
        dev_t device;
        ino_t inode;
    } at_start[3]; /* by descriptor; 0 is not looked at */
    ssize_t (*file_write)(FILE *file, const void *data, ssize_t bytes);
    __typeof__(&fileno_unlocked) fileno;
} stdio;

enum { WRITE, WRITE_ALIAS, WRITEV, PERROR, PRCTL, N_HOOKS };
static struct patch_hook hooks[N_HOOKS];

static bool may_be_wanted(int fd)
{
    return (unsigned)fd - 1u < 2u && __atomic_load_n(&stdio.streams, __ATOMIC_RELAXED);
}

static bool is_as_at_start(const struct stat *file, int fd)
{
    return stdio.at_start[fd].is_open && file->st_dev == stdio.at_start[fd].device &&
           file->st_ino == stdio.at_start[fd].inode;
}

/* Which stream descriptor `fd` is now, if it is wanted; else 0. Where both are the same file, `fd` says. */
static uint32_t find_stream(int fd)
{
    struct stat file = {0};
    int other = 3 - fd;
    if (sys_is_error(sys_fstat(fd, &file)))
        return 0;
    int stream = is_as_at_start(&file, fd) ? fd : is_as_at_start(&file, other) ? other : 0;
    return stdio.streams >> (unsigned)stream & 1u ? (uint32_t)stream : 0;
}

static void note(int fd, const struct iovec *parts, size_t bytes, const void *frame)
{
    int kept = errno;
    const struct output_call call = {
        .stream = find_stream(fd), .instrumentation = INSTRUMENT_stdio, .frame = frame};
    if (call.stream)
        output_note(&call, parts, bytes);
    errno = kept;
}

static void note_one(int fd, const void *data, size_t bytes, const void *frame)
{
    const struct iovec part = {(void *)(uintptr_t)data, bytes};
    note(fd, &part, bytes, frame);
}

/* ---- write(2) by its name ---- */
static ssize_t hook_write(int fd, const void *data, size_t bytes)
{
    __typeof__(&write) real = (__typeof__(&write))hooks[WRITE].real;
    if (!may_be_wanted(fd))
        return real(fd, data, bytes);
    ssize_t written = real(fd, data, bytes);
    if (written > 0)
        note_one(fd, data, (size_t)written, FRAME);
    return written;
}

static ssize_t hook_writev(int fd, const struct iovec *parts, int n)
{
    __typeof__(&writev) real = (__typeof__(&writev))hooks[WRITEV].real;
    if (!may_be_wanted(fd))
        return real(fd, parts, n);
    ssize_t written = real(fd, parts, n);
    if (written > 0)
        note(fd, parts, (size_t)written, FRAME);
    return written;
}

/* ---- libc's stdio ---- */
static bool is_standard_error(int fd)
{
    struct stat file = {0};
    return !sys_is_error(sys_fstat(fd, &file)) && is_as_at_start(&file, 2);
}

static ssize_t hook_file_write(FILE *file, const void *data, ssize_t bytes)
{
    ssize_t written = stdio.file_write(file, data, bytes);
    if (written <= 0)
        return written;
    int kept = errno, fd = stdio.fileno(file);
    if (fd > 2 && thread_peek()->is_in_perror && is_standard_error(fd))
        fd = 2;
    errno = kept;
    if (may_be_wanted(fd))
        note_one(fd, data, (size_t)written, FRAME);
    return written;
}

static void hook_perror(const char *text)
{
    struct thread *thread = thread_peek();
    bool before = thread->is_in_perror;
    thread->is_in_perror = true;
    ((__typeof__(&perror))hooks[PERROR].real)(text);
    thread->is_in_perror = before;
}

/* ---- sandboxes ---- */
typedef int prctl_fn(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);

/* Who renounces new privileges is about to install a filter, often by a system call that nobody sees. */
static int hook_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    int result = ((prctl_fn *)hooks[PRCTL].real)(option, a, b, c, d);
    if (result == 0 && (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS)) {
        __atomic_store_n(&stdio.streams, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&stdio.is_in_sandbox, true, __ATOMIC_RELAXED);
    }
    return result;
}

/* ---- start ---- */
static void set_hook(unsigned i, const char *name, void *hook)
{
    void *real = libc_find_behind_us(name);
    hooks[i] = (struct patch_hook){
        .name = name, .real = real, .hook = hook, .is_first = real == libc_find_anywhere(name)};
}

static bool hook_stdio(void)
{
    void *file_write = libc_find_behind_us("_IO_file_write");
    stdio.file_write = (__typeof__(stdio.file_write))file_write;
    stdio.fileno = (__typeof__(stdio.fileno))libc_find_behind_us("fileno_unlocked");
    return file_write && stdio.fileno && patch_tables(file_write, (void *)hook_file_write);
}

void stdio_start(uint32_t streams)
{
    struct stat file = {0};
    for (int fd = 1; fd <= 2; fd++) { /* what is closed now never is a stream */
        stdio.at_start[fd].is_open = !sys_is_error(sys_fstat(fd, &file));
        stdio.at_start[fd].device = file.st_dev;
        stdio.at_start[fd].inode = file.st_ino;
    }
    stdio.streams = streams;
    if (!stdio.at_start[1].is_open && !stdio.at_start[2].is_open)
        return;
    set_hook(WRITE, "write", (void *)hook_write);
    set_hook(WRITE_ALIAS, "__write", (void *)hook_write);
    set_hook(WRITEV, "writev", (void *)hook_writev);
    set_hook(PERROR, "perror", (void *)hook_perror);
    set_hook(PRCTL, "prctl", (void *)hook_prctl);
    if (hooks[WRITE_ALIAS].real != hooks[WRITE].real)
        hooks[WRITE_ALIAS].real = NULL;
    patch_set_hooks(hooks, N_HOOKS);
    stdio.is_blind = !hook_stdio();
}

bool stdio_is_in_sandbox(void)
{
    return __atomic_load_n(&stdio.is_in_sandbox, __ATOMIC_RELAXED);
}

bool stdio_is_blind(void)
{
    return stdio.is_blind;
}

const struct instrumentation instrument_stdio = {
    .name = "stdio",
    .family = WIRE_INTERNAL,
};

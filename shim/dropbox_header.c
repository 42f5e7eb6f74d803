/*
 * dropbox_header: the header area: who this process is, in its own words (shim/wire/README.md, "Header area").
 *
 * What cannot be known (no /proc) stays 0 or empty: the file is useful without it. Name and arguments the kernel has also laid on
 * the stack.
 */
#include "clock.h"
#include "dropbox_priv.h"
#include "hot.h"
#include "sys.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#define ARGUMENTS_MAX_BYTES 4096u
#define EXE_MAX_BYTES 4096u

extern char **environ;

/* A file of /proc that comes whole in one read. 0 when it cannot be read. */
static size_t read_file(const char *path, char *to, size_t max_bytes)
{
    int fd = sys_open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    long n = sys_read(fd, to, max_bytes);
    sys_close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* Field 22 of /proc/self/stat. The name in field 2 may hold anything, blanks and ")" too: count after the last ")". */
static uint64_t read_start_ticks(void)
{
    char line[1024];
    size_t bytes = read_file("/proc/self/stat", line, sizeof line - 1);
    line[bytes] = 0;
    const char *at = strrchr(line, ')');
    if (!at)
        return 0;
    for (int field = 2; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return 0;
        at++;
    }
    uint64_t ticks = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        ticks = ticks * 10 + (uint64_t)(*at - '0');
    return ticks;
}

void dropbox_identify(struct dropbox_identity *ret_identity)
{
    struct stat stat = {0};
    *ret_identity = (struct dropbox_identity){
        .pid = sys_getpid(),
        .uid = sys_geteuid(),
        .start_ticks = read_start_ticks(),
    };
    if (!sys_is_error(sys_stat("/proc/self/ns/pid", &stat)))
        ret_identity->pid_namespace = stat.st_ino;
}

/* Where the kernel laid the arguments; set once by the constructor. /proc shows the same bytes, where there is one. */
static struct {
    const char *from;
    size_t bytes;
} arguments HOT_DATA;

void dropbox_note_arguments(int argc, char **argv, char **envp)
{
    if (argc < 1 || envp != environ || argv + argc + 1 != envp) /* musl gives constructors nothing */
        return;
    arguments.from = argv[0];
    arguments.bytes = (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]) + 1;
}

/* The name it was started by. */
static uint32_t copy_name(char *to)
{
    const char *name = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
    if (!name)
        return 0;
    size_t bytes = strnlen(name, EXE_MAX_BYTES);
    memcpy(to, name, bytes);
    return (uint32_t)bytes;
}

/* Is /proc/self/cmdline what lies on the stack? Not where the loader was started with the program as its argument, nor with a title
 * longer than the arguments were. */
static bool has_whole_arguments(void)
{
    return arguments.bytes && !arguments.from[arguments.bytes - 1] && getauxval(AT_BASE);
}

static uint32_t copy_arguments(char *to)
{
    size_t bytes = arguments.bytes < ARGUMENTS_MAX_BYTES ? arguments.bytes : ARGUMENTS_MAX_BYTES;
    if (bytes)
        memcpy(to, arguments.from, bytes);
    return (uint32_t)bytes;
}

/* Not from /proc without need: its file is made for every reader [10 us]. */
static uint32_t fill_arguments(char *to)
{
    uint32_t bytes = 0;
    if (!has_whole_arguments())
        bytes = (uint32_t)read_file("/proc/self/cmdline", to, ARGUMENTS_MAX_BYTES);
    return bytes ? bytes : copy_arguments(to);
}

static void fill_texts(uint8_t *area, struct wire_header *header, const struct shim_settings *settings)
{
    uint32_t at = WIRE_TEXT_OFFSET;
    long n = sys_readlink("/proc/self/exe", (char *)area + at, EXE_MAX_BYTES);
    header->exe_offset = at;
    header->exe_bytes = n > 0 ? (uint32_t)n : copy_name((char *)area + at);
    at = (at + header->exe_bytes + 8) & ~7u;

    header->arguments_offset = at;
    header->arguments_bytes = fill_arguments((char *)area + at);
    at = (at + header->arguments_bytes + 8) & ~7u;

    uint32_t bytes = settings->text_bytes;
    if (!settings->text || bytes > WIRE_HEADER_BYTES - 16 - at)
        bytes = 0;
    header->settings_offset = at;
    header->settings_bytes = bytes;
    if (bytes)
        memcpy(area + at, settings->text, bytes);
    header->entry_points_offset = (at + bytes + 8) & ~7u; /* filled by dropbox_on_make()'s function */
}

static uint32_t find_flags(uint32_t pid, const struct shim_settings *settings)
{
    uint32_t flags = 0;
    if (pid == 1)
        flags |= WIRE_IS_INIT | WIRE_WATCHED;
    if (settings->main_pid == pid || settings->systemd_pid == pid)
        flags |= WIRE_WATCHED;
    return flags;
}

void dropbox_header_fill(struct dropbox_image *image, const struct dropbox_identity *identity,
                         const struct shim_settings *settings)
{
    struct wire_header *header = image->box.header;
    header->version = WIRE_VERSION;
    header->header_bytes = WIRE_HEADER_BYTES;
    header->pid_namespace = identity->pid_namespace;
    header->start_ticks = identity->start_ticks;
    header->pid = identity->pid;
    header->uid = identity->uid;
    header->created_mono_ns = clock_mono_ns();
    header->created_unix_ns = clock_unix_ns();
    header->trace_gap_ns = settings->trace_gap_ns;
    header->page_bytes = image->page_bytes;
    header->flags = find_flags(identity->pid, settings);
    if (settings->has_parent) {
        memcpy(header->trace_parent, settings->parent.trace_id, 16);
        memcpy(header->trace_parent + 16, settings->parent.span_id, 8);
        header->trace_parent[24] = settings->parent.flags;
        header->trace_parent[25] = 1;
    }
    fill_texts(image->box.base, header, settings);
}

/* machine: see machine.h. */
#include "signals/spans/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX_BYTES (64u << 10)
#define CONTAINER_ID_BYTES 64u
#define HEX_DIGITS "0123456789abcdef"

/* Loop thread only: read once. */
static struct {
    bool is_known;
    char host_name[65], host_arch[65], host_id[33];
    char os_name[64], os_version[64], os_description[128];
    char model[128]; /* "Raspberry Pi 5 Model B Rev 1.0" */
    uint64_t boot_unix_s;
} machine;

/* The file's text with a NUL behind it, in the arena; NULL when it cannot be read. */
static char *read_file(struct arena *arena, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return NULL;
    char *text = arena_alloc(arena, FILE_MAX_BYTES + 1);
    size_t bytes = 0;
    ssize_t n;
    while (bytes < FILE_MAX_BYTES && (n = read(fd, text + bytes, FILE_MAX_BYTES - bytes)) > 0)
        bytes += (size_t)n;
    close(fd);
    text[bytes] = 0;
    return text;
}

static void copy(char *out, size_t max, const char *text, size_t bytes)
{
    bytes = bytes < max ? bytes : max - 1;
    memcpy(out, text, bytes);
    out[bytes] = 0;
}

/* Value of NAME=value or NAME="value" in an os-release file. */
static void find_value(const char *text, const char *name, char *out, size_t max)
{
    size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) != 0 || line[n] != '=')
            continue;
        const char *value = line + n + 1;
        const char *end = *value == '"' ? "\"\n" : *value == '\'' ? "'\n" : "\n";
        value += end[1] != 0;
        copy(out, max, value, strcspn(value, end));
        return;
    }
}

static const char *conventional_arch(const char *name)
{
    static const char *const names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm32"},
                                           {"armv6l", "arm32"}, {"i686", "x86"},      {"i386", "x86"},
                                           {"ppc64le", "ppc64"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return name;
}

static void find_boot_time(struct arena *arena)
{
    const char *text = read_file(arena, "/proc/stat");
    const char *line = text ? strstr(text, "\nbtime ") : NULL;
    if (line)
        machine.boot_unix_s = strtoull(line + strlen("\nbtime "), NULL, 10);
}

static void ask_machine(void)
{
    struct arena arena = {0};
    struct utsname names;
    machine.is_known = true;
    if (uname(&names) == 0) {
        copy(machine.host_name, sizeof(machine.host_name), names.nodename, strlen(names.nodename));
        const char *arch = conventional_arch(names.machine);
        copy(machine.host_arch, sizeof(machine.host_arch), arch, strlen(arch));
    }
    const char *id = read_file(&arena, "/etc/machine-id");
    id = id && *id ? id : read_file(&arena, "/var/lib/dbus/machine-id");
    if (id && strspn(id, HEX_DIGITS) == 32)
        memcpy(machine.host_id, id, 32);
    const char *release = read_file(&arena, "/etc/os-release");
    release = release ? release : read_file(&arena, "/usr/lib/os-release");
    if (release) {
        find_value(release, "NAME", machine.os_name, sizeof(machine.os_name));
        find_value(release, "VERSION_ID", machine.os_version, sizeof(machine.os_version));
        find_value(release, "PRETTY_NAME", machine.os_description, sizeof(machine.os_description));
    }
    const char *model = read_file(&arena, "/proc/device-tree/model");
    if (model)
        copy(machine.model, sizeof(machine.model), model, strcspn(model, "\n"));
    find_boot_time(&arena);
    arena_fini(&arena);
}

static void set(struct attributes *list, struct arena *arena, const char *key, const char *value)
{
    if (*value)
        attribute_set_string(list, arena, key, value);
}

void machine_describe(struct attributes *list, struct arena *arena, bool is_container)
{
    if (!machine.is_known)
        ask_machine();
    set(list, arena, "host.name", machine.host_name);
    if (!is_container)
        set(list, arena, "host.id", machine.host_id);
    set(list, arena, "host.arch", machine.host_arch);
    set(list, arena, "device.model.name", machine.model);
    set(list, arena, "os.type", "linux");
    set(list, arena, "os.name", machine.os_name);
    set(list, arena, "os.version", machine.os_version);
    set(list, arena, "os.description", machine.os_description);
}

const char *machine_id(void)
{
    if (!machine.is_known)
        ask_machine();
    return machine.host_id;
}

/* The 64 hex digits, standing alone, behind one of the prefixes that container runtimes use; NULL none. */
static const char *find_id(const char *line, size_t bytes)
{
    static const char *const prefixes[] = {
        "/docker/",   "docker-",         "crio-",           "/containers/",
        "libpod-",    "cri-containerd-", "cri-containerd:", "overlay-containers/",
        "containerd-"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t n = strlen(prefixes[i]);
        const char *at = line;
        while ((at = memmem(at, (size_t)(line + bytes - at), prefixes[i], n))) {
            at += n;
            if (strspn(at, HEX_DIGITS) == CONTAINER_ID_BYTES)
                return at;
        }
    }
    /* cgroup v1 of Kubernetes: the last element of the path is the id */
    const char *last = line + bytes - (bytes > CONTAINER_ID_BYTES ? CONTAINER_ID_BYTES : bytes);
    bool is_last = last > line && last[-1] == '/' && strspn(last, HEX_DIGITS) == CONTAINER_ID_BYTES;
    return is_last ? last : NULL;
}

/*
 * In mountinfo only the mounts that a runtime makes over files of the container count: on a host with Docker the mount
 * points of other containers are listed too.
 */
static bool is_telling(const char *line, size_t bytes)
{
    static const char *const points[] = {" /etc/hostname ", " /etc/resolv.conf ", " /sys/fs/cgroup"};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        if (memmem(line, bytes, points[i], strlen(points[i])))
            return true;
    return false;
}

bool machine_parse_container(const char *text, bool is_mountinfo, char ret_id[65])
{
    for (const char *line = text; *line; line += *line == '\n') {
        size_t bytes = strcspn(line, "\n");
        const char *id = !is_mountinfo || is_telling(line, bytes) ? find_id(line, bytes) : NULL;
        if (id) {
            memcpy(ret_id, id, CONTAINER_ID_BYTES);
            ret_id[CONTAINER_ID_BYTES] = 0;
            return true;
        }
        line += bytes;
    }
    return false;
}

static void read_container(const char *process, const char *file, char ret_id[65])
{
    struct arena scratch = {0};
    const char *text = read_file(&scratch, arena_printf(&scratch, "/proc/%s/%s", process, file));
    if (text)
        machine_parse_container(text, strcmp(file, "mountinfo") == 0, ret_id);
    arena_fini(&scratch);
}

static bool has_our_mounts(const char *process)
{
    char path[64], theirs[64], ours[64];
    snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
    ssize_t n = readlink(path, theirs, sizeof(theirs)),
            n_ours = readlink("/proc/self/ns/mnt", ours, sizeof(ours));
    return n > 0 && n == n_ours && memcmp(theirs, ours, (size_t)n) == 0;
}

/* Of mounts that are our own it was read once: each time takes the kernel 50 microseconds, in which a crashed process waits. */
static void read_mounts(const char *process, char ret_id[65])
{
    static bool is_known;
    static char ours[65];
    if (!has_our_mounts(process)) {
        read_container(process, "mountinfo", ret_id);
        return;
    }
    if (!is_known)
        read_container("self", "mountinfo", ours);
    is_known = true;
    memcpy(ret_id, ours, sizeof(ours));
}

const char *machine_find_container(struct arena *arena, uint32_t pid)
{
    char id[65] = "", process[16];
    snprintf(process, sizeof(process), "%u", pid);
    read_container(process, "cgroup", id);
    if (!*id)
        read_mounts(process, id);
    return arena_copy(arena, id, strlen(id));
}

/* Not getpwuid(): a name service may be far away, and the loop never waits. */
const char *machine_find_user(struct arena *arena, uint32_t uid)
{
    struct arena scratch = {0};
    const char *found = NULL;
    char *text = read_file(&scratch, "/etc/passwd");
    for (char *line = text, *next; line && *line && !found; line = next) {
        size_t bytes = strcspn(line, "\n");
        next = line[bytes] ? line + bytes + 1 : NULL;
        line[bytes] = 0;
        char *password = strchr(line, ':');
        char *number = password ? strchr(password + 1, ':') : NULL;
        if (!number || number[1] < '0' || number[1] > '9' || strtoul(number + 1, NULL, 10) != uid)
            continue;
        found = arena_copy(arena, line, (size_t)(password - line));
    }
    arena_fini(&scratch);
    return found;
}

const char *machine_print_start(struct arena *arena, uint64_t start_ticks)
{
    if (!machine.is_known)
        ask_machine();
    long per_second = sysconf(_SC_CLK_TCK);
    if (!machine.boot_unix_s || per_second <= 0)
        return NULL;
    time_t seconds = (time_t)(machine.boot_unix_s + start_ticks / (uint64_t)per_second);
    uint32_t ms = (uint32_t)(start_ticks % (uint64_t)per_second * 1000 / (uint64_t)per_second);
    struct tm date;
    if (!gmtime_r(&seconds, &date))
        return NULL;
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", date.tm_year + 1900, date.tm_mon + 1,
                        date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec, ms);
}

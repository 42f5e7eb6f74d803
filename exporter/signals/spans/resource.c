/* resource: see resource.h. */
#include "signals/spans/resource.h"

#include "base/sha256.h"
#include "signals/spans/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
#define DELETED " (deleted)" /* what the kernel appends to the name of a replaced executable */
#define ARGUMENTS_MAX_BYTES 4096u

struct making {
    struct resource *resource;
    const struct process *process;
    const char *exe_path, *exe_name; /* "" unknown */
};

static void set(struct making *making, const char *key, const char *value)
{
    if (value && *value)
        attribute_set_string(&making->resource->attributes, &making->resource->arena, key, value);
}

static void find_executable(struct making *making)
{
    const char *exe = making->process->exe ? making->process->exe : "";
    size_t bytes = strlen(exe), mark = strlen(DELETED);
    if (bytes > mark && strcmp(exe + bytes - mark, DELETED) == 0)
        bytes -= mark;
    making->exe_path = arena_copy(&making->resource->arena, exe, bytes);
    const char *slash = strrchr(making->exe_path, '/');
    making->exe_name = slash ? slash + 1 : making->exe_path;
}

/*
 * The same for the next exporter, so that metrics of a process stay one stream: a name UUID in the namespace that the
 * semantic conventions give for service.instance.id, of what tells this process's file from every other.
 */
static void set_instance(struct making *making)
{
    static const uint8_t name_space[16] = {0x4d, 0x63, 0x00, 0x9a, 0x8d, 0x0f, 0x11, 0xee,
                                           0xaa, 0xd7, 0x4c, 0x79, 0x6e, 0xd8, 0xe3, 0x20};
    const struct process *process = making->process;
    char name[160], text[37];
    int bytes =
        snprintf(name, sizeof(name), "%s/%" PRIu64 "/%" PRIu32 "/%" PRIu64 "/%" PRIu64, machine_id(),
                 process->pid_namespace, process->pid, process->start_ticks, process->created_unix_ns);
    sha256_name_uuid(name_space, name, (size_t)bytes, text);
    set(making, "service.instance.id", text);
}

/* Arguments may hold secrets: only the first, and how many there are. */
static void set_arguments(struct making *making)
{
    const struct process *process = making->process;
    int64_t n_arguments = 0;
    for (size_t i = 0; i < process->arguments_bytes; i++)
        n_arguments += process->arguments[i] == 0;
    if (n_arguments > 0)
        set(making, "process.command", process->arguments);
    if (n_arguments > 0 && process->arguments_bytes < ARGUMENTS_MAX_BYTES)
        attribute_set_int(&making->resource->attributes, &making->resource->arena, "process.args_count",
                          n_arguments);
}

/*
 * What runs here is a text of somebody else's: the executable's version would be taken for that of the program. Languages, shells, and
 * what runs another program's file: a name that ends in '-' is the beginning of many (ld-linux-x86-64.so.2, qemu-aarch64).
 */
static const char *const interpreters[] = {
    "python",  "pypy",    "node",     "nodejs", "deno",   "bun",        "perl", "ruby",      "php",
    "php-fpm", "php-cgi", "java",     "lua",    "luajit", "tclsh",      "wish", "expect",    "R",
    "Rscript", "guile",   "erl",      "beam.",  "julia",  "octave-cli", "mono", "mono-sgen", "dotnet",
    "awk",     "gawk",    "mawk",     "bash",   "sh",     "dash",       "zsh",  "ksh",       "mksh",
    "fish",    "busybox", "valgrind", "wine",   "wine64", "ld.so",      "ld-",  "qemu-",     NULL};

/* "python3.11" is "python", "php-fpm8.2" "php-fpm". */
static bool is_interpreter(const char *name)
{
    for (const char *const *each = interpreters; *each; each++) {
        size_t n = strlen(*each);
        if (strncmp(name, *each, n) != 0)
            continue;
        const char *rest = name + n;
        if (strchr("-.", (*each)[n - 1]) || !rest[strspn(rest, "-.0123456789")])
            return true;
    }
    return false;
}

/* The package's version, else the build id: whole, as debuginfod and crash reports have it. */
static void set_version(struct making *making)
{
    const struct process *process = making->process;
    set(making, "process.executable.build_id.gnu", process->build_id);
    if (!*making->exe_name || !is_interpreter(making->exe_name))
        set(making, "service.version",
            *process->package_version ? process->package_version : process->build_id);
}

static void detect_process(struct making *making)
{
    const struct process *process = making->process;
    struct resource *resource = making->resource;
    attribute_set_int(&resource->attributes, &resource->arena,
                      process->is_foreign ? "process.vpid" : "process.pid", process->pid);
    set(making, "process.executable.name", making->exe_name);
    set(making, "process.executable.path", making->exe_path);
    set_version(making);
    set_arguments(making);
    if (process->start_ticks)
        set(making, "process.creation.time", machine_print_start(&resource->arena, process->start_ticks));
    set(making, "process.owner", machine_find_user(&resource->arena, process->uid));
}

static void detect(struct making *making)
{
    struct resource *resource = making->resource;
    set(making, "telemetry.sdk.name", "otelshim");
    set(making, "telemetry.sdk.language", "c");
    set(making, "telemetry.sdk.version", OTELSHIM_VERSION);
    set(making, "telemetry.distro.name", "otelshim");
    set(making, "telemetry.distro.version", OTELSHIM_VERSION);
    set_instance(making);
    detect_process(making);
    /* /proc/<pid> of another namespace is somebody else */
    const char *container =
        making->process->is_foreign ? "" : machine_find_container(&resource->arena, making->process->pid);
    machine_describe(&resource->attributes, &resource->arena, *container != 0);
    set(making, "container.id", container);
}

struct resource *resource_create(const struct process *process, const struct settings *settings)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    if (!resource)
        abort();
    struct making making = {.resource = resource, .process = process};
    resource->n_references = 1;
    resource->schema_url = SCHEMA_URL;
    find_executable(&making);
    /* service.name stands first; the last resort of the conventions until something better is found */
    set(&making, "service.name",
        *making.exe_name ? arena_printf(&resource->arena, "unknown_service:%s", making.exe_name)
                         : "unknown_service");
    detect(&making);
    for (uint32_t i = 0; i < settings->n_resource_attributes; i++) {
        const char *const *pair = settings->resource_attributes[i];
        bool is_empty_name = strcmp(pair[0], "service.name") == 0 && !*pair[1];
        if (is_empty_name)
            continue;
        const char *key = arena_copy(&resource->arena, pair[0], strlen(pair[0]));
        attribute_set_string(&resource->attributes, &resource->arena, key, pair[1]);
    }
    set(&making, "service.name", settings->service_name);
    resource->service_name = attribute_find(&resource->attributes, "service.name")->value.string.bytes;
    return resource;
}

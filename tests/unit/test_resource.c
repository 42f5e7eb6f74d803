/* resource: what is detected of a process, and who wins: detected < OTEL_RESOURCE_ATTRIBUTES < OTEL_SERVICE_NAME. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../conformance/conformance.h"
#include "signals/spans/machine.h"
#include "signals/spans/resource.h"

static const char *lookup(void *context, const char *name)
{
    const char *const *pairs = context;
    for (; *pairs; pairs += 2)
        if (strcmp(pairs[0], name) == 0)
            return pairs[1];
    return NULL;
}

static struct process self(void)
{
    static const char arguments[] = "./trader\0--token\0secret";
    return (struct process){.pid = (uint32_t)getpid(),
                            .uid = 0,
                            .start_ticks = 12345,
                            .exe = "/opt/bot/trader",
                            .arguments = arguments,
                            .arguments_bytes = sizeof(arguments)};
}

static struct resource *create(const struct process *process, const char **pairs)
{
    struct settings *settings = settings_create(lookup, pairs);
    struct resource *resource = resource_create(process, settings);
    settings_destroy(settings); /* nothing of it may be left in the resource */
    return resource;
}

static const char *text_of(const struct resource *resource, const char *key)
{
    const struct attribute *item = attribute_find(&resource->attributes, key);
    return item ? item->value.string.bytes : NULL;
}

/* Single-board computers say what they are, others have no such file. */
static void check_model(struct resource *r)
{
    char model[200] = "";
    FILE *file = fopen("/proc/device-tree/model", "r");
    if (file) {
        model[fread(model, 1, sizeof(model) - 1, file)] = 0;
        fclose(file);
    }
    const char *said = text_of(r, "device.model.name");
    assert_string_equal(said ? said : "", model);
}

static void test_resource_create_detects(void **state)
{
    (void)state;
    struct process process = self();
    struct resource *r = create(&process, (const char *[]){NULL});
    const char *broken = conformance_check_resource(r);
    if (broken)
        fail_msg("%s", broken);
    assert_string_equal(r->service_name, "unknown_service:trader");
    assert_string_equal(text_of(r, "service.name"), "unknown_service:trader");
    assert_string_equal(text_of(r, "process.executable.path"), "/opt/bot/trader");
    assert_string_equal(text_of(r, "process.executable.name"), "trader");
    assert_string_equal(text_of(r, "process.command"), "./trader");
    assert_int_equal(attribute_find(&r->attributes, "process.args_count")->value.integer, 3);
    assert_int_equal(attribute_find(&r->attributes, "process.pid")->value.integer, getpid());
    assert_string_equal(text_of(r, "process.owner"), "root");
    assert_string_equal(text_of(r, "os.type"), "linux");
    assert_non_null(text_of(r, "host.name"));
    check_model(r);
    assert_string_equal(text_of(r, "telemetry.sdk.language"), "c");
    assert_string_equal(r->schema_url, "https://opentelemetry.io/schemas/1.44.0");
    const char *start = text_of(r, "process.creation.time");
    assert_int_equal(strlen(start), strlen("2026-01-01T00:00:00.000Z"));
    const char *id = text_of(r, "service.instance.id");
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '5');
    assert_non_null(strchr("89ab", id[19]));
    for (uint32_t i = 0; i < r->attributes.n; i++)
        if (r->attributes.items[i].type == ATTRIBUTE_STRING)
            assert_null(strstr(r->attributes.items[i].value.string.bytes, "secret"));
    struct resource *again = create(&process, (const char *[]){NULL}); /* by the next exporter */
    assert_string_equal(id, text_of(again, "service.instance.id"));
    process.created_unix_ns++; /* another image of the same pid */
    struct resource *second = create(&process, (const char *[]){NULL});
    assert_string_not_equal(id, text_of(second, "service.instance.id"));
    resource_release(again);
    resource_release(second);
    resource_release(r);
}

static void test_resource_create_precedence(void **state)
{
    (void)state;
    struct process process = self();
    struct resource *r =
        create(&process, (const char *[]){"OTEL_RESOURCE_ATTRIBUTES",
                                          "service.name=from-list,host.name=mine,x=%C3%A9", NULL});
    assert_string_equal(r->service_name, "from-list");
    assert_string_equal(text_of(r, "host.name"), "mine");
    assert_string_equal(text_of(r, "x"), "\xc3\xa9");
    resource_release(r);
    r = create(&process,
               (const char *[]){"OTEL_RESOURCE_ATTRIBUTES", "service.name=a", "OTEL_SERVICE_NAME", "b",
                                "ENVIRONMENT", "production", "OTEL_SERVICE_VERSION", "1.2", NULL});
    assert_string_equal(r->service_name, "b");
    assert_string_equal(text_of(r, "deployment.environment.name"), "production");
    assert_string_equal(text_of(r, "service.version"), "1.2");
    resource_release(r);
}

/* Who says it: the settings, the package, the linker; of an interpreter nobody but the settings. */
static void test_resource_create_version(void **state)
{
    (void)state;
    static const struct {
        const char *exe, *package, *build_id, *said, *expected;
    } rows[] = {
        {"/opt/bot/trader", "", "", NULL, NULL},
        {"/opt/bot/trader", "", "00ff", NULL, "00ff"},
        {"/opt/bot/trader", "1.2-3", "00ff", NULL, "1.2-3"},
        {"/opt/bot/trader", "1.2-3", "00ff", "service.version=9", "9"},
        {"/opt/bot/trader (deleted)", "", "00ff", NULL, "00ff"},
        {"/usr/bin/python3.11", "3.11.2-6", "00ff", NULL, NULL},
        {"/usr/bin/python3.11", "3.11.2-6", "00ff", "service.version=9", "9"},
        {"/usr/sbin/php-fpm8.2", "", "00ff", NULL, NULL},
        {"/usr/bin/perl", "", "00ff", NULL, NULL},
        {"/usr/bin/perltrader", "", "00ff", NULL, "00ff"},
        {"/bin/sh", "", "00ff", NULL, NULL},
        {"/opt/shop", "", "00ff", NULL, "00ff"},
        {"/opt/nodemon7", "", "00ff", NULL, "00ff"},
        {"/lib64/ld-linux-x86-64.so.2", "", "00ff", NULL, NULL},
        {"/lib/x86_64-linux-gnu/ld-2.31.so", "", "00ff", NULL, NULL},
        {"/usr/bin/qemu-aarch64", "", "00ff", NULL, NULL},
        {"", "", "00ff", NULL, "00ff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct process process = self();
        process.exe = rows[i].exe;
        snprintf(process.package_version, sizeof(process.package_version), "%s", rows[i].package);
        snprintf(process.build_id, sizeof(process.build_id), "%s", rows[i].build_id);
        struct resource *r = create(
            &process, (const char *[]){rows[i].said ? "OTEL_RESOURCE_ATTRIBUTES" : NULL, rows[i].said, NULL});
        const char *version = text_of(r, "service.version"),
                   *id = text_of(r, "process.executable.build_id.gnu");
        if (!rows[i].expected != !version || (version && strcmp(version, rows[i].expected) != 0))
            fail_msg("%s: %s", rows[i].exe, version ? version : "none");
        assert_true(*rows[i].build_id ? id && strcmp(id, rows[i].build_id) == 0 : !id);
        assert_null(conformance_check_resource(r));
        resource_release(r);
    }
}

static void test_resource_create_odd_processes(void **state)
{
    (void)state;
    struct process process = {.pid = 7, .exe = "", .arguments = "", .is_foreign = true};
    struct resource *r = create(&process, (const char *[]){NULL});
    assert_string_equal(r->service_name, "unknown_service");
    assert_null(attribute_find(&r->attributes, "process.pid"));
    assert_int_equal(attribute_find(&r->attributes, "process.vpid")->value.integer, 7);
    assert_null(attribute_find(&r->attributes, "process.command"));
    resource_release(r);
    process.exe = "/usr/bin/b\xffot (deleted)";
    r = create(&process, (const char *[]){NULL});
    assert_string_equal(r->service_name, "unknown_service:b\xef\xbf\xbdot");
    assert_null(conformance_check_resource(r));
    resource_release(r);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static void test_machine_parse_container(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_mountinfo, is_found;
    } cases[] = {
        {"0::/\n", false, false},
        {"0::/user.slice/user-1000.slice/session-1.scope\n", false, false},
        {"12:pids:/docker/" ID "\n11:x:/\n", false, true},
        {"1:name=systemd:/system.slice/docker-" ID ".scope\n", false, true},
        {"1:cpu:/kubepods/burstable/pod1b2/" ID "\n", false, true},
        {"0::/kubepods.slice/cri-containerd-" ID ".scope\n", false, true},
        {"0::/a/b:cri-containerd:" ID "\n", false, true},
        {"1:cpu:/docker/" ID "0\n", false, false},
        {"1 2 8:1 /var/lib/docker/containers/" ID "/hostname /etc/hostname rw\n", true, true},
        {"1 2 0:5 / / rw\n3 4 8:1 /x/overlay-containers/" ID "/userdata/resolv.conf /etc/resolv.conf rw\n",
         true, true},
        {"1 2 8:1 / /var/lib/docker/containers/" ID "/mounts/shm rw\n", true,
         false}, /* the host's own view */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[65] = "";
        assert_int_equal(machine_parse_container(cases[i].text, cases[i].is_mountinfo, id),
                         cases[i].is_found);
        assert_string_equal(id, cases[i].is_found ? ID : "");
    }
}

/* A child with mounts of its own, over one of which its runtime has put a file of the container. */
static pid_t start_in_container(void)
{
    static const char folder[] = "/tmp/docker/containers/" ID;
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL) != 0 || mkdir("/tmp/docker", 0700) != 0 ||
        mkdir("/tmp/docker/containers", 0700) != 0 || mkdir(folder, 0700) != 0)
        _exit(1);
    int fd = open("/tmp/docker/containers/" ID "/hostname", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || mount("/tmp/docker/containers/" ID "/hostname", "/etc/hostname", NULL, MS_BIND, NULL) != 0)
        _exit(1);
    raise(SIGSTOP);
    _exit(0);
}

static void test_machine_find_container(void **state)
{
    (void)state;
    struct arena arena = {0};
    char ours[65];
    int status;
    snprintf(ours, sizeof(ours), "%s", machine_find_container(&arena, (uint32_t)getpid()));
    pid_t child = start_in_container();
    waitpid(child, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) {
        print_message("    skipped: no mounts can be made here\n");
        arena_fini(&arena);
        return;
    }
    assert_string_equal(machine_find_container(&arena, (uint32_t)child), ID);
    assert_string_equal(machine_find_container(&arena, (uint32_t)getpid()), ours);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resource_create_detects), cmocka_unit_test(test_resource_create_precedence),
        cmocka_unit_test(test_resource_create_version), cmocka_unit_test(test_resource_create_odd_processes),
        cmocka_unit_test(test_machine_parse_container), cmocka_unit_test(test_machine_find_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

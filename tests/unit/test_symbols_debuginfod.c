/* symbols: names from a debuginfod server on this machine; one that says nothing is given up after its time. */
#include "symbols_crash.h"

static const char program[] = "static int *nowhere;\n"
                              "__attribute__((noinline)) static int hidden(int n) {\n"
                              "  *nowhere = n; return n + 1; }\n"
                              "int main(void) { return hidden(7) + 1; }\n";

/* http.server over the directory "served", or a socket that accepts and is silent; its port is written to "port". */
static const char server[] =
    "import http.server, os, socket, sys, time\n"
    "if sys.argv[1] == 'silent':\n"
    "    s = socket.create_server(('127.0.0.1', 0)); port = s.getsockname()[1]\n"
    "else:\n"
    "    os.chdir('served')\n"
    "    s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
    "    port = s.server_port\n"
    "open(os.path.dirname(os.path.abspath(__file__)) + '/port', 'w').write(str(port) + '\\n')\n"
    "if sys.argv[1] == 'silent': time.sleep(60)\n"
    "else: s.serve_forever()\n";

static pid_t serve(const char *how, char *ret_url, size_t max_bytes)
{
    char path[128], port[16] = "";
    snprintf(path, sizeof(path), "%s/port", crash_directory());
    unlink(path);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (chdir(crash_directory()) != 0 || dup2(null, 2) < 0)
            _exit(1);
        execlp("python3", "python3", "server.py", how, (char *)NULL);
        _exit(1);
    }
    for (int i = 0; i < 2400 && !strchr(port, '\n'); i++) {
        FILE *file = fopen(path, "r");
        if (file && !fgets(port, sizeof(port), file))
            port[0] = 0;
        if (file)
            fclose(file);
        usleep(25000);
    }
    snprintf(ret_url, max_bytes, "http://127.0.0.1:%d", atoi(port));
    return pid;
}

static void end(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
}

static int prepare(void **state)
{
    char cache[128];
    (void)state;
    snprintf(cache, sizeof(cache), "%s/cache", crash_directory());
    setenv("DEBUGINFOD_CACHE_PATH", cache, 1);
    crash_source("server.py", server);
    crash_source("asked.c", program);
    crash_sh("gcc -g -O1 -o asked asked.c && id=$(readelf -n asked | sed -n 's/.*Build ID: //p') && mkdir -p "
             "served/buildid/$id && "
             "objcopy --only-keep-debug asked served/buildid/$id/debuginfo && strip asked");
    return 0;
}

static void test_debuginfod_answers(void **state)
{
    (void)state;
    struct crash_copy crash;
    char url[64];
    static const char *const expected[] = {"hidden asked.c:3", "main asked.c:4"};
    pid_t pid = serve("well", url, sizeof(url));
    crash_run(&crash, "./asked", 1, 1 << 20);
    crash_walk(&crash); /* not told of it: not asked */
    assert_null(crash.stack->frames[0].file);
    symbols_close(crash.symbols);
    crash.input.debuginfod = url;
    crash.input.debuginfod_timeout_ms = 60000;
    crash_walk(&crash);
    crash_expect(crash.stack, expected, 2);
    crash_fini(&crash);
    end(pid);
}

static void test_debuginfod_silent(void **state)
{
    (void)state;
    struct crash_copy crash;
    struct timespec before, after;
    char url[64];
    pid_t pid = serve("silent", url, sizeof(url));
    crash_sh("rm -rf cache");
    crash_run(&crash, "./asked", 1, 1 << 20);
    crash.input.debuginfod = url;
    crash.input.debuginfod_timeout_ms = 1000;
    clock_gettime(CLOCK_MONOTONIC, &before);
    crash_walk(&crash);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_null(crash.stack->frames[0].file);
    assert_true(crash.stack->n_frames > 2);
    /* it looks at the time once a second, whatever is asked; by itself it would give up after 90 */
    assert_in_range(after.tv_sec - before.tv_sec, 0, 60);
    crash_fini(&crash);
    end(pid);
}

static int remove_directory(void **state)
{
    (void)state;
    crash_sh("rm -rf %s", crash_directory());
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_debuginfod_answers),
        cmocka_unit_test(test_debuginfod_silent),
    };
    return cmocka_run_group_tests(tests, prepare, remove_directory);
}

/*
 * copies: usage: copies DIRECTORY: two renamed copies of libpq in one process, by name and through plugins linked with one each. Which
 * copy answers is printed.
 */
#include "odd.h"

static void *open_in(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        printf("%s\n", dlerror());
        exit(2);
    }
    return handle;
}

int main(int argc, char **argv)
{
    typedef int run_fn(unsigned part, unsigned from, unsigned to);
    if (argc < 2)
        return 2;
    struct pq first = pq_by_name(open_in(argv[1], "libpq-one.so"));
    pq_call(first, 1, 1, 5);
    struct pq second = pq_by_name(open_in(argv[1], "libpq-two.so"));
    for (unsigned round = 0; round < 3; round++) {
        pq_call(second, 10 + round, 1, 5);
        pq_call(first, 20 + round, 1, 5);
    }
    run_fn *run_two = (run_fn *)dlsym(open_in(argv[1], "libplugin-two.so"), "plugin_run");
    run_fn *run_one = (run_fn *)dlsym(open_in(argv[1], "libplugin-one.so"), "plugin_run");
    for (unsigned round = 0; round < 3; round++) {
        (void)run_two(30 + round, 1, 5);
        (void)run_one(40 + round, 1, 5);
    }
    pq_call(first, 50, 1, 5);
    pq_call(second, 51, 1, 5);
    return 0;
}

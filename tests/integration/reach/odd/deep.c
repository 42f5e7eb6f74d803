/*
 * deep: usage: deep MODE PLUGIN…: opens each plugin with RTLD_DEEPBIND and MODE (now, lazy), calls it, closes and opens it again, and
 * prints what may be written to in it (RELRO must be as the loader left it). Linked with nothing but libc.
 */
#include "odd.h"

/* Permissions of the mappings of a file, in order. */
static void print_mappings(const char *path)
{
    char line[4096], permissions[8];
    const char *slash = strrchr(path, '/');
    FILE *maps = fopen("/proc/self/maps", "r");
    printf("mapped");
    while (maps && fgets(line, sizeof(line), maps))
        if (strstr(line, slash ? slash + 1 : path) && sscanf(line, "%*s %7s", permissions) == 1)
            printf(" %s", permissions);
    printf("\n");
    fclose(maps);
}

int main(int argc, char **argv)
{
    int mode = argc > 1 && strcmp(argv[1], "lazy") == 0 ? RTLD_LAZY : RTLD_NOW;
    for (int i = 2; i < argc; i++)
        for (unsigned round = 0; round < 3; round++) {
            void *plugin = dlopen(argv[i], mode | RTLD_DEEPBIND | (round ? RTLD_GLOBAL : RTLD_LOCAL));
            if (!plugin) {
                printf("%s\n", dlerror());
                return 2;
            }
            int (*run)(unsigned, unsigned, unsigned) =
                (int (*)(unsigned, unsigned, unsigned))dlsym(plugin, "plugin_run");
            unsigned part = (unsigned)i * 10 + round;
            print_mappings(argv[i]);
            printf("run %d\n", run(part, 1, 5));
            printf("closed %d\n", dlclose(plugin));
        }
    return 5;
}

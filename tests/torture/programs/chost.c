/* A C program that loads a C++ library: exceptions are caught, pthread_cancel runs destructors (case 26). */
#include "torture.h"
#include <dlfcn.h>

static void plugin(void)
{
    void *library = dlopen(arguments[0], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        say("%s\n", dlerror());
        exit(97);
    }
    int (*plugin_catch)(void) = (int (*)(void))dlsym(library, "plugin_catch");
    int (*plugin_destroyed)(void) = (int (*)(void))dlsym(library, "plugin_destroyed");
    void *(*plugin_wait)(void *) = (void *(*)(void *))dlsym(library, "plugin_wait");
    int n = 0;
    for (int i = 0; i < 1000; i++)
        n += plugin_catch();
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, plugin_wait, NULL);
        sleep_ms(5);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    say("caught %d, destroyed %d\n", n, plugin_destroyed());
}

const struct deed deeds[] = {{"plugin", plugin}, {NULL, NULL}};

/* A C++ library that a C host loads: case 26. */
#include <pthread.h>
#include <stdexcept>
#include <unistd.h>

static int n_destroyed;

struct guard {
    ~guard() { n_destroyed++; }
};

extern "C" int plugin_catch(void)
{
    try {
        guard g;
        throw std::runtime_error("inside");
    } catch (const std::exception &) {
        return 1;
    }
}

extern "C" void *plugin_wait(void *)
{
    guard g;
    for (;;)
        usleep(1000);
}

extern "C" int plugin_destroyed(void)
{
    return n_destroyed;
}

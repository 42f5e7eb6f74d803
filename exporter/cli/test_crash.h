/*
 * test_crash: is this the program that `otelshim test-crash` starts to let it crash? It stays under the library.
 *
 * Context: start of the process.
 */
#ifndef OTELSHIM_TEST_CRASH_H
#define OTELSHIM_TEST_CRASH_H

#include <stdbool.h>

bool test_crash_is_child(int argc, char **argv);

#endif

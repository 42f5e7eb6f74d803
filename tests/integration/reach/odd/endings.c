/*
 * endings: usage: endings exit|quick|_exit|abort|return: calls from atexit handlers, destructors of the program and of a library, and at
 * quick_exit. Part 1 main, 2 atexit, 3 destructor of the program, 4 of a library (LIBRARY), 5 at_quick_exit.
 */
#include "odd.h"

void endings_link(void);

static void call(unsigned part)
{
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, part, 1, 5);
    fflush(stdout);
}

#ifdef LIBRARY
void endings_link(void)
{
}
__attribute__((destructor)) static void stop(void)
{
    call(4);
}
#else
static void at_exit(void)
{
    call(2);
}
static void at_quick_exit_too(void)
{
    call(5);
}
__attribute__((destructor)) static void stop(void)
{
    call(3);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    endings_link();
    atexit(at_exit);
    at_quick_exit(at_quick_exit_too);
    call(1);
    if (!strcmp(how, "exit"))
        exit(3);
    if (!strcmp(how, "quick"))
        quick_exit(4);
    if (!strcmp(how, "_exit"))
        _exit(5);
    if (!strcmp(how, "abort"))
        abort();
    return 6;
}
#endif

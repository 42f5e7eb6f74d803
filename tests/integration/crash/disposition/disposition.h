/* disposition: what the parts of the program share. */
#ifndef OTELSHIM_TEST_DISPOSITION_H
#define OTELSHIM_TEST_DISPOSITION_H

#include <signal.h>
#include <stdint.h>

typedef void handler_fn(int);

/* ---- seen.c: what a program can see of its UNIX signals ---- */
#define ALTERNATE_BYTES 65536
extern char *alternate;   /* of the program; NULL none */
extern char *interrupted; /* an address of the stack that is interrupted */
uint64_t mask_now(void);
const char *name_of(const struct sigaction *action);
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void say_action(const char *what, int number);
void say_stack(const char *what);
const char *where_is(const void *address);

/* ---- handlers.c ---- */
extern struct sigaction previous; /* what install() replaced */
void handler_exits(int number, siginfo_t *info, void *context);
void handler_nests(int number, siginfo_t *info, void *context);
void handler_plain(int number);
void handler_returns(int number, siginfo_t *info, void *context);
void handler_to_default(int number, siginfo_t *info, void *context);
void handler_to_previous(int number, siginfo_t *info, void *context);

/* ---- causes.c: signals with a cause, and children to die of them ---- */
void cause(int number);
void in_child(const char *what, void (*run)(int, int), int number, int how);
void install(int number, void (*handler)(int, siginfo_t *, void *), int flags);
void say_end(const char *what, int status);

/* ---- flags.c, names.c, lives.c: what is run ---- */
void flags(void);
void run_names(int number, int how);
void lives(void);

#endif

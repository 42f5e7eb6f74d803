/*
 * demangle: what demangle.c and the Rust demanglers share.
 *
 * Context: commands. Ownership: malloc'ed texts are the caller's. Errors: NULL, not a name of that kind.
 */
#ifndef OTELSHIM_DEMANGLE_H
#define OTELSHIM_DEMANGLE_H

char *demangle_rust(const char *name);

#endif

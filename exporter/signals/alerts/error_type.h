/*
 * error_type: what an error is called in an alert: the name that a Python user knows it by, so that the messages of the native program
 * and of its Python neighbours read alike.
 *
 * Context: loop; pure.
 */
#ifndef OTELSHIM_ALERT_ERROR_TYPE_H
#define OTELSHIM_ALERT_ERROR_TYPE_H

#include <stdbool.h>
#include <stdint.h>

struct error_type {
    const char *name;  /* "TimeoutError" */
    const char *words; /* where the library's own are not there */
    bool
        is_transport; /* between the program and the server; false: the program's own doing, or an answer it did not like */
};

/* Of a CURLcode and the errno behind it (0 unknown). */
struct error_type error_type_of_curl(int64_t code, int64_t error);
/* Of what signals/spans calls a failure of libpq or hiredis (error.type) that came without a word of the server. */
struct error_type error_type_of_client(const char *name, int64_t error);

/* Is an SQLSTATE worth an alert by itself? Classes 08, 53, 57, 58, XX: the server, or the way to it, is in trouble. */
bool error_type_is_serious(const char *sqlstate);
struct error_type error_type_of_sqlstate(const char *sqlstate);

/* "Service Unavailable"; "" unknown. */
const char *error_type_status_words(int64_t status);

#endif

/*
 * reading: statements and URLs as attributes want them, remembered so that a program that repeats itself is read once.
 *
 * Context: loop; two caches for the exporter, at most about 2 MiB. Ownership: what is returned holds until the next call
 * of the same function. Texts are valid UTF-8 and NUL-terminated.
 */
#ifndef OTELSHIM_READING_H
#define OTELSHIM_READING_H

#include "telemetry/raw_span.h"

struct statement_reading {
    struct text redacted; /* db.query.text without literals */
    struct text summary;  /* db.query.summary; empty: nothing is known */
    struct text table;    /* the end of it that is the only table's name; empty: there is none, or several */
};
const struct statement_reading *reading_of_statement(const struct raw_fact *statement);

struct url_reading {
    struct text full;   /* url.full without secrets */
    struct text given;  /* the same with them */
    struct text host;   /* empty: not known */
    struct text scheme; /* lower case */
    struct text path;   /* as given; empty: not known */
    uint16_t port;      /* 0: not known */
    bool is_http;       /* http, https, ws, wss, or not known */
};
/* `scheme` is what the library settled on, for a URL without one; NULL unknown. */
const struct url_reading *reading_of_url(const struct raw_fact *url, const struct raw_fact *scheme);

/* Whom a request is for: the Host header that the program set itself ("host:port"; NULL none), else the URL's host. Returns
 * the port, 0 where it is not known. *ret_host is not NUL-terminated; it may be empty. */
uint16_t reading_of_server(const struct url_reading *url, const struct raw_fact *host_header,
                           struct text *ret_host);

#endif

/*
 * all: THE list of instrumentations. Included several times by instrument/instrument.h and instrument/table.c:
 * index, declaration, table. To add a library: write its file, add one line here.
 */
INSTRUMENTATION(libcurl)
INSTRUMENTATION(libpq)
INSTRUMENTATION(hiredis)
INSTRUMENTATION(syslog)
INSTRUMENTATION(api)
INSTRUMENTATION(stdio)

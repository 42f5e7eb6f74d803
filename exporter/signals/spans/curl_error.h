/*
 * curl_error: names of CURLcodes, for error.type: the same in every version of libcurl.
 *
 * Context: loop. Pure.
 */
#ifndef OTELSHIM_CURL_ERROR_H
#define OTELSHIM_CURL_ERROR_H

#include <stdint.h>

/* "CURLE_…", or "_OTHER" for a number that no libcurl returns. A literal. */
const char *curl_error_name(int64_t code);

#endif

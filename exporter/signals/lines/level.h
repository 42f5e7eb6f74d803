/* level: words and numbers for how bad it is → SeverityNumber (OTel log data model, "Mapping of SeverityNumber"). Context: any; pure. */
#ifndef OTELSHIM_LINE_LEVEL_H
#define OTELSHIM_LINE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In any case; 0: it is none. */
uint32_t level_of_word(const char *word, size_t bytes);
/* syslog's 0 to 7, and its word for it. */
uint32_t level_of_syslog(uint32_t level, const char **ret_word);
/* pino's and bunyan's 10 to 60; below 8 it is syslog's (GELF). 0: none. */
uint32_t level_of_number(int64_t number);
/* Python's levelno, 10 to 50. */
uint32_t level_of_python(int64_t number);

#endif

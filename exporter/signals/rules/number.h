/*
 * number: numbers as people write and read them, the same in every locale (the exporter never leaves "C").
 *
 * Context: loop. Pure.
 */
#ifndef OTELSHIM_RULES_NUMBER_H
#define OTELSHIM_RULES_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#define NUMBER_MAX_BYTES 480u

/* 17, -0.5, 1e6, 5,000.25, blanks around it. False: anything else, and what is not finite. */
bool number_parse(const char *text, double *ret_value);

/* Is it a format that number_print() knows: [+][,][.DIGITS](f|g|d|%)? */
bool number_is_format(const char *format, size_t bytes);

/* As Python's format() does: ",.0f" 1234567.8 → 1,234,568; "+.2f"; ".4f"; "%" 0.5 → 50%; "g" as short as it is exact. */
void number_print(double value, const char *format, size_t bytes, char ret_text[NUMBER_MAX_BYTES]);

#endif

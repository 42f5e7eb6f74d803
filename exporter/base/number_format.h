/*
 * number_format: one number as printf would have written it, with a width and a precision that cannot run away.
 *
 * Context: any; pure. The exporter runs in the C locale, so a program's own thousands and decimal points are not followed.
 */
#ifndef OTELSHIM_NUMBER_FORMAT_H
#define OTELSHIM_NUMBER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_FORMAT_BYTES 512u /* what is wider is cut */

struct number_format {
    char flags[6]; /* of "#0-+ ", each once */
    uint32_t width, precision;
    bool has_precision;
    char letter;  /* of "diouxX", or of "eEfFgGaA": nothing else */
    uint8_t bits; /* of an integer: 8, 16, 32, 64 */
};

/* Does printf read a double for this letter? */
bool number_format_is_double(char letter);
/* Returns the bytes in `ret_text`, which is NUL-terminated as well. *ret_is_cut is set where it is not the whole number. */
size_t number_format_print(const struct number_format *format, int64_t integer, double number,
                           char ret_text[NUMBER_FORMAT_BYTES], bool *ret_is_cut);

#endif

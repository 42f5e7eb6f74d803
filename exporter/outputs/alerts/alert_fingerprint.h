/*
 * alert_fingerprint: which alerts are the same to a person.
 *
 * SHA-256 over "type:message:frame", 16 hexadecimal digits: the first 200 characters of the normalised message, and the innermost
 * frame of the program's own code. Normalised: digits are 0, hexadecimal numbers (0x…, or six and more digits with a letter) 0x, UUIDs
 * as well; so an order number or an address does not make an error a new one.
 *
 * Context: pure.
 */
#ifndef OTELSHIM_ALERT_FINGERPRINT_H
#define OTELSHIM_ALERT_FINGERPRINT_H

#include "telemetry/alert.h"

#define FINGERPRINT_DIGITS 16u

void alert_fingerprint_print(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1]);
/*
 * As the ErrorReporter of the documents makes it, byte for byte: the message as it is, and the first line of the stack that begins with
 * "File" (of the outermost frame; native stacks have none).
 */
void alert_fingerprint_print_python(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1]);
/* What is read a second time from the same record is the same alert: of those that are never the same as another. */
void alert_fingerprint_print_identity(const struct alert *alert, char ret_text[FINGERPRINT_DIGITS + 1]);

/* `out` has room for strlen(message) + 1. */
void alert_fingerprint_normalise(char *out, const char *message);

#endif

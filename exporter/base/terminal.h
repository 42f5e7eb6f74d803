/*
 * terminal: what the terminal behind a stream can show, and text made fit for it.
 *
 * Context: any; reads the environment and asks the kernel once per call. Colours only on a terminal; NO_COLOR and
 * TERM=dumb turn them off, CLICOLOR_FORCE turns them on elsewhere too.
 */
#ifndef OTELSHIM_TERMINAL_H
#define OTELSHIM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERMINAL_DEFAULT_COLUMNS 100u

bool terminal_has_colour(int fd);
/* By LC_ALL, LC_CTYPE, LANG. False on the kernel's own console, whose font lacks what we draw. */
bool terminal_is_utf8(void);
/* COLUMNS, else what the kernel says of `fd`, else TERMINAL_DEFAULT_COLUMNS. */
uint32_t terminal_columns(int fd);

/*
 * Copies text that came from outside, at most max_bytes - 1 bytes and cut between characters, NUL-terminated: control
 * characters and whatever turns the direction of writing become '?' [an escape sequence in a URL must not reach the
 * terminal], line ends and tabs become one space. `is_utf8` false: so does everything above ASCII. Returns the bytes
 * written.
 */
size_t terminal_copy_text(char *out, size_t max_bytes, const char *text, bool is_utf8);
/* Columns that text (made by terminal_copy_text()) takes: East Asian wide characters take two, combining ones none. */
uint32_t terminal_text_columns(const char *text);
/* Bytes of the first characters of `text` that fit into `columns`. */
size_t terminal_text_fit(const char *text, uint32_t columns);

#endif

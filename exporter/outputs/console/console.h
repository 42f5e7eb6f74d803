/*
 * console: traces as trees on a terminal, each once it is complete.
 *
 *   trader · 09:12:33.123 · 236 ms · 3 spans · 1 error · trace 4bf92f3577b34da6a3ce929d0e0e4736
 *     worker-1             ━━━━━━━━━━━━━━━━━━━━━━━━   236 ms
 *     ├─ SELECT candles    ━━╸                       24.1 ms  3 rows  SELECT ts, price FROM candles WHERE market = ?
 *     └─ ✗ POST                  ╺━━━━━━━━━━━━━━━━━   166 ms  400  api.example.com/v1/orders
 *
 * A trace is complete when every span's parent is there (or is known to be elsewhere) and nothing came for a while.
 *
 * Context: loop; writing waits for the terminal, as everything that prints does. Ownership: spans are copied as far as
 * they are shown. Errors: none; what cannot be written is lost. Memory is bounded: beyond it the oldest traces are
 * printed as they are.
 */
#ifndef OTELSHIM_CONSOLE_H
#define OTELSHIM_CONSOLE_H

#include "telemetry/span.h"
#include <stdio.h>

struct console;

struct console_style {
    bool is_coloured, is_utf8;
    uint32_t columns;
};

#define CONSOLE_MAX_SPANS 20000u      /* held at once */
#define CONSOLE_QUIET_MS 150u         /* nothing new for so long: complete */
#define CONSOLE_REMOTE_QUIET_MS 1000u /* where the parent is elsewhere, more spans of the trace may follow */
#define CONSOLE_GIVE_UP_MS \
    90000u /* incomplete, and nothing new for so long (an episode lasts 60 s at most) */

/* What the terminal behind `out` can show. */
struct console_style console_style_of(FILE *out);

/* `out` stays the caller's. */
struct console *console_create(FILE *out, const struct console_style *style);
/* Prints nothing. NULL is fine. */
void console_destroy(struct console *console);

void console_add(struct console *console, const struct span *span, uint64_t now_ms);
/* Prints the traces that are complete. Returns in how many milliseconds to ask again, UINT32_MAX: after the next add. */
uint32_t console_print_due(struct console *console, uint64_t now_ms);
/* Prints everything. */
void console_flush(struct console *console);
bool console_is_empty(const struct console *console);

#endif

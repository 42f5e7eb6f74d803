#include "trader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void append(struct log *log, const char *line, size_t bytes)
{
    if (log->bytes + bytes + 1 > log->max_bytes) {
        size_t max_bytes = 2 * log->max_bytes + bytes + 256;
        char *text = realloc(log->text, max_bytes);
        if (!text)
            return;
        log->text = text;
        log->max_bytes = max_bytes;
    }
    memcpy(log->text + log->bytes, line, bytes + 1);
    log->bytes += bytes;
}

static size_t print_time(char *to, size_t max)
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    size_t bytes = strftime(to, max, "%H:%M:%S", &tm);
    return bytes + (size_t)snprintf(to + bytes, max - bytes, ".%03ld ", now.tv_nsec / 1000000);
}

/*
 * Lines of several threads that run side by side come out in a different order every time, so they are kept and
 * printed thread by thread at the end; where that end never comes, or there is one thread, they are printed at once.
 */
void log_line(struct log *log, const char *format, ...)
{
    char line[512];
    size_t bytes = log->has_time ? print_time(line, sizeof line) : 0;
    va_list args;

    bytes += (size_t)snprintf(line + bytes, sizeof line - bytes, "[%s] ", log->market);
    va_start(args, format);
    int wanted = vsnprintf(line + bytes, sizeof line - bytes - 1, format, args);
    va_end(args);
    if (wanted < 0)
        return;
    bytes = strlen(line);
    memcpy(line + bytes, "\n", 2);
    if (log->is_live)
        fputs(line, stdout);
    else
        append(log, line, bytes + 1);
}

void log_print(struct log *log)
{
    if (log->text)
        fputs(log->text, stdout);
    free(log->text);
    log->text = NULL;
    log->bytes = log->max_bytes = 0;
}

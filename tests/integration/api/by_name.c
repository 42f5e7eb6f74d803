/* As other languages do it: the functions that the library exports, looked up by name. Also what confstr(3) answers to others. */
#define OTELSHIM_TYPES_ONLY
#include "otelshim.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `otelshim_name` as `name` of the table. */
#define FIND(otelshim_name, name) \
    ((__typeof__(((struct otelshim_table *)0)->name))dlsym(RTLD_DEFAULT, #otelshim_name))

static void call_all(void)
{
    __typeof__(((struct otelshim_table *)0)->span_begin) span_begin = FIND(otelshim_span_begin, span_begin);
    if (!span_begin)
        return;
    const struct otelshim_attribute n = {"n", {.integer = 3}, OTELSHIM_TYPE_INT, 0};
    const struct otelshim_metric metric = {"by_name", NULL, NULL, OTELSHIM_COUNTER, 0};
    const struct otelshim_metric real = {"by_name.real", NULL, NULL, OTELSHIM_HISTOGRAM, 0};
    char trace[33], id[17];
    otelshim_span span = span_begin("by name", OTELSHIM_CONSUMER, &n, 1);
    FIND(otelshim_span_set, span_set)(span, &n, 1);
    FIND(otelshim_span_status, span_status)(span, OTELSHIM_STATUS_ERROR, "by name");
    FIND(otelshim_span_error, span_error)(span, "type", "message");
    FIND(otelshim_measure_int, measure_int)(&metric, 5, &n, 1);
    FIND(otelshim_measure_double, measure_double)(&real, 0.5, NULL, 0);
    FIND(otelshim_record, record)(OTELSHIM_EVENT, OTELSHIM_INFO, "by name", NULL, &n, 1);
    if (!FIND(otelshim_current, current)(trace, id) || strlen(trace) != 32 || strlen(id) != 16)
        puts("otelshim_current: no trace");
    char headers[OTELSHIM_SERVER_HEADERS];
    if (!FIND(otelshim_server_headers, server_headers)(span, "id", headers) ||
        strncmp(headers, "X-Request-ID: id\r\nX-Process-Time: ", 34) != 0)
        puts("otelshim_server_headers: nothing");
    FIND(otelshim_span_end, span_end)(span);
}

/* What is not our question is libc's to answer. */
static void ask_libc(void)
{
    char path[64];
    size_t bytes = confstr(_CS_PATH, path, sizeof(path));
    printf("%zu %s\n", bytes, path);
    errno = 0;
    bytes = confstr(OTELSHIM_ASK, path, sizeof(path));
    printf("%zu %s\n", bytes, strerror(errno));
    char question[sizeof(struct otelshim_question)] = "not the magic number";
    errno = 0;
    bytes = confstr(OTELSHIM_ASK, question, sizeof(question));
    printf("%zu %s %s\n", bytes, strerror(errno), question);
    printf("%zu\n", confstr(OTELSHIM_ASK, NULL, 0));
}

int main(void)
{
    call_all();
    ask_libc();
    return 0;
}

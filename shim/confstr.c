/*
 * confstr: how a program gets the functions of otelshim.h: it asks confstr(3) for a name that no libc knows. All else goes on to
 * libc.
 *
 *   traps    the answer holds for the life of the process, so an inert library answers as if it were not there. Sanitizers call
 *            confstr() before anything works, and ASan's interceptor takes the answer for the length of a text
 *
 * Context: hot, async-signal-safe; errno kept. Threads: any; before our constructor, too.
 */
#include "api.h"
#include "instrument/instrument.h"
#include "real_libc.h"
#include <string.h>
#include <unistd.h>

static bool is_our_question(int name, const char *buffer, size_t bytes,
                            struct otelshim_question *ret_question)
{
    if (name != OTELSHIM_ASK || !buffer || bytes != sizeof(*ret_question))
        return false;
    memcpy(ret_question, buffer, bytes);
    return ret_question->magic == OTELSHIM_ASK_MAGIC && ret_question->version >= api_table.version;
}

EXPORTED size_t confstr(int name, char *buffer, size_t bytes)
{
    static void *real;
    struct otelshim_question question;
    if (is_our_question(name, buffer, bytes, &question) && lifecycle_is_active()) {
        question.answer = &api_table;
        memcpy(buffer, &question, sizeof(question));
        return sizeof(question);
    }
    __typeof__(&confstr) next = (__typeof__(&confstr))libc_find_once(&real, "confstr");
    return next ? next(name, buffer, bytes) : 0;
}

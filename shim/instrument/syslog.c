/*
 * syslog: what the program tells the system's log.
 *
 *   begins   nothing: each syslog(3), vsyslog, and what -D_FORTIFY_SOURCE makes of them, is one log record
 *   copied   priority, the ident and facility of openlog(3), the format and its arguments raw, errno where %m prints it
 *   not read what setlogmask(3) drops, what libc itself would not print
 *   traps    the ident is the program's memory, which glibc reads at each call and musl once: copied at openlog. A variadic
 *            call goes on to the va_list function of the same libc: an interposer behind us that has only syslog() is
 *            passed by. libc's functions do not call each other through the PLT
 */
#include <syslog.h>

#include "instrument/instrument.h"
#include "log.h"
#include <stdarg.h>
#include <string.h>

/* -D_FORTIFY_SOURCE=1 and more; not declared without it. */
EXPORTED void __syslog_chk(int priority, int flag, const char *format, ...);
EXPORTED void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments);

#define ENTRY_POINTS(X) \
    X(syslog) X(vsyslog) X(__syslog_chk) X(__vsyslog_chk) X(openlog) X(closelog) X(setlogmask)
DEFINE_ENTRY_POINTS(ENTRY_POINTS);

#define IDENTITY_WORDS 8u /* musl takes 32 bytes */
#define ALL_LEVELS 0xffu

/* What the program has set, of the libc that has its calls. Relaxed atomics: two threads at once see either. */
static struct {
    uint64_t
        identity[IDENTITY_WORDS]; /* NUL-terminated; empty: the program's name, which the exporter knows */
    uint32_t facility;
    uint32_t mask;
} set = {.facility = LOG_USER, .mask = ALL_LEVELS};

static void set_identity(const char *identity)
{
    uint64_t words[IDENTITY_WORDS] = {0};
    if (identity)
        memcpy(words, identity, strnlen(identity, sizeof(words) - 1));
    for (unsigned i = 0; i < IDENTITY_WORDS; i++)
        __atomic_store_n(&set.identity[i], words[i], __ATOMIC_RELAXED);
}

static bool get_identity(uint64_t words[IDENTITY_WORDS])
{
    if (!__atomic_load_n(&set.identity[0], __ATOMIC_RELAXED)) /* no openlog(), as in most programs */
        return false;
    for (unsigned i = 0; i < IDENTITY_WORDS; i++)
        words[i] = __atomic_load_n(&set.identity[i], __ATOMIC_RELAXED);
    ((char *)words)[sizeof(*words) * IDENTITY_WORDS - 1] = 0; /* two openlog() at once */
    return *(const char *)words != 0;
}

/* Severities of OpenTelemetry's data model for syslog. */
static const uint8_t severities[] = {[LOG_EMERG] = 21,   [LOG_ALERT] = 19,  [LOG_CRIT] = 18, [LOG_ERR] = 17,
                                     [LOG_WARNING] = 13, [LOG_NOTICE] = 10, [LOG_INFO] = 9,  [LOG_DEBUG] = 5};

static bool is_wanted(int priority, const char *format)
{
    return format && settings_get()->syslog && lifecycle_is_active() &&
           __atomic_load_n(&set.mask, __ATOMIC_RELAXED) & LOG_MASK(LOG_PRI(priority));
}

static __attribute__((noinline)) void note(int priority, const char *format, va_list arguments,
                                           const void *frame)
{
    int error = errno;
    uint64_t identity[IDENTITY_WORDS];
    bool has_identity = get_identity(identity);
    uint32_t facility = priority & LOG_FACMASK ? 0 : __atomic_load_n(&set.facility, __ATOMIC_RELAXED);
    const struct log_head head = {.instrumentation = INSTRUMENT_syslog,
                                  .kind = WIRE_LOG_SYSLOG,
                                  .severity = severities[LOG_PRI(priority)],
                                  .frame = frame};
    const struct log_words words = {.format = format,
                                    .error = error,
                                    .is_urgent = LOG_PRI(priority) <= LOG_ERR,
                                    .has_priority = true,
                                    .priority = (priority & (LOG_PRIMASK | LOG_FACMASK)) | (int)facility,
                                    .identity = has_identity ? (const char *)identity : NULL};
    log_printf(&head, &words, arguments);
    errno = error;
}

#define NOTE(priority, format, arguments)                                  \
    do {                                                                   \
        if (is_wanted(priority, format))                                   \
            note(priority, format, arguments, __builtin_frame_address(0)); \
    } while (0)

EXPORTED void syslog(int priority, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    NOTE(priority, format, arguments);
    REAL(vsyslog)(priority, format, arguments);
    va_end(arguments);
}

EXPORTED void vsyslog(int priority, const char *format, va_list arguments)
{
    CALL_SITE;
    NOTE(priority, format, arguments);
    REAL(vsyslog)(priority, format, arguments);
}

EXPORTED void __syslog_chk(int priority, int flag, const char *format, ...)
{
    CALL_SITE;
    va_list arguments;
    va_start(arguments, format);
    NOTE(priority, format, arguments);
    REAL(__vsyslog_chk)(priority, flag, format, arguments);
    va_end(arguments);
}

EXPORTED void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
    CALL_SITE;
    NOTE(priority, format, arguments);
    REAL(__vsyslog_chk)(priority, flag, format, arguments);
}

EXPORTED void openlog(const char *identity, int options, int facility)
{
    CALL_SITE;
    REAL(openlog)(identity, options, facility);
    if (identity) /* else the one from before stays */
        set_identity(identity);
    if (!(facility & ~LOG_FACMASK))
        __atomic_store_n(&set.facility, (uint32_t)facility, __ATOMIC_RELAXED);
}

/* glibc forgets the ident there, musl does not: then the program's name is told a little too often. */
EXPORTED void closelog(void)
{
    CALL_SITE;
    REAL(closelog)();
    set_identity(NULL);
}

EXPORTED int setlogmask(int mask)
{
    CALL_SITE;
    int before = REAL(setlogmask)(mask);
    if (mask)
        __atomic_store_n(&set.mask, (uint32_t)mask, __ATOMIC_RELAXED);
    return before;
}

const struct instrumentation instrument_syslog = {
    .name = "syslog",
    .family = WIRE_INTERNAL,
    .entry_points = entry_points,
    .n_entry_points = N_ENTRY_POINTS,
};

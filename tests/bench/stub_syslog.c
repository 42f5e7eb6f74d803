/* stub_syslog: a syslog(3) that returns at once: what libc does for a message, system calls most of it, is a hundred times the shim's own. */
#include <stdarg.h>
#include <syslog.h>

void syslog(int priority, const char *format, ...)
{
    (void)priority;
    (void)format;
}

void vsyslog(int priority, const char *format, va_list arguments)
{
    (void)priority;
    (void)format;
    (void)arguments;
}

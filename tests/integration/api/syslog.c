/*
 * syslog(3) in its ways. With LOG_PERROR libc prints what it sends: that must not change.
 * With -D_FORTIFY_SOURCE=2 the same calls are __syslog_chk and __vsyslog_chk.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

__attribute__((format(printf, 2, 3))) static void say(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

int main(void)
{
    char identity[] = "trader";
    openlog(identity, LOG_PERROR, LOG_DAEMON);
    errno = ECONNREFUSED;
    syslog(LOG_ERR, "order %d of %s failed: %m", 7, "KRW-BTC");
    printf("errno: %d\n", errno);
    say(LOG_WARNING | LOG_LOCAL3, "%-8s|%5.2f|%*d|%.*s|%c|%#lx|%%", "left", 1.005, 6, 42, 3, "cut off", 'x',
        255L);
    int before = setlogmask(LOG_UPTO(LOG_WARNING));
    syslog(LOG_INFO, "dropped by the program's own mask");
    printf("mask: %#x\n", before);
    setlogmask(before);
    strcpy(identity, "other");
    syslog(LOG_NOTICE, "no arguments\n");
    closelog();
    openlog(NULL, LOG_PERROR | LOG_NDELAY, LOG_USER);
    syslog(LOG_CRIT, "잔액 %s", "부족");
    syslog(LOG_DEBUG, "%s", "");
    return 0;
}

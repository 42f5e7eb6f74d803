/* loop_stdio: lines to standard output. usage: loop_stdio write|printf|nothing LINES */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char line[] = "2026-11-22 01:40:00 INFO order 17 of KRW-BTC was placed at 50000\n";
    int n = argc > 2 ? atoi(argv[2]) : 0;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (int i = 0; i < n; i++) {
        if (!strcmp(argv[1], "write") && write(1, line, sizeof line - 1) < 0)
            return 1;
        if (!strcmp(argv[1], "printf"))
            fputs(line, stdout);
    }
    return 0;
}

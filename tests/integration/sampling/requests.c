/*
 * requests: HTTP requests as its standard input says, one line each: a path, or a number of milliseconds to wait. "x N PATH":
 * N times that path. Ends at the end of the input.
 *
 *   requests http://127.0.0.1:PORT
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t ignore(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

int main(int argc, char **argv)
{
    CURL *curl = curl_easy_init();
    char line[400], url[800], *path;
    if (argc != 2 || !curl)
        return 2;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        unsigned long n = 1;
        path = line;
        if (line[0] == 'x')
            n = strtoul(line + 1, &path, 10);
        path += strspn(path, " ");
        if (*path != '/') {
            usleep((useconds_t)strtoul(path, NULL, 10) * 1000);
            continue;
        }
        snprintf(url, sizeof(url), "%s%s", argv[1], path);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        for (; n; n--)
            curl_easy_perform(curl);
        puts(path);
        fflush(stdout);
    }
    curl_easy_cleanup(curl);
    return 0;
}

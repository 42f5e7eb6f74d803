/*
 * children: usage: children URL: what TRACEPARENT a child's exec passes on, from within a request and after it. Each child prints one
 * line: where it came from, and the variable.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int is_child; /* made by "returned": comes back through the wrapper */

static void execute(const char *where, char **environment)
{
    static char shell[] = "/bin/sh", option[] = "-c", script[] = "echo $0: ${TRACEPARENT:-none} ${MINE:-}";
    char *arguments[] = {shell, option, script, (char *)(size_t)where, NULL};
    execve(shell, arguments, environment);
    _exit(127);
}

static void wait_for(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    if (status)
        printf("status %d\n", status);
}

static void *execute_on_thread(void *where)
{
    execute(where, environ);
    return NULL;
}

static void make_children(const char *prefix)
{
    static char names[8][64];
    static const char *const kinds[] = {"fork", "vfork", "fork-fork", "own-environment", "thread"};
    static char mine[] = "MINE=1";
    char *own[] = {mine, NULL};
    for (unsigned i = 0; i < 5; i++)
        snprintf(names[i], sizeof(names[i]), "%s %s", prefix, kinds[i]);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        execute(names[0], environ);
    wait_for(pid);
    pid = vfork();
    if (pid == 0)
        execute(names[1], environ);
    wait_for(pid);
    pid = fork();
    if (pid == 0) {
        pid_t second = fork();
        if (second == 0)
            execute(names[2], environ);
        wait_for(second);
        _exit(0);
    }
    wait_for(pid);
    pid = fork();
    if (pid == 0)
        execute(names[3], own);
    wait_for(pid);
    pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, execute_on_thread, names[4]);
        pthread_join(thread, NULL);
        _exit(1);
    }
    wait_for(pid);
}

static size_t write_body(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    make_children("inside");
    pid_t pid = fork();
    is_child = pid == 0;
    if (pid > 0)
        wait_for(pid);
    return size * n;
}

int main(int argc, char **argv)
{
    CURL *curl = curl_easy_init();
    make_children("before");
    curl_easy_setopt(curl, CURLOPT_URL, argc > 1 ? argv[1] : "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_body);
    CURLcode code = curl_easy_perform(curl);
    if (is_child)
        execute("returned", environ);
    printf("%d\n", (int)code);
    make_children("after");
    curl_easy_cleanup(curl);
    return 0;
}

/*
 * child: a process forked by a thread, whose stack is not a first thread's. In it a callback calls the handle that is
 * running, which libcurl refuses: the request around it goes on.
 */
#include "http.h"
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static CURL *running;

static size_t call_again(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    (void)context;
    printf("again: %d\n", curl_easy_perform(running));
    return size * n;
}

static void *run(void *context)
{
    pid_t pid = fork();
    if (!pid) {
        running = new_handle("/small");
        curl_easy_setopt(running, CURLOPT_WRITEFUNCTION, call_again);
        printf("%d", curl_easy_perform(running));
        printf(" %ld\n", status_of(running));
        curl_easy_cleanup(running);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return context;
}

int main(void)
{
    pthread_t thread;
    curl_global_init(CURL_GLOBAL_ALL);
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, NULL);
    return 0;
}

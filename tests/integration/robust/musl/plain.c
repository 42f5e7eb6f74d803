/* plain: what any program does, without a library: threads, fork, vfork, exec of itself, exit. Built with musl-gcc, too. */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static _Thread_local int value;

static void *work(void *argument)
{
    value = *(int *)argument;
    usleep(1000);
    return value == *(int *)argument ? argument : NULL;
}

static int status_of(pid_t pid)
{
    int status = -1;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    pthread_t threads[50];
    int numbers[50], n_good = 0;
    if (argc > 1) {
        printf("%s: preload %s\n", argv[1], getenv("LD_PRELOAD") ? "handed on" : "none");
        return 5;
    }
    for (int i = 0; i < 50; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    }
    for (int i = 0; i < 50; i++) {
        void *result;
        pthread_join(threads[i], &result);
        n_good += result == &numbers[i];
    }
    printf("%d threads\n", n_good);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_create(&threads[0], NULL, work, &numbers[3]);
        pthread_join(threads[0], NULL);
        execl("/proc/self/exe", argv[0], "after fork", (char *)NULL);
        _exit(1);
    }
    printf("fork %d\n", status_of(pid));
    fflush(stdout);
    pid = vfork();
    if (pid == 0) {
        execl("/nonexistent", "x", (char *)NULL);
        execl("/proc/self/exe", argv[0], "after vfork", (char *)NULL);
        _exit(1);
    }
    printf("vfork %d\n", status_of(pid));
    fflush(stdout);
    char text[] = "spawned";
    char *const arguments[] = {argv[0], text, NULL};
    int error = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ);
    printf("spawn %d %d\n", error, status_of(pid));
    printf("%d\n", system("exit 4") >> 8);
    return 6;
}

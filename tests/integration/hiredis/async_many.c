/* async_many: more commands in flight than can be followed: each callback runs once, with its own data; then all again. */
#include "poll_loop.h"
#include <stdio.h>
#include <stdlib.h>

#define N_COMMANDS 9000

static struct poll_loop loop;
static bool is_done;
static int next, n_wrong;

static void count(redisAsyncContext *ac, void *reply_, void *data)
{
    const redisReply *reply = reply_;
    (void)ac;
    int number = *(const int *)data;
    n_wrong += number != next++ || !reply || atoi(reply->str) != number;
    is_done = next == N_COMMANDS;
}

int main(void)
{
    static int numbers[N_COMMANDS];
    redisAsyncContext *ac = redisAsyncConnect("127.0.0.1", atoi(getenv("REDIS_PORT")));
    loop_attach(&loop, ac);
    for (int round = 0; round < 2; round++) {
        next = 0;
        is_done = false;
        for (int i = 0; i < N_COMMANDS; i++) {
            numbers[i] = i;
            redisAsyncCommand(ac, count, &numbers[i], "ECHO %d", i);
        }
        loop_run(&loop, ac, &is_done, true);
        printf("%d called back, %d wrong\n", next, n_wrong);
    }
    redisAsyncFree(ac);
    return 0;
}

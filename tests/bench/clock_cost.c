/* clock_cost: prints the nanoseconds of one clock_gettime(CLOCK_MONOTONIC). */
#include <stdio.h>
#include <time.h>

#define TIMES 2000000

int main(void)
{
    struct timespec first, now;
    clock_gettime(CLOCK_MONOTONIC, &first);
    for (int i = 0; i < TIMES; i++)
        clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%.1f\n",
           ((double)(now.tv_sec - first.tv_sec) * 1e9 + (double)(now.tv_nsec - first.tv_nsec)) / TIMES);
    return 0;
}

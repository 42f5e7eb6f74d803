/* moved: goes to / before its first call. Linked with libpq. */
#include "odd.h"

int main(void)
{
    if (chdir("/") != 0)
        return 2;
    pq_call((struct pq){PQconnectdb, PQexec, PQclear, PQfinish}, 1, 1, 5);
    return 0;
}

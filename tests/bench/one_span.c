/* one_span: one call of the stub libpq, without connecting first. */
#include <libpq-fe.h>

int main(void)
{
    PQclear(PQexec(NULL, "SELECT 1"));
    return 0;
}

/* replication: COPY BOTH, whose data go both ways; other calls are refused meanwhile, and end nothing. Its commands take
 * no comment. */
#include <libpq-fe.h>
#include <stdio.h>

int main(void)
{
    char command[128];
    PGconn *conn = PQconnectdb("replication=true");
    PGresult *result = PQexec(conn, "IDENTIFY_SYSTEM");
    snprintf(command, sizeof(command), "START_REPLICATION PHYSICAL %s", PQgetvalue(result, 0, 2));
    PQclear(result);
    result = PQexec(conn, command);
    printf("%s\n", PQresStatus(PQresultStatus(result)));
    PQclear(result);
    printf("refused: %d\n", PQexec(conn, "IDENTIFY_SYSTEM") == NULL);
    PQputCopyEnd(conn, NULL);
    for (char *data; PQgetCopyData(conn, &data, 0) > 0;)
        PQfreemem(data);
    while ((result = PQgetResult(conn))) {
        printf("%s\n", PQresStatus(PQresultStatus(result)));
        PQclear(result);
    }
    result = PQexec(conn, "SHOW wal_level");
    printf("%s\n", PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(conn);
    return 0;
}

/* object: large objects and functions that are called without a statement. */
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION_INT4PL 177

static void add(PGconn *conn, int nargs)
{
    int sum = 0, bytes = 0;
    PQArgBlock args[2] = {{.len = 4, .isint = 1, .u = {.integer = 20}},
                          {.len = 4, .isint = 1, .u = {.integer = 22}}};
    PGresult *result = PQfn(conn, FUNCTION_INT4PL, &sum, &bytes, 1, args, nargs);
    printf("%s %d\n", PQresStatus(PQresultStatus(result)), sum);
    PQclear(result);
}

int main(void)
{
    char name[] = "object.txt", bytes[16] = "";
    PGconn *conn = PQconnectdb("");
    PQclear(PQexec(conn, "BEGIN"));
    Oid object = lo_creat(conn, INV_READ | INV_WRITE);
    int fd = lo_open(conn, object, INV_READ | INV_WRITE);
    printf("written %d\n", lo_write(conn, fd, "large object", 12));
    printf("at %d %ld\n", lo_lseek(conn, fd, 6, SEEK_SET), (long)lo_lseek64(conn, fd, 0, SEEK_CUR));
    printf("read %d %s\n", lo_read(conn, fd, bytes, sizeof(bytes)), bytes);
    printf("tell %d %ld\n", lo_tell(conn, fd), (long)lo_tell64(conn, fd));
    printf("cut %d %d\n", lo_truncate(conn, fd, 5), lo_truncate64(conn, fd, 5));
    printf("closed %d\n", lo_close(conn, fd));
    printf("exported %d\n", lo_export(conn, object, name));
    Oid second = lo_import(conn, name);
    printf("unlinked %d %d\n", lo_unlink(conn, object), lo_unlink(conn, second));
    printf("again %d\n", lo_import_with_oid(conn, name, second) == second);
    printf("made %d\n", lo_create(conn, object) == object);
    PQclear(PQexec(conn, "COMMIT"));
    add(conn, 2);
    add(conn, 1);
    printf("none: %d\n", lo_unlink(conn, 1));
    printf("no file: %u\n", lo_import(conn, "/no/such/file"));
    lo_unlink(conn, object);
    lo_unlink(conn, second);
    PQfinish(conn);
    remove(name);
    return 0;
}

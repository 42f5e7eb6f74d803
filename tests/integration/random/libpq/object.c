/* object: large objects. */
#include "world.h"
#include <libpq/libpq-fs.h>
#include <stdio.h>

static void said(struct world *w, const char *name, long value, bool has_failed)
{
    say(&w->base, "%s %ld\n", name, has_failed ? -1 : value);
    expect_span(&w->base, failed_if(has_failed), name);
}

void object_use(struct world *w, struct conn *conn)
{
    char bytes[32] = "";
    PGconn *pg = conn->pg;
    if (conn->n_queries || conn->is_connecting || conn_is_pipelined(conn))
        return;
    Oid oid;
    if (one_in(&w->base, 2)) {
        oid = lo_creat(pg, INV_READ | INV_WRITE);
        said(w, "lo_creat", oid > 0, oid == 0);
    } else {
        oid = lo_create(pg, 0);
        said(w, "lo_create", oid > 0, oid == 0);
    }
    int fd = lo_open(pg, oid, INV_READ | INV_WRITE);
    said(w, "lo_open", 0, fd < 0);
    for (uint32_t i = roll(&w->base, 5); i; i--) {
        long value;
        switch (roll(&w->base, 6)) {
        case 0:
            value = lo_write(pg, fd, "large object", 12);
            said(w, "lo_write", value, value < 0);
            break;
        case 1:
            value = lo_lseek(pg, fd, 3, SEEK_SET);
            said(w, "lo_lseek", value, value < 0);
            break;
        case 2:
            value = lo_read(pg, fd, bytes, 8);
            said(w, "lo_read", value, value < 0);
            break;
        case 3:
            value = lo_tell64(pg, fd);
            said(w, "lo_tell64", value, value < 0);
            break;
        case 4:
            value = lo_truncate(pg, fd, 5);
            said(w, "lo_truncate", value, value < 0);
            break;
        default:
            value = lo_import(pg, "/no/such/file");
            said(w, "lo_import", value, value == 0);
        }
    }
    if (one_in(&w->base, 2)) {
        int value = lo_close(pg, fd);
        said(w, "lo_close", value, value < 0);
    }
    int value = lo_unlink(pg, oid);
    said(w, "lo_unlink", value, value < 0);
}

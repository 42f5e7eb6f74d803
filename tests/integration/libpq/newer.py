"""newer: what libpq 17 and 18 added, by the libpq of psycopg's wheel: a second copy of the library, under another name."""
import ctypes
import glob
import os

import psycopg
from psycopg import pq

conn = pq.PGconn.connect(b"")


def results(what):
    rows = []
    while (result := conn.get_result()) is not None:
        rows.append(f"{pq.ExecStatus(result.status).name} {result.ntuples}")
    print(what, *rows)


print("libpq", pq.version() >= 180000)
conn.send_query_params(b"SELECT generate_series(1, 10)", None)
conn.set_chunked_rows_mode(4)
results("chunks")
conn.send_query_params(b"SELECT generate_series(1, 3)", None)
conn.set_single_row_mode()
results("single rows")

# PQclosePrepared, PQsendClosePrepared, PQclosePortal, PQsendClosePortal, by psycopg's binding.
conn.prepare(b"one", b"SELECT 1")
print(conn.exec_prepared(b"one", None).ntuples)
print(pq.ExecStatus(conn.close_prepared(b"one").status).name)
print(pq.ExecStatus(conn.exec_prepared(b"one", None).status).name)
conn.prepare(b"two", b"SELECT 2")
conn.send_close_prepared(b"two")
results("close")
print(pq.ExecStatus(conn.close_portal(b"none").status).name)
conn.send_close_portal(b"none")
results("close portal")

libpq = ctypes.CDLL(glob.glob(os.path.dirname(psycopg.__file__) + "_binary.libs/libpq-*.so*")[0])
conn.enter_pipeline_mode()
for text in b"SELECT 'a'", b"SELECT 1 / 0", b"SELECT 'b'":
    conn.send_query_params(text, None)
print("sync sent", libpq.PQsendPipelineSync(ctypes.c_void_p(conn.pgconn_ptr)))
conn.send_query_params(b"SELECT 'c'", None)
conn.pipeline_sync()
conn.flush()
for i in range(6):
    results(f"pipeline {i}") if i not in (3, 5) else print(pq.ExecStatus(conn.get_result().status).name)
conn.exit_pipeline_mode()
conn.finish()

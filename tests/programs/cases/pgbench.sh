#!/bin/sh
# pgbench.sh ARGUMENTS…: makes pgbench's tables, then runs it: 2 clients in 2 threads, 10 transactions each.
pgbench -i -q --init-steps=dtGvp >init.out 2>&1 || { cat init.out; exit 1; }
rm init.out
exec pgbench -n -c 2 -j 2 -t 10 --random-seed=7 "$@"

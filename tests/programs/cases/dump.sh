#!/bin/sh
# Dumps a database and restores it over two connections, under the name it has.
set -e
psql -qX -f "$CASES/dump.sql"
pg_dump -Fd -j2 -f dump
pg_restore -l dump >/dev/null
psql -qX -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public'
pg_restore -j2 -d "$PGDATABASE" dump
psql -qXAt -c 'SELECT count(*), sum(price) FROM orders'
rm -r dump # has the time of day

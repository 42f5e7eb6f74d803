#!/bin/sh
# unixODBC's isql over psqlODBC.
cat >odbc.ini <<END
[case]
Driver = /usr/lib/$(uname -m)-linux-gnu/odbc/psqlodbcw.so
Servername = $PGHOST
Port = $PGPORT
Database = $PGDATABASE
Username = $PGUSER
END
export ODBCINI=$PWD/odbc.ini
isql -b case <<END
CREATE TABLE prices (market text, price numeric)
INSERT INTO prices VALUES ('hunter2', 1.5), ('b', 2)
SELECT * FROM prices ORDER BY market
SELECT 1 / 0
END
status=$?
rm odbc.ini
echo "status $status"

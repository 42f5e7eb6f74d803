# pgtcl
package require Pgtcl
set connection [pg_connect -conninfo "dbname=$env(PGDATABASE)"]
pg_execute $connection "CREATE TABLE prices (market text, price numeric)"
pg_execute $connection "INSERT INTO prices VALUES ('hunter2', 1.5), ('b', 2)"
pg_select $connection "SELECT * FROM prices ORDER BY 1" row { puts "$row(market) $row(price)" }
set result [pg_exec $connection {SELECT market FROM prices WHERE price > $1} 1]
puts [pg_result $result -numTuples]
pg_result $result -clear
puts [catch {pg_execute $connection "SELECT 1 / 0"}]
pg_sendquery $connection "SELECT count(*) FROM prices"
set result [pg_getresult $connection]
puts [pg_result $result -getTuple 0]
pg_result $result -clear
pg_disconnect $connection

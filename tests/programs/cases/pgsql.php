<?php
// The pgsql functions, synchronous and not, then PDO.
$connection = pg_connect("dbname=" . getenv("PGDATABASE"));
pg_query($connection, "CREATE TABLE prices (market text, price numeric)");
pg_query_params($connection, 'INSERT INTO prices VALUES ($1, $2)', ["hunter2", 1.5]);
pg_prepare($connection, "cheap", 'SELECT market FROM prices WHERE price < $1');
foreach ([1, 2] as $limit)
    echo json_encode(pg_fetch_all(pg_execute($connection, "cheap", [$limit]))), "\n";
pg_send_query($connection, "SELECT 1 AS a; SELECT 2 AS b");
while ($result = pg_get_result($connection))
    echo json_encode(pg_fetch_all($result)), "\n";
pg_copy_from($connection, "prices", ["KRW-ETH\t2\n", "KRW-XRP\t3\n"]);
echo json_encode(pg_copy_to($connection, "prices")), "\n";
echo @pg_query($connection, "SELECT 1 / 0") ? "no error" : pg_last_error($connection), "\n";
pg_close($connection);

$pdo = new PDO("pgsql:dbname=" . getenv("PGDATABASE"));
echo $pdo->exec("UPDATE prices SET price = price + 1 WHERE market = 'hunter2'"), "\n";
$statement = $pdo->prepare("SELECT count(*) FROM prices WHERE price > ? AND market <> ?");
$statement->execute([2, "hunter2"]);
echo $statement->fetchColumn(), "\n";
foreach ($pdo->query("SELECT market FROM prices ORDER BY 1") as $row)
    echo $row["market"], "\n";
try {
    $pdo->query("SELECT nothing FROM prices");
} catch (PDOException $error) {
    echo $error->getCode(), "\n";
}

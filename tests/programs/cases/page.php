<?php
$handle = curl_init(getenv("WEB_URL") . "/small");
curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
echo curl_exec($handle);
$connection = pg_connect("dbname=" . getenv("PGDATABASE"));
echo pg_fetch_result(pg_query($connection, "SELECT count(*) FROM pg_class WHERE relname = 'hunter2'"), 0, 0), "\n";
$pdo = new PDO("pgsql:dbname=" . getenv("PGDATABASE"));
$statement = $pdo->prepare("SELECT ? || 'x'");
$statement->execute(["hunter2"]);
echo $statement->fetchColumn(), "\n";

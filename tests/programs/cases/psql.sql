\set ON_ERROR_STOP 0
CREATE TABLE prices (market text, price numeric);
INSERT INTO prices VALUES ('hunter2', 95.5), ('KRW-ETH', 3.25);
SELECT market FROM prices WHERE price > 4 AND market <> 'x' ORDER BY market;
SELECT 1 / 0;
SELEKT 1;
BEGIN \; SELECT count(*) FROM prices \; COMMIT;
COPY prices FROM STDIN;
KRW-XRP	0.5
KRW-ADA	0.25
\.
COPY (SELECT * FROM prices ORDER BY 1) TO STDOUT;
\copy prices TO 'prices.tsv'
PREPARE cheap (numeric) AS SELECT market FROM prices WHERE price < $1 ORDER BY 1;
EXECUTE cheap (3);
DEALLOCATE cheap;
\d prices
LISTEN news;
NOTIFY news, 'hunter2';
SELECT 'DROP TABLE prices' \gexec

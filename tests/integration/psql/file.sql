CREATE TEMP TABLE prices (market text, price numeric);
INSERT INTO prices VALUES ('KRW-BTC', 95000000), ('KRW-ETH', 4100000);
SELECT market FROM prices WHERE price > 5000000;
SELECT 1 / 0;

SET client_min_messages = warning;
CREATE TABLE markets (id serial PRIMARY KEY, name text UNIQUE);
CREATE TABLE orders (id serial PRIMARY KEY, market int REFERENCES markets (id), price numeric);
INSERT INTO markets (name) SELECT 'KRW-' || i FROM generate_series(1, 50) i;
INSERT INTO orders (market, price) SELECT 1 + i % 50, i FROM generate_series(1, 5000) i;
CREATE INDEX ON orders (price);
CREATE VIEW cheap AS SELECT * FROM orders WHERE price < 10;

"""psycopg2: cursors, COPY, a failed statement, a large object, an asynchronous connection."""
import io
import select

import psycopg2
import psycopg2.extras


def wait(connection):
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        reading = [connection] if state == psycopg2.extensions.POLL_READ else []
        writing = [connection] if state == psycopg2.extensions.POLL_WRITE else []
        select.select(reading, writing, [], 5)


with psycopg2.connect("") as connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE prices (market text, price numeric)")
    cursor.executemany("INSERT INTO prices VALUES (%s, %s)", [("hunter2", 1.5), ("KRW-ETH", 2)])
    cursor.copy_from(io.StringIO("KRW-XRP\t3\n"), "prices")
    psycopg2.extras.execute_values(cursor, "INSERT INTO prices VALUES %s", [("a", 1), ("b", 2)])
    cursor.execute("SELECT * FROM prices WHERE market = %s", ("hunter2",))
    print(cursor.fetchall())
    out = io.StringIO()
    cursor.copy_expert("COPY (SELECT count(*) FROM prices) TO STDOUT", out)
    print(out.getvalue(), end="")
    with connection.cursor("named") as named:
        named.itersize = 2
        named.execute("SELECT market FROM prices ORDER BY 1")
        print([row[0] for row in named])
connection.autocommit = True
with connection.cursor() as cursor:
    try:
        cursor.execute("SELECT * FROM nowhere")
    except psycopg2.Error as error:
        print(error.pgcode)
connection.close()

asynchronous = psycopg2.connect("", async_=True)
wait(asynchronous)
cursor = asynchronous.cursor()
cursor.execute("SELECT 1 + %s", (41,))
wait(asynchronous)
print(cursor.fetchone())
asynchronous.close()

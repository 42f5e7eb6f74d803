"""psycopg2: libpq in a module that Python opens with RTLD_LOCAL. Connection from PGHOST and friends."""
import psycopg2

connection = psycopg2.connect("")
cursor = connection.cursor()
cursor.execute("SELECT generate_series(1, %s)", (3,))
print(cursor.fetchall())
try:
    cursor.execute("SELECT * FROM no_such_table")
except psycopg2.Error as error:
    print(error.pgcode)
connection.close()

"""ctypes: functions of all three libraries by dlsym, called through libffi."""
import ctypes
import os

pq = ctypes.CDLL("libpq.so.5")
for name in ("PQconnectdb", "PQexec", "PQexecParams"):
    getattr(pq, name).restype = ctypes.c_void_p
pq.PQgetvalue.restype = ctypes.c_char_p
connection = ctypes.c_void_p(pq.PQconnectdb(b""))
for statement in (b"SELECT 40 + 2", b"SELECT 'hunter2' || 'x'", b"SELECT 1 / 0"):
    result = ctypes.c_void_p(pq.PQexec(connection, statement))
    print(pq.PQresultStatus(result), pq.PQgetvalue(result, 0, 0) if pq.PQntuples(result) else None)
    pq.PQclear(result)
values = (ctypes.c_char_p * 1)(b"7")
result = ctypes.c_void_p(pq.PQexecParams(connection, b"SELECT $1::int + 1", 1, None, values, None, None, 0))
print(pq.PQgetvalue(result, 0, 0))
pq.PQclear(result)
pq.PQfinish(connection)

curl = ctypes.CDLL("libcurl.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
WRITE = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p)
received = []
write = WRITE(lambda data, size, n, _: received.append(ctypes.string_at(data, size * n)) or size * n)
handle = ctypes.c_void_p(curl.curl_easy_init())
for path in ("/small", "/status/404"):
    curl.curl_easy_setopt(handle, 10002, ctypes.c_char_p((os.environ["WEB_URL"] + path).encode()))
    curl.curl_easy_setopt(handle, 20011, write)
    print(curl.curl_easy_perform(handle))
print(received[0])
curl.curl_easy_cleanup(handle)

redis = ctypes.CDLL("libhiredis.so.0.14")
redis.redisConnect.restype = redis.redisCommand.restype = ctypes.c_void_p
context = ctypes.c_void_p(redis.redisConnect(os.environ["REDIS_HOST"].encode(), int(os.environ["REDIS_PORT"])))
for command in ((b"SET %s %s", b"key", b"hunter2"), (b"INCR counter",), (b"LPUSH key x",)):
    reply = ctypes.c_void_p(redis.redisCommand(context, *command))
    print(ctypes.c_int.from_address(reply.value).value)
    redis.freeReplyObject(reply)
redis.redisFree(context)

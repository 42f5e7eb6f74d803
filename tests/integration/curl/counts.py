"""counts.py FILE…: the numbers a traced process counted without a span (struct wire_count), from its mapped file."""
import struct
import sys

NAMES = {1: "open_connections", 2: "messages_sent", 3: "messages_received"}
RECORD_COUNT = 4

for path in sys.argv[1:]:
    data = open(path, "rb").read()
    parts = [struct.unpack_from("<QII", data, 32 + 16 * i) for i in range(7)]
    lines, chunks = parts[0], parts[6]
    found = []
    for i in range(chunks[1]):
        word = struct.unpack_from("<Q", data, lines[0] + i * lines[2])[0]
        at = chunks[0] + i * chunks[2]
        end = at + (word & 0xfff) * 8
        while at < end:
            n_bytes, kind = struct.unpack_from("<IH", data, at)
            if kind == RECORD_COUNT:
                mono_ns, delta, _, _, counter = struct.unpack_from("<QqIHH", data, at + 8)
                found.append((mono_ns, f"{NAMES.get(counter, counter)} {delta}"))
            at += n_bytes
    for _, line in sorted(found):
        print(line)

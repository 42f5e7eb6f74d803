"""What lies in the drop box of processes that have ended: pieces of standard output and error, without an exporter."""
import struct
from collections import defaultdict

MAGIC = 0x4D4948534C45544F
CHUNK_BYTES, BYTES_MASK = 16 << 10, 0xFFF
LOG, OUTPUT, BODY = 5, 7, 88
STATE, COUNTERS = 272, 1024  # in struct wire_header; behind it
NO_CHUNK_LOG, NO_STDIO = 11, 14


def parts(image):
    """Offset and count of each part, by its place in struct wire_header."""
    return [struct.unpack_from("<QI", image, 32 + 16 * i) for i in range(7)]


def records(image):
    lines, chunks = parts(image)[0], parts(image)[6]
    for i in range(lines[1]):
        word = struct.unpack_from("<Q", image, lines[0] + 64 * i)[0]
        at, end = (chunks[0] + CHUNK_BYTES * i + n for n in (0, 8 * (word & BYTES_MASK)))
        while at < end:
            length, kind = struct.unpack_from("<IH", image, at)
            if not length:
                break
            yield kind, image[at:at + length]
            at += length


class Process:
    """What a file says: its pieces by stream, each (number, bytes, trace id), and what was dropped."""

    def __init__(self, path):
        image = path.read_bytes()
        self.is_whole = len(image) > 4096 and struct.unpack_from("<Q", image)[0] == MAGIC
        self.pieces = defaultdict(list)
        if not self.is_whole:
            return
        self.pid = struct.unpack_from("<I", image, 184)[0]
        self.state = struct.unpack_from("<I", image, STATE)[0]
        self.dropped = {i: n for i, n in enumerate(struct.unpack_from("<32Q", image, COUNTERS)) if n}
        for kind, record in records(image):
            if kind == LOG and record[46] == OUTPUT:
                self.add(record)
        for pieces in self.pieces.values():
            pieces.sort()

    def add(self, record):
        key, _, _, length, _ = struct.unpack_from("<HBBHH", record, 56)
        assert key == BODY and length, f"a piece without its bytes: {record!r}"
        self.pieces[record[49]].append((struct.unpack_from("<I", record, 52)[0], record[64:64 + length], record[8:24].hex()))

    def bytes_of(self, stream):
        return b"".join(piece[1] for piece in self.pieces[stream])

    def numbers_of(self, stream):
        return [piece[0] for piece in self.pieces[stream]]


def read(directory):
    """Every process that has left a file."""
    found = [Process(path) for path in sorted(directory.iterdir()) if path.is_file() and path.stat().st_size > 4096]
    return [process for process in found if process.is_whole]

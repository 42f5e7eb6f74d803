"""Who died where, out of a core file's notes: siginfo and program counter of the thread that died."""
import struct

NT_PRSTATUS, NT_SIGINFO, NT_FILE = 1, 0x53494749, 0x46494c45
PC_OFFSET = {62: 112 + 16 * 8, 183: 112 + 32 * 8}  # e_machine: of rip, pc in struct elf_prstatus
SP_OFFSET = {62: 112 + 19 * 8, 183: 112 + 31 * 8}


def notes_of(data):
    (offset,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<HH", data, 54)
    for i in range(count):
        kind, _, at, _, _, n_bytes = struct.unpack_from("<IIQQQQ", data, offset + i * size)
        end = at + n_bytes
        while kind == 4 and at + 12 <= end:
            name_bytes, note_bytes, note = struct.unpack_from("<III", data, at)
            at += 12 + (name_bytes + 3 & ~3)
            yield note, data[at:at + note_bytes]
            at += note_bytes + 3 & ~3


def files_of(note):
    count, page = struct.unpack_from("<QQ", note)
    names = note[16 + 24 * count:].split(b"\0")
    for i in range(count):
        low, high, offset = struct.unpack_from("<QQQ", note, 16 + 24 * i)
        yield low, high, offset * page, names[i].decode().rsplit("/", 1)[-1]


def place(address, files, stack_pointer):
    """An address as it can be compared between two runs: of a file, near the stack pointer, or of no meaning (0, #GP)."""
    for low, high, offset, name in files:
        if low <= address < high:
            return f"{name}+{address - low + offset:#x}"
    if address < 1 << 16 or address >= 1 << 47:
        return hex(address)
    if abs(address - stack_pointer) < 1 << 20:
        return "near the stack pointer"
    return "elsewhere"


class Core:
    """`where` and `siginfo` are texts, made to be compared."""

    def __init__(self, path):
        data = path.read_bytes()
        machine, = struct.unpack_from("<H", data, 18)
        first = {}
        for kind, note in notes_of(data):
            first.setdefault(kind, note)
        files = list(files_of(first[NT_FILE])) if NT_FILE in first else []
        status = first[NT_PRSTATUS]
        pc, = struct.unpack_from("<Q", status, PC_OFFSET[machine])
        sp, = struct.unpack_from("<Q", status, SP_OFFSET[machine])
        signal, errno, code = struct.unpack_from("<iii", first[NT_SIGINFO])
        self.where = place(pc, files, sp)
        if code > 0 and code != 0x80:
            address, = struct.unpack_from("<Q", first[NT_SIGINFO], 16)
            self.siginfo = f"{signal} code {code} errno {errno} at {place(address, files, sp)}"
        else:
            _, uid, value = struct.unpack_from("<iIQ", first[NT_SIGINFO], 16)
            self.siginfo = f"{signal} code {code} errno {errno} uid {uid}" + (f" value {value}" if code == -1 else "")

    def __str__(self):
        return f"siginfo {self.siginfo}, pc {self.where}"

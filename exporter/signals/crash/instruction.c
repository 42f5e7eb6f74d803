/* instruction: see instruction.h. */
#include "signals/crash/instruction.h"

#include <elf.h>
#include <string.h>

#define WIDEST_ACCESS 64u
#define AARCH64_REACH 65536u
#define AARCH64_SP 31

/* In the order of the instruction's numbers: rax rcx rdx rbx rsp rbp rsi rdi. */
static const int dwarf_of[8] = {0, 2, 1, 3, 7, 6, 4, 5};
enum { RSI = 4, RDI = 5, RSP = 7 };

struct reader {
    const uint8_t *code;
    size_t n, at;
    uint8_t rex; /* bits 2 R, 1 X, 0 B */
    bool is_segment;
};

static uint8_t take(struct reader *reader)
{
    return reader->at < reader->n ? reader->code[reader->at++] : (reader->at = reader->n + 1, 0);
}

static int register_of(unsigned number, bool is_extended)
{
    return is_extended ? (int)number + 8 : dwarf_of[number];
}

/* Returns the opcode, the reader behind it; 0x0f.. ones as 0x100 and more. */
static unsigned read_opcode(struct reader *reader)
{
    uint8_t byte = take(reader);
    while (byte && strchr("\x66\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65", byte)) {
        reader->is_segment |= byte == 0x64 || byte == 0x65;
        byte = take(reader);
    }
    if ((byte & 0xf0) == 0x40) {
        reader->rex = byte & 7;
        byte = take(reader);
    }
    if (byte == 0xc5) {
        take(reader);
        return 0x100u | take(reader);
    }
    if (byte == 0xc4 || byte == 0x62) {
        reader->rex = (uint8_t)(~take(reader) >> 5 & 7);
        for (unsigned i = byte == 0xc4 ? 1 : 2; i; i--)
            take(reader);
        return 0x100u | take(reader);
    }
    if (byte != 0x0f)
        return byte;
    byte = take(reader);
    return 0x100u | (byte == 0x38 || byte == 0x3a ? take(reader) : byte);
}

/* push, pop, call, ret and the string instructions have no operand bytes. */
static bool find_implied(unsigned opcode, const uint64_t *registers, struct operand *operand)
{
    int base;
    int64_t displacement = 0;
    if (opcode == 0xe8 || (opcode >= 0x50 && opcode <= 0x57) || opcode == 0x68 || opcode == 0x6a) {
        base = RSP;
        displacement = -8;
    } else if (opcode == 0xc3 || (opcode >= 0x58 && opcode <= 0x5f)) {
        base = RSP;
    } else if (opcode == 0xa4 || opcode == 0xa5 || opcode == 0xaa || opcode == 0xab || opcode == 0xae) {
        base = RDI;
    } else if (opcode == 0xac || opcode == 0xad || opcode == 0xa6) {
        base = RSI;
    } else {
        return false;
    }
    *operand = (struct operand){base, -1, registers[base] + (uint64_t)displacement};
    return true;
}

static uint64_t read_displacement(struct reader *reader, unsigned mode, bool is_bare)
{
    if (mode == 1)
        return (uint64_t)(int64_t)(int8_t)take(reader);
    if (mode != 2 && !is_bare)
        return 0;
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)take(reader) << 8 * i;
    return (uint64_t)(int64_t)(int32_t)value;
}

static bool find_x86_64(const uint8_t *code, size_t n_code, const uint64_t *registers,
                        struct operand *operand)
{
    struct reader reader = {.code = code, .n = n_code};
    unsigned opcode = read_opcode(&reader);
    if (reader.is_segment)
        return false;
    if (find_implied(opcode, registers, operand))
        return true;
    uint8_t modrm = take(&reader);
    unsigned mode = modrm >> 6, rm = modrm & 7;
    bool is_relative = mode == 0 && rm == 5;
    if (mode == 3 || is_relative)
        return false;
    *operand = (struct operand){register_of(rm, reader.rex & 1), -1, 0};
    bool is_bare = false;
    unsigned scale = 0;
    if (rm == 4) {
        uint8_t sib = take(&reader);
        unsigned index = sib >> 3 & 7;
        is_bare = (sib & 7) == 5 && mode == 0;
        scale = sib >> 6;
        operand->base = is_bare ? -1 : register_of(sib & 7, reader.rex & 1);
        operand->index = index == 4 && !(reader.rex & 2) ? -1 : register_of(index, reader.rex & 2);
    }
    operand->address = read_displacement(&reader, mode, is_bare);
    if (operand->base >= 0)
        operand->address += registers[operand->base];
    if (operand->index >= 0)
        operand->address += registers[operand->index] << scale;
    return reader.at <= reader.n;
}

static bool find_aarch64(const uint8_t *code, size_t n_code, const uint64_t *registers,
                         struct operand *operand)
{
    uint32_t word;
    if (n_code < sizeof(word))
        return false;
    memcpy(&word, code, sizeof(word));
    bool is_load_store = (word >> 25 & 5) == 4;
    int base = (int)(word >> 5 & 31);
    *operand = (struct operand){base, -1, registers[base]};
    return is_load_store;
}

bool instruction_find_operand(uint16_t machine, const uint8_t *code, size_t n_code, const uint64_t *registers,
                              struct operand *ret_operand)
{
    if (!n_code)
        return false;
    return machine == EM_AARCH64 ? find_aarch64(code, n_code, registers, ret_operand)
                                 : find_x86_64(code, n_code, registers, ret_operand);
}

/* A wide access names the first byte of the page that is missing. Of aarch64's forms only the base is read. */
bool instruction_explains(uint16_t machine, const struct operand *operand, const uint64_t *registers,
                          uint64_t address)
{
    if (machine != EM_AARCH64)
        return address - operand->address < WIDEST_ACCESS;
    uint64_t base = registers[operand->base];
    return address - base < AARCH64_REACH || base - address < AARCH64_REACH;
}

const char *instruction_register_name(uint16_t machine, unsigned number)
{
    static const char *const x86_64[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                         "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags"};
    static const char *const aarch64[] = {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",    "x7",  "x8",
                                          "x9",  "x10", "x11", "x12", "x13", "x14", "x15",   "x16", "x17",
                                          "x18", "x19", "x20", "x21", "x22", "x23", "x24",   "x25", "x26",
                                          "x27", "x28", "x29", "x30", "sp",  "pc",  "pstate"};
    if (machine == EM_AARCH64)
        return number < sizeof(aarch64) / sizeof(aarch64[0]) ? aarch64[number] : NULL;
    return number < sizeof(x86_64) / sizeof(x86_64[0]) ? x86_64[number] : NULL;
}

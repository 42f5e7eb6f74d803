/*
 * memory: the crashed process's memory: what was captured, and behind it what the files say.
 *
 * Only little is captured: the stack, some pages. Code, unwind tables and constants are as in their files, as long as the build id
 * does not say that the file is another.
 */
#include "symbols_priv.h"

#include <libelf.h>
#include <string.h>

static bool copy_of_file(struct symbols *symbols, uint64_t address, void *to, size_t bytes)
{
    const struct symbols_module *module = modules_find(symbols, address);
    struct object *object = module ? objects_find(symbols, address) : NULL;
    GElf_Addr bias;
    size_t size = 0;
    if (!object || !object->dwfl || module->is_writable || bytes > module->high - address)
        return false;
    if (object->is_vdso) {
        if (!symbols->vdso || address - object->low > VDSO_MAX_BYTES - bytes)
            return false;
        memcpy(to, symbols->vdso + (address - object->low), bytes);
        return true;
    }
    Elf *elf = dwfl_module_getelf(object->dwfl, &bias);
    const char *file = elf ? elf_rawfile(elf, &size) : NULL;
    uint64_t offset = address - module->low + module->file_offset;
    if (!file || offset > size || bytes > size - offset)
        return false;
    memcpy(to, file + offset, bytes);
    return true;
}

bool memory_copy(struct symbols *symbols, uint64_t address, void *to, size_t bytes)
{
    const struct symbols_input *input = symbols->input;
    return (input->read && input->read(input->context, address, to, bytes)) ||
           copy_of_file(symbols, address, to, bytes);
}

bool is_code(const struct symbols *symbols, uint64_t address)
{
    const struct symbols_module *module = modules_find(symbols, address);
    return module && module->is_executable;
}

/* Pointer authentication and tags live above bit 47 of user space's addresses; XPACI itself does nothing else. */
uint64_t memory_strip(const struct symbols *symbols, uint64_t word)
{
    uint64_t stripped = word & ((UINT64_C(1) << 48) - 1);
    if (symbols->input->machine != EM_AARCH64 || word == stripped || !is_code(symbols, stripped))
        return word;
    return stripped;
}

bool memory_word(struct symbols *symbols, uint64_t address, uint64_t *ret_word)
{
    const struct symbols_module *module = modules_find(symbols, address);
    uint64_t word;
    if (!memory_copy(symbols, address, &word, sizeof(word)))
        return false;
    /* nobody saves a return address where nobody can write */
    *ret_word = module && !module->is_writable ? word : memory_strip(symbols, word);
    return true;
}

/* call rel32 (e8), call r/m (ff /2) in its lengths of 2 to 7 bytes, with or without a prefix. */
static bool is_call_before(const uint8_t code[8])
{
    if (code[3] == 0xe8)
        return true;
    for (unsigned length = 2; length <= 7; length++) {
        const uint8_t *at = code + 8 - length;
        unsigned mod = at[1] >> 6, rm = at[1] & 7;
        unsigned expected = 2 +
                            (mod == 1   ? 1
                             : mod == 2 ? 4
                                        : 0) +
                            (mod != 3 && rm == 4) + (mod == 0 && rm == 5 ? 4 : 0);
        if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 && expected == length)
            return true;
    }
    return false;
}

bool is_return_address(struct symbols *symbols, uint64_t address)
{
    uint8_t code[8];
    uint32_t instruction;
    if (address < 8 || !is_code(symbols, address) || !is_code(symbols, address - 1))
        return false;
    if (symbols->input->machine == EM_X86_64)
        return memory_copy(symbols, address - sizeof(code), code, sizeof(code)) ? is_call_before(code) : true;
    if (address & 3)
        return false;
    if (!memory_copy(symbols, address - 4, &instruction, 4))
        return true;
    return instruction >> 26 == 0x25 || (instruction & 0xfffff000u) == 0xd73f0000u ||
           (instruction & 0xfffffc1fu) == 0xd63f0000u; /* bl, blraa and its like, blr */
}

/*
 * Any bytes as what is left of a process: the first half a file that it ran, the second its maps, stack and registers.
 *
 *   u16 bytes of the file, u16 bytes of maps, file, maps, stack (at 0x10000; the registers are its first words)
 *
 * The file is mapped at 0x400000 besides what the maps say.
 */
#include "symbols.h"
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *bytes;
    size_t n;
};

static bool read_memory(void *context, uint64_t address, void *to, size_t bytes)
{
    const struct memory *memory = context;
    if (address < 0x10000 || address - 0x10000 > memory->n || bytes > memory->n - (address - 0x10000))
        return false;
    memcpy(to, memory->bytes + (address - 0x10000), bytes);
    return true;
}

static size_t use(const struct symbols_stack *stack)
{
    size_t n = stack->end_reason ? strlen(stack->end_reason) : 0;
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct symbols_frame *frame = &stack->frames[i];
        n += frame->function ? strlen(frame->function) : 0;
        n += frame->file ? strlen(frame->file) : 0;
        n += frame->module ? strlen(frame->module) : 0;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t bytes[2] = {0};
    struct symbols_modules modules;
    struct symbols *symbols;
    char path[64];
    if (size < sizeof(bytes))
        return 0;
    memcpy(bytes, data, sizeof(bytes));
    data += sizeof(bytes), size -= sizeof(bytes);
    size_t n_file = bytes[0] < size ? bytes[0] : size;
    size_t n_maps = bytes[1] < size - n_file ? bytes[1] : size - n_file;
    struct memory memory = {data + n_file + n_maps, size - n_file - n_maps};
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, n_file) != (ssize_t)n_file)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (symbols_parse_maps((const char *)data + n_file, n_maps, &modules) != 0)
        abort();
    struct symbols_module file = {
        .low = 0x400000, .high = 0x420000, .bias = UINT64_MAX, .path = path, .is_executable = true};
    symbols_add_object(&modules, &file);
    struct symbols_input input = {.machine = EM_X86_64,
                                  .modules = modules.items,
                                  .n_modules = modules.n,
                                  .read = read_memory,
                                  .context = &memory,
                                  .perf_map = (const char *)data,
                                  .perf_map_bytes = size};
    if (symbols_open(&symbols, &input) == 0) {
        uint64_t registers[SYMBOLS_REGISTERS] = {[6] = 0x10040, [7] = 0x10000, [16] = 0x401136};
        memcpy(registers, memory.bytes, memory.n < 17 * 8 ? memory.n : 17 * 8);
        size_t n = use(symbols_walk(symbols, registers));
        for (uint64_t at = 0x400040; at < 0x400600; at += 0x20)
            n += use(symbols_name(symbols, at));
        n += use(symbols_name_offset(symbols, path, NULL, 0x120));
        if (n == SIZE_MAX)
            abort();
        symbols_close(symbols);
    }
    symbols_modules_fini(&modules);
    close(fd);
    return 0;
}

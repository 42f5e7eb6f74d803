/*
 * instruction: which register the address of a fault came from, by the bytes of the instruction.
 *
 * No disassembler: only the memory operand is read, and what comes out counts only where it makes the address that the kernel
 * named. Context: any; pure; hostile input.
 */
#ifndef OTELSHIM_CRASH_INSTRUCTION_H
#define OTELSHIM_CRASH_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct operand {
    int base, index; /* DWARF numbers; -1 none */
    uint64_t address;
};

/* False: no memory operand that could be understood. */
bool instruction_find_operand(uint16_t machine, const uint8_t *code, size_t n_code, const uint64_t *registers,
                              struct operand *ret_operand);
/* May this operand have made a fault at that address? */
bool instruction_explains(uint16_t machine, const struct operand *operand, const uint64_t *registers,
                          uint64_t address);
/* "rax", "x3", "sp"; NULL beyond those of the machine. */
const char *instruction_register_name(uint16_t machine, unsigned number);

#endif

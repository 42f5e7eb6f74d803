/*
 * crash_slot: what a UNIX signal handler of the shim leaves in the crash slot of the mapped file (shim/wire/README.md).
 *
 *   offset in the slot
 *   0        struct wire_crash       the crash: who, why, registers, where the rest lies
 *   8 KiB    the stack               from the stack pointer upwards, less a red zone of 128 bytes
 *   72 KiB   the interrupted stack   where the handler's thread stood on an alternate stack; else nothing
 *   88 KiB   modules                 struct wire_module, each with its path behind it
 *   104 KiB  faults                  struct wire_fault: the last fault of each thread that the program handles itself
 *
 * Who reads: `state` grows while the handler works, so a process that dies in the middle still leaves what was whole: registers
 * first, then stacks, then modules. Everything is hostile to its reader. [host] but for the words of struct wire_exporter.
 */
#ifndef OTELSHIM_WIRE_CRASH_SLOT_H
#define OTELSHIM_WIRE_CRASH_SLOT_H

#include <wire.h>

#define WIRE_CRASH_STACK_OFFSET (8u << 10)
#define WIRE_CRASH_STACK_MAX (64u << 10)
#define WIRE_CRASH_OUTER_OFFSET (72u << 10)
#define WIRE_CRASH_OUTER_MAX (16u << 10)
#define WIRE_CRASH_MODULES_OFFSET (88u << 10)
#define WIRE_CRASH_MODULES_MAX (16u << 10)
#define WIRE_CRASH_FAULTS_OFFSET (104u << 10)
#define WIRE_CRASH_FAULTS 32u

/* Registers by their DWARF numbers: x86-64 0-15 and 16 = rip; aarch64 0-30, 31 = sp, 32 = pc. What has no such number follows. */
#define WIRE_REGISTERS 40u
#define WIRE_X86_64_IP 16u
#define WIRE_X86_64_FLAGS 17u
#define WIRE_X86_64_ERROR 18u /* page-fault error code: 1 present, 2 write, 16 instruction fetch */
#define WIRE_X86_64_TRAP 19u
#define WIRE_AARCH64_SP 31u
#define WIRE_AARCH64_PC 32u
#define WIRE_AARCH64_PSTATE 33u
#define WIRE_AARCH64_FAULT 34u /* fault_address of the sigcontext */
#define WIRE_AARCH64_ESR 35u   /* of the esr_context; 0 none */

enum wire_fault_kind {
    WIRE_FAULT_FATAL = 1,   /* nothing of the program handles it */
    WIRE_FAULT_HANDLED = 2, /* the program has a handler: a crash only if the process then dies of it */
    WIRE_FAULT_OTHER = 3,   /* fatal too, on another thread, while the first was being captured */
    WIRE_FAULT_ASKED =
        4, /* nothing is wrong: SIGQUIT asks for the stacks (OTELSHIM_CRASH_QUIT); the process goes on */
};

#define WIRE_FAULT_ON_ALTERNATE 1u /* the stack pointer lay on an alternate stack when it happened */
#define WIRE_FAULT_BLOCKED_ABORT \
    2u /* SIGABRT was set to its default, as no room was left for another frame */
#define WIRE_FAULT_EXITED_INSIDE 4u /* the process exited while the program's handler for it was running */

struct wire_fault {
    uint32_t sequence; /* odd while it is written; 0 never used */
    uint32_t tid;      /* claim word of an entry of the table: 0 free */
    uint32_t pid;      /* raw getpid(): of a vfork child not the file's */
    uint16_t machine;  /* EM_X86_64, EM_AARCH64 */
    uint8_t kind;      /* enum wire_fault_kind */
    uint8_t flags;     /* WIRE_FAULT_… */
    uint64_t mono_ns;
    uint64_t repeats; /* the same fault again: same place, address and stack pointer */
    char thread_name[16];
    uint8_t siginfo[128]; /* siginfo_t as the kernel gave it */
    uint64_t registers[WIRE_REGISTERS];
    uint64_t stack_low, stack_high; /* the alternate stack in use, when ON_ALTERNATE */
    uint64_t context;               /* address of the ucontext_t that the handlers were given */
    uint64_t reserved[11];
};
static_assert(sizeof(struct wire_fault) == 608, "32 faults fit behind the modules");
static_assert(WIRE_CRASH_FAULTS_OFFSET + WIRE_CRASH_FAULTS * sizeof(struct wire_fault) <=
                  WIRE_CRASH_SLOT_BYTES,
              "fits");

enum wire_crash_state {
    WIRE_CRASH_NONE = 0,
    WIRE_CRASH_CLAIMED = 1,
    WIRE_CRASH_REGISTERS = 2, /* `fault` and `message` are whole */
    WIRE_CRASH_STACK = 3,     /* both stacks too */
    WIRE_CRASH_WHOLE = 4,     /* and the modules: nothing more comes */
};

#define WIRE_CRASH_CUT_MODULES 1u /* more modules than fitted, or the list did not end */
#define WIRE_CRASH_MESSAGE_MAX 1024u
#define WIRE_THROWN_FRAMES 32u

struct wire_crash {
    uint32_t state; /* enum wire_crash_state; raised by release stores */
    uint32_t
        sequence; /* number of this crash in the file, from 1: `captured` of struct wire_exporter becomes it */
    uint32_t flags; /* WIRE_CRASH_… */
    uint32_t n_modules;
    struct wire_fault fault;
    uint64_t stack_from, outer_from; /* address of the first byte of each stack */
    uint32_t stack_bytes, outer_bytes;
    uint32_t modules_bytes;
    uint32_t message_bytes;
    uint8_t
        message[WIRE_CRASH_MESSAGE_MAX]; /* __abort_msg of glibc: assert, malloc, stack smashing, FORTIFY */
    /* the last C++ exception that the thread threw and nobody has caught: all zero where there is none */
    uint32_t thrown_bytes, n_thrown_frames;
    uint8_t thrown_type[256]; /* mangled name of its type */
    uint8_t thrown_what[256]; /* what(), where it has one; NUL-terminated */
    uint64_t thrown_frames[WIRE_THROWN_FRAMES];
    uint64_t reserved[16];
};
static_assert(sizeof(struct wire_crash) <= WIRE_CRASH_STACK_OFFSET, "in front of the stack");

/* One loaded object, from the loader's list; in the order of the list, the program first. */
struct wire_module {
    uint32_t bytes; /* of this and what follows, a multiple of 8 */
    uint16_t path_bytes;
    uint8_t build_id_bytes; /* 0 none or not readable */
    uint8_t reserved;
    uint64_t bias;      /* l_addr: add to an address of the file */
    uint64_t low, high; /* [low, high) of its loaded segments */
    uint8_t build_id[24];
    /* the path follows, not NUL-terminated; empty for the program itself and the vDSO */
};
static_assert(sizeof(struct wire_module) == 56, "aligned");

#endif

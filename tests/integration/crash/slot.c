/*
 * slot: the crash slot of a mapped file, by the official structs: usage: slot FILE…
 *
 * A line per file: state, kind, signal, code, address, pc, bytes of the stacks, modules, message; then one per noted fault.
 */
#include <crash_slot.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint8_t slot[WIRE_CRASH_SLOT_BYTES];

static void print_fault(const char *what, const struct wire_fault *fault)
{
    siginfo_t info;
    memcpy(&info, fault->siginfo, sizeof info);
    uint64_t pc = fault->registers[fault->machine == 62 ? WIRE_X86_64_IP : WIRE_AARCH64_PC];
    uint64_t sp = fault->registers[fault->machine == 62 ? 7 : WIRE_AARCH64_SP];
    printf("%s kind=%u flags=%u signal=%d code=%d address=%#" PRIxPTR " pc=%#" PRIx64 " sp=%#" PRIx64
           " pid=%u tid=%u name=%.16s repeats=%" PRIu64,
           what, fault->kind, fault->flags, info.si_signo, info.si_code, (uintptr_t)info.si_addr, pc, sp,
           fault->pid, fault->tid, fault->thread_name, fault->repeats);
}

static void print_modules(const struct wire_crash *crash)
{
    const uint8_t *at = slot + WIRE_CRASH_MODULES_OFFSET, *end = at + crash->modules_bytes;
    for (uint32_t i = 0; i < crash->n_modules && at < end; i++) {
        struct wire_module module;
        memcpy(&module, at, sizeof module);
        printf("module %.*s low=%#" PRIx64 " high=%#" PRIx64 " build_id=", module.path_bytes,
               (const char *)at + sizeof module, module.low, module.high);
        for (uint32_t b = 0; b < module.build_id_bytes; b++)
            printf("%02x", module.build_id[b]);
        printf("\n");
        at += module.bytes;
    }
}

static void print_slot(const struct wire_header *header)
{
    const struct wire_crash *crash = (const struct wire_crash *)(const void *)slot;
    printf("file pid=%u state=%u\n", header->pid, header->state);
    print_fault("crash", &crash->fault);
    printf(" state=%u sequence=%u stack_from=%#" PRIx64 " stack=%u outer_from=%#" PRIx64
           " outer=%u modules=%u cut=%u message=%.*s\n",
           crash->state, crash->sequence, crash->stack_from, crash->stack_bytes, crash->outer_from,
           crash->outer_bytes, crash->n_modules, crash->flags, (int)crash->message_bytes,
           (const char *)crash->message);
    print_modules(crash);
    for (uint32_t i = 0; i < WIRE_CRASH_FAULTS; i++) {
        struct wire_fault fault;
        memcpy(&fault, slot + WIRE_CRASH_FAULTS_OFFSET + i * sizeof fault, sizeof fault);
        if (!fault.tid || !fault.sequence)
            continue;
        print_fault("fault", &fault);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct wire_header header;
        int fd = open(argv[i], O_RDONLY);
        if (fd < 0 || pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header ||
            header.magic != WIRE_MAGIC ||
            pread(fd, slot, sizeof slot, (off_t)header.crash_slot.offset) != (ssize_t)sizeof slot) {
            perror(argv[i]);
            return 1;
        }
        close(fd);
        print_slot(&header);
    }
    return 0;
}

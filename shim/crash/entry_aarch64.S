/*
 * entry_aarch64: what the kernel calls for a crash signal (crash.h), and how the capture runs on a stack of its own.
 *
 * crash_entry asks crash_decide() and then is gone: the program's handler gets its three arguments, and a stack and link
 * register that are the kernel's own. "hint 34" is `bti c`: a no-op where there is none. The kernel's vDSO has the return.
 */
        .text
        .globl  crash_entry
        .hidden crash_entry
        .hidden crash_decide
        .type   crash_entry, %function
        .p2align 4
crash_entry:
        .cfi_startproc
        hint    #34
        stp     x29, x30, [sp, #-48]!
        .cfi_def_cfa_offset 48
        .cfi_offset x29, -48
        .cfi_offset x30, -40
        mov     x29, sp
        stp     x0, x1, [sp, #16]
        str     x2, [sp, #32]
        bl      crash_decide
        mov     x16, x0
        ldp     x0, x1, [sp, #16]
        ldr     x2, [sp, #32]
        ldp     x29, x30, [sp], #48
        .cfi_restore x30
        .cfi_restore x29
        .cfi_def_cfa_offset 0
        cbz     x16, 1f
        br      x16
1:      ret
        .cfi_endproc
        .size   crash_entry, . - crash_entry

/* uint32_t crash_run(void (*function)(void), void *stack_end, struct crash_landing *landing) */
        .globl  crash_run
        .hidden crash_run
        .type   crash_run, %function
        .p2align 4
crash_run:
        .cfi_startproc
        hint    #34
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, sp
        .cfi_def_cfa_register x29
        stp     x19, x20, [x2]
        stp     x21, x22, [x2, #16]
        stp     x23, x24, [x2, #32]
        stp     x25, x26, [x2, #48]
        stp     x27, x28, [x2, #64]
        str     x29, [x2, #80]
        mov     sp, x1
        blr     x0
        mov     w0, #0
.Lback: mov     sp, x29
        ldp     x29, x30, [sp], #16
        .cfi_restore x30
        .cfi_restore x29
        .cfi_def_cfa sp, 0
        ret
        .cfi_endproc
        .size   crash_run, . - crash_run

/* Where a fault in `function` continues: x0 is the landing. */
        .globl  crash_landed
        .hidden crash_landed
        .type   crash_landed, %function
        .p2align 4
crash_landed:
        hint    #36
        ldp     x19, x20, [x0]
        ldp     x21, x22, [x0, #16]
        ldp     x23, x24, [x0, #32]
        ldp     x25, x26, [x0, #48]
        ldp     x27, x28, [x0, #64]
        ldr     x29, [x0, #80]
        mov     w0, #1
        b       .Lback
        .size   crash_landed, . - crash_landed

        .section .note.GNU-stack, "", %progbits

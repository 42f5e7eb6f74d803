/*
 * entry_x86_64: what the kernel calls for a crash signal (crash.h), and how the capture runs on a stack of its own.
 *
 * crash_entry asks crash_decide() and then is gone: the program's handler gets its three arguments, and a stack and return
 * address that are the kernel's own. Callee-saved registers are the interrupted code's, as the kernel left them.
 */
#ifdef __CET__
#include <cet.h>
#endif

        .text
        .globl  crash_entry
        .hidden crash_entry
        .hidden crash_decide
        .type   crash_entry, @function
        .p2align 4
crash_entry:
        .cfi_startproc
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        cld
        call    crash_decide
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        movq    %rax, %r11
        xorl    %eax, %eax
        testq   %r11, %r11
        jz      1f
        jmp     *%r11
1:      ret
        .cfi_endproc
        .size   crash_entry, . - crash_entry

/* uint32_t crash_run(void (*function)(void), void *stack_end, struct crash_landing *landing) */
        .globl  crash_run
        .hidden crash_run
        .type   crash_run, @function
        .p2align 4
crash_run:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register rbp
        movq    %rbx, 0(%rdx)
        movq    %r12, 8(%rdx)
        movq    %r13, 16(%rdx)
        movq    %r14, 24(%rdx)
        movq    %r15, 32(%rdx)
        movq    %rbp, 40(%rdx)
        movq    %rsi, %rsp
        call    *%rdi
        xorl    %eax, %eax
.Lback: movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa rsp, 8
        .cfi_restore rbp
        ret
        .cfi_endproc
        .size   crash_run, . - crash_run

/* Where a fault in `function` continues: rdi is the landing. */
        .globl  crash_landed
        .hidden crash_landed
        .type   crash_landed, @function
        .p2align 4
crash_landed:
        endbr64
        movq    0(%rdi), %rbx
        movq    8(%rdi), %r12
        movq    16(%rdi), %r13
        movq    24(%rdi), %r14
        movq    32(%rdi), %r15
        movq    40(%rdi), %rbp
        movl    $1, %eax
        jmp     .Lback
        .size   crash_landed, . - crash_landed

        .section .note.GNU-stack, "", @progbits

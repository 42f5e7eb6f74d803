/*
 * real_x86_64: dlsym and dlopen, exported. Each asks its C half (loader.c) where to go, with the caller's return address,
 * and then is gone: the real function, which judges by its caller (RTLD_NEXT, RUNPATH, namespace), sees the program.
 *
 * The C half returns two words: rax, the function to jump to with the arguments as they were; where that is NULL, rdx is
 * the answer. Neither function takes vector arguments, so none are kept.
 */
#ifdef __CET__
#include <cet.h>
#endif

        .text
.macro detour name, choose
        .globl  \name
        .type   \name, @function
        .hidden \choose
        .p2align 4
\name:
        .cfi_startproc
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        movq    24(%rsp), %rdx
        call    \choose
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        testq   %rax, %rax
        jz      1f
        jmp     *%rax
1:      movq    %rdx, %rax
        ret
        .cfi_endproc
        .size   \name, . - \name
.endm

        detour  dlsym, loader_choose_dlsym
        detour  dlopen, loader_choose_dlopen

        .section .note.GNU-stack, "", @progbits

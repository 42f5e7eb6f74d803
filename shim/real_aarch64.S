/*
 * real_aarch64: dlsym and dlopen, exported. Each asks its C half (loader.c) where to go, with the caller's return address,
 * and then is gone: the real function, which judges by its caller (RTLD_NEXT, RUNPATH, namespace), sees the program.
 *
 * The C half returns two words: x0, the function to jump to with the arguments as they were; where that is NULL, x1 is
 * the answer. Neither function takes vector arguments, so none are kept. "hint 34" is `bti c`: a no-op where there is none.
 */
        .text
.macro detour name, choose
        .globl  \name
        .type   \name, %function
        .hidden \choose
        .p2align 4
\name:
        .cfi_startproc
        hint    #34
        stp     x29, x30, [sp, #-32]!
        .cfi_def_cfa_offset 32
        .cfi_offset x29, -32
        .cfi_offset x30, -24
        mov     x29, sp
        stp     x0, x1, [sp, #16]
        mov     x2, x30
        bl      \choose
        cbz     x0, 1f
        mov     x16, x0
        ldp     x0, x1, [sp, #16]
        .cfi_remember_state
        ldp     x29, x30, [sp], #32
        .cfi_restore x30
        .cfi_restore x29
        .cfi_def_cfa_offset 0
        br      x16
1:      .cfi_restore_state
        mov     x0, x1
        ldp     x29, x30, [sp], #32
        .cfi_restore x30
        .cfi_restore x29
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   \name, . - \name
.endm

        detour  dlsym, loader_choose_dlsym
        detour  dlopen, loader_choose_dlopen

        .section .note.GNU-stack, "", %progbits

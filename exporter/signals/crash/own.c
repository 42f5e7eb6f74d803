/* own: see own.h. */
#include "signals/crash/own.h"

#include <string.h>

/* Beginnings of file names: what follows is a version ("libc.so.6", "libc-2.31.so", "ld-linux-x86-64.so.2"). */
static const char *const runtimes[] = {
    "libc.so",     "libc-",       "libpthread", "libm.so",    "libm-",       "librt.so",  "librt-",
    "libdl.so",    "libdl-",      "ld-linux",   "ld-2.",      "ld-musl",     "ld.so",     "libc.musl",
    "libstdc++",   "libgcc_s",    "libc++",     "libsupc++",  "libunwind",   "libasan",   "libubsan",
    "libtsan",     "liblsan",     "[vdso]",     "[vsyscall]", "libotelshim", "libresolv", "libanl",
    "libjemalloc", "libtcmalloc", "linux-vdso",
};

/* Beginnings of functions, wherever they are linked. */
static const char *const machinery[] = {
    /* libc, statically linked or inlined from its headers */
    "abort",
    "raise",
    "gsignal",
    "pthread_kill",
    "__pthread_kill",
    "__libc_",
    "__GI_",
    "__assert",
    "_start",
    "start_thread",
    "clone",
    "__clone",
    "__restore_rt",
    "__kernel_rt_sigreturn",
    "kill",
    "tgkill",
    "__fortify_fail",
    "__stack_chk_fail",
    "__chk_fail",
    "malloc_printerr",
    /* C++ */
    "std::",
    "__cxa_",
    "__gnu_cxx::",
    "__cxxabiv1::",
    "__gxx_",
    "_Unwind_",
    "operator new",
    "operator delete",
    "__throw_",
    "void std::",
    "bool std::",
    "__terminate",
    "boost::throw_exception",
    /* Rust: std:: is above */
    "core::",
    "alloc::",
    "<core::",
    "<alloc::",
    "<std::",
    "rust_begin_unwind",
    "rust_panic",
    "__rust_",
    "_rust_",
    "<T as core::",
    "<dyn core::",
    /* Go */
    "runtime.",
    "runtime/",
    "_cgo_",
    "crosscall",
    /* sanitizers, this library */
    "__asan_",
    "__sanitizer",
    "__interceptor_",
    "__ubsan_",
    "otelshim_",
};

/* These are whole names, not beginnings. */
static const char *const exact[] = {OWN_DATA, "abort", "raise", "kill", "tgkill", "clone", "__terminate"};

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool is_runtime(const char *module)
{
    const char *name = own_base_name(module);
    for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
        if (begins(name, runtimes[i]))
            return true;
    return false;
}

static bool is_machinery(const char *function)
{
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
        if (begins(function, exact[i])) {
            char next = function[strlen(exact[i])];
            return next == 0 || next == '(' || next == '@';
        }
    for (size_t i = 0; i < sizeof(machinery) / sizeof(machinery[0]); i++)
        if (begins(function, machinery[i]))
            return true;
    return false;
}

const char *own_base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

bool own_is(const struct crash_frame *frame)
{
    bool is_known = frame->module || frame->function;
    return is_known && !frame->is_signal && !(frame->module && is_runtime(frame->module)) &&
           !(frame->function && is_machinery(frame->function));
}

void own_mark(struct crash_stack *stack)
{
    for (uint32_t i = 0; i < stack->n_frames; i++)
        stack->frames[i].is_own = own_is(&stack->frames[i]);
}

const struct crash_frame *own_top(const struct crash_stack *stack)
{
    const struct crash_frame *known = NULL;
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        const struct crash_frame *frame = &stack->frames[i];
        if (frame->is_own)
            return frame;
        if (!known && !frame->is_signal && (frame->function || frame->module))
            known = frame;
    }
    return known;
}

/* A throw that finds no handler aborts where it stands: then the crashed thread shows it, and more of it. */
static bool shows_throw(const struct crash_stack *stack)
{
    for (uint32_t i = 0; i < stack->n_frames; i++)
        if (stack->frames[i].function && strcmp(stack->frames[i].function, "__cxa_throw") == 0)
            return true;
    return false;
}

const struct crash_stack *own_stack(const struct crash_report *report)
{
    static const struct crash_stack none;
    bool has_crashed = report->n_threads && report->threads[0].is_crashed;
    const struct crash_stack *crashed = has_crashed ? &report->threads[0].stack : &none;
    return report->exception_type && report->thrown.n_frames && !shows_throw(crashed) ? &report->thrown
                                                                                      : crashed;
}

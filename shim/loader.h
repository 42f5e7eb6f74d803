/*
 * loader: dlsym and dlopen, interposed: for programs that get functions by name (Python's ctypes, FFI, JNA) and for
 * objects that look past us (RTLD_DEEPBIND).
 *
 * Context: cold, but for names that are not ours: those take a path without a libc call (ASan and TSan call dlsym()
 * before anything works). errno is kept; dlerror state is what the real function leaves.
 */
#ifndef OTELSHIM_LOADER_H
#define OTELSHIM_LOADER_H

/* Where real_<arch>.S goes: to `real`, with the arguments as they were; NULL: back to the program with `answer`. */
struct loader_choice {
    void *real;
    void *answer;
};

/* `caller` is the return address into the program. */
struct loader_choice loader_choose_dlsym(void *handle, const char *name, const void *caller);
struct loader_choice loader_choose_dlopen(const char *file, int mode, const void *caller);

/* Constructor: looks for libcurls of a version that nobody knew when this was built. */
void loader_start(void);

#endif

/*
 * real_libc: the dynamic linker's own functions, found without its help.
 *
 * ASan and TSan call dlsym() to find what they are about to interpose, and their dl_iterate_phdr() is one of them: until
 * they have it, a call of ours to it would end the program (facts "interpose" 1.3). So the list of objects is reached
 * through the program's DT_DEBUG, where a debugger finds it. We link neither dlsym() nor dlopen(): their GLIBC_2.34
 * versions would keep the shim from older systems.
 *
 * Context: cold after the first answer; no libc but getauxval(); no dlerror state. Threads: any: only objects loaded with
 * the program are looked at, which never leave the list.
 */
#ifndef OTELSHIM_REAL_LIBC_H
#define OTELSHIM_REAL_LIBC_H

#include "real_elf.h"
#include <dlfcn.h>

/* Of libc itself, not of an interposer: RTLD_NEXT must mean "behind us". NULL where the libc has none. */
struct libc_loader {
    __typeof__(&dlsym) dlsym;
    __typeof__(&dlvsym) dlvsym;
    __typeof__(&dlopen) dlopen;
    __typeof__(&dlclose) dlclose;
    __typeof__(&dlerror) dlerror;
};
const struct libc_loader *libc_loader_get(void);

/* What a program's call of `name` would reach without us: the first definer behind us. NULL: none. */
void *libc_find_behind_us(const char *name);
/* That of libc itself. NULL: it has none. */
void *libc_find_own(const char *name);
/* Its first definer, wherever it stands; NULL: none. We do not count. */
void *libc_find_anywhere(const char *name);
/* The same as libc_find_behind_us(), remembered in *known. No lock, no allocation: for calls that are made in UNIX-signal handlers. */
void *libc_find_once(void **known, const char *name);

/* The same of up to LIBC_MAX_NAMES names at once, in one walk: to read each object's dynamic section is most of the work. */
#define LIBC_MAX_NAMES 32u
void libc_find_all_behind_us(const char *const *names, unsigned n_names, void **ret_functions);

/* Which of up to LIBC_MAX_NAMES names does any object define? A bit for each, in one walk. */
uint32_t libc_find_names(const char *const *names, unsigned n_names);

/* A variable of any object, in front of us or behind: the one that everybody uses. NULL: none. */
void *libc_find_data_anywhere(const char *name);

/* A variable of libc, private ones (GLIBC_PRIVATE) too. NULL: none. */
void *libc_find_data(const char *name);

/* The beginning of the loader's list: the program. NULL: it has no DT_DEBUG. */
const struct link_map *libc_first_object(void);

/* The shim itself, without its text's range. Hot: one load. */
const struct elf_object *libc_get_self(void);

#endif

/*
 * real_elf: symbols of an object that is loaded in this process, read from its dynamic section.
 *
 * Knows GNU and SysV hash tables and symbol versions; matches a version as ld.so does (glibc, dl-lookup.c).
 *
 * Context: cold, async-signal-safe: pure functions on mapped, read-only memory; no dlerror state.
 */
#ifndef OTELSHIM_REAL_ELF_H
#define OTELSHIM_REAL_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* A loaded object. All pointers are into the object itself or the dynamic linker's list: valid while it is loaded. */
struct elf_object {
    const char *name;   /* as the dynamic linker calls it; "" for the program */
    const char *soname; /* NULL none */
    uintptr_t base;
    uintptr_t text_from, text_to;
    const ElfW(Dyn) * dynamic;
    const char *strings;
    const ElfW(Sym) * symbols;
    const uint32_t *gnu_hash;
    const uint32_t *sysv_hash;
    const ElfW(Half) * versions;      /* of each symbol; NULL: the object has no versions */
    const ElfW(Verdef) * definitions; /* names of the versions it defines */
    const ElfW(Verneed) * needs;      /* names of the versions it wants of others */
};

/* A name that is looked up, with its hashes. */
struct elf_name {
    const char *text;
    uint32_t gnu_hash, sysv_hash;
};

/* How the version decides. */
enum elf_match {
    ELF_AS_BOUND, /* as a reference in a program: to the version, or to none (NULL) */
    ELF_DEFAULT,  /* the newest, as dlsym() does; `version` is ignored */
    ELF_DATA,     /* as ELF_DEFAULT, of a variable */
    ELF_OLDEST, /* the base or the first version, as an unversioned reference prefers; `version` is ignored */
};

/* False: the vDSO or something without a dynamic section. */
bool elf_read(struct elf_object *ret_object, const struct dl_phdr_info *info);

/* The same from the dynamic section alone: without the text's range. */
bool elf_read_dynamic(struct elf_object *ret_object, const char *name, uintptr_t base,
                      const ElfW(Dyn) * dynamic);

struct elf_name elf_hash_name(const char *text);

/* The function of that name and version which the object defines, or NULL. An indirect function (STT_GNU_IFUNC) counts
 * as not there: to choose its variant is ld.so's business. */
void *elf_find(const struct elf_object *object, const struct elf_name *name, enum elf_match match,
               const char *version);

/* The version under which the object defines that name at that address; NULL none. */
const char *elf_find_version(const struct elf_object *object, const struct elf_name *name,
                             const void *address);

/* Hash of the last component of a library's name, to compare DT_NEEDED entries with. */
uint32_t elf_hash_library(const char *name);

/* One version that an object wants of another. Begin with all zero. */
struct elf_needed_version {
    const ElfW(Verneed) * need;
    const ElfW(Vernaux) * aux;
    const char *file, *version;
    unsigned index; /* in the object's table of versions */
};

/* False when there are no more. */
bool elf_next_needed_version(const struct elf_object *object, struct elf_needed_version *iterator);

/* The version that an undefined symbol of the object wants; NULL none. */
const char *elf_reference_version(const struct elf_object *object, uint32_t symbol);

/* Does the object define that version? */
bool elf_defines_version(const struct elf_object *object, const char *version);

/* Does the object's text contain the address? */
bool elf_has_text(const struct elf_object *object, const void *address);

#endif

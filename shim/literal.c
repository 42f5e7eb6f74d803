/* literal: see literal.h. The kernel says where the program's headers are; where ld.so was started as a command, they are ld.so's. */
#include "literal.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

static bool has(const ElfW(Phdr) * segment, uintptr_t base, const char *text, size_t bytes)
{
    uintptr_t offset = (uintptr_t)text - base - segment->p_vaddr;
    return segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && offset < segment->p_filesz &&
           bytes < segment->p_filesz - offset;
}

bool literal_is(const char *text, size_t bytes)
{
    int kept = errno; /* getauxval() sets it where the kernel gives no such value */
    uintptr_t table = getauxval(AT_PHDR), base = 0;
    size_t n = getauxval(AT_PHNUM);
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)table;
    errno = kept;
    for (size_t i = 0; table && i < n; i++) {
        if (headers[i].p_type == PT_PHDR) /* it comes first */
            base = table - headers[i].p_vaddr;
        else if (has(&headers[i], base, text, bytes))
            return true;
    }
    return false;
}

/* admission: see admission.h. */
#include "admission.h"

#include "settings.h"
#include "sys.h"
#include "text.h"
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#define MAX_GLOB_BYTES 255u

bool admission_matches(const char *list, const char *path)
{
    const char *slash = strrchr(path, '/'), *glob;
    const char *name = slash ? slash + 1 : path;
    size_t bytes;
    while (text_next_word(&list, &glob, &bytes))
        if (bytes <= MAX_GLOB_BYTES && (text_matches_glob(glob, bytes, name, strlen(name), false) ||
                                        text_matches_glob(glob, bytes, path, strlen(path), false)))
            return true;
    return false;
}

/* DT_SONAME of a loaded object, NULL without one. The dynamic section's addresses are relocated by glibc, not by musl. */
static const char *soname_of(const struct dl_phdr_info *object)
{
    const ElfW(Dyn) *entry = NULL;
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
    uintptr_t strings = 0;
    size_t at = 0;
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_STRTAB)
            strings = entry->d_un.d_ptr;
        if (entry->d_tag == DT_SONAME)
            at = entry->d_un.d_val;
    }
    if (!at || !strings)
        return NULL;
    return (const char *)(strings < object->dlpi_addr ? strings + object->dlpi_addr : strings) + at;
}

static bool is_ours(const struct dl_phdr_info *object)
{
    uintptr_t here = (uintptr_t)&is_ours;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t from = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        if (object->dlpi_phdr[i].p_type == PT_LOAD && here >= from &&
            here - from < object->dlpi_phdr[i].p_memsz)
            return true;
    }
    return false;
}

/* Objects come in load order: the first with our soname is the copy that acts. 1: it is us. 2: another one. */
static int find_first_copy(struct dl_phdr_info *object, size_t bytes, void *context)
{
    (void)bytes;
    (void)context;
    /* the vdso is not relocated at all, and has no path */
    const char *soname = object->dlpi_name && object->dlpi_name[0] == '/' ? soname_of(object) : NULL;
    if (!soname || strcmp(soname, "libotelshim.so") != 0)
        return 0;
    return is_ours(object) ? 1 : 2;
}

static bool is_listed(const struct shim_settings *settings)
{
    char path[1024];
    if (!settings->allow && !settings->deny)
        return true;
    long bytes = sys_readlink("/proc/self/exe", path, sizeof(path) - 1);
    const char *started_as = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    if (bytes > 0)
        path[bytes] = 0;
    const char *program = bytes > 0 ? path : started_as ? started_as : "";
    if (settings->deny && admission_matches(settings->deny, program))
        return false;
    return !settings->allow || admission_matches(settings->allow, program);
}

/* Its own requests would be spans that it has to send. The library starts it without itself, but a user's environment or
 * /etc/ld.so.preload may say otherwise; `otelshim run` becomes, or starts, another program. */
static bool is_exporter(void)
{
    const char *started_as = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    const char *slash = started_as ? strrchr(started_as, '/') : NULL;
    return started_as && strcmp(slash ? slash + 1 : started_as, "otelshim") == 0;
}

bool admission_is_granted(void)
{
    const struct shim_settings *settings = settings_get();
    if (settings->is_disabled || getauxval(AT_SECURE) || is_exporter() || !is_listed(settings))
        return false;
    return dl_iterate_phdr(find_first_copy, NULL) != 2;
}

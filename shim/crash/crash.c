/* crash: starting the parts of crash capture, and what exit asks (crash.h). */
#include "entry_priv.h"
#include "lifecycle.h"
#include "settings.h"

#include <errno.h>
#include <sys/auxv.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define FRAME_BYTES 4096u /* of a kernel that does not say (before 5.14) */

void crash_start(void)
{
    const struct shim_settings *settings = settings_get();
    if (settings->crash_off || !lifecycle_is_active())
        return;
    int kept = errno; /* getauxval() sets it where the kernel gives no such value, and main() begins with 0 */
    uint64_t frame_bytes = getauxval(AT_MINSIGSTKSZ);
    crash_setup.frame_bytes = frame_bytes ? frame_bytes : FRAME_BYTES;
    crash_setup.sandbox = crash_sandbox();
    crash_setup.is_filtered = crash_setup.sandbox >> 1;
    crash_setup.program_headers = getauxval(AT_PHDR);
    crash_setup.n_program_headers = getauxval(AT_PHNUM);
    crash_setup.vdso = getauxval(AT_SYSINFO_EHDR);
    crash_setup.clock = &clock_gettime;
    crash_setup.is_on = true;
    disposition_start();
    altstack_start();
    errno = kept;
}

bool crash_note_exit(void)
{
    const struct dropbox *box = dropbox_file();
    if (!box || !crash_setup.has_faults)
        return false;
    struct wire_crash *crash = (struct wire_crash *)(void *)box->crash_slot;
    struct wire_fault *fault = fault_find(box->crash_slot, sys_gettid());
    if (!fault || fault->kind != WIRE_FAULT_HANDLED ||
        !fault_is_running(fault, (uint64_t)(uintptr_t)__builtin_frame_address(0)))
        return false;
    fault->flags |= WIRE_FAULT_EXITED_INSIDE;
    if (crash->fault.tid == fault->tid && crash->fault.mono_ns == fault->mono_ns)
        crash->fault.flags |= WIRE_FAULT_EXITED_INSIDE;
    return true;
}

"""What only aarch64 has: cases 119-127. Under qemu-user (emulation.py)."""
from row import row

WALK = {"signal": "SIGSEGV", "code": "SEGV_MAPERR", "address": 0, "top": ["leaf", "inner", "outer", "signed_frames", "main"],
        "at": {"leaf": "leaf", "inner": "inner", "outer": "outer"}}


def aarch64(number, name, what, dies="SIGSEGV", flags=("-O2",), **more):
    row(number, name, what, program="aarch64", flags=flags, dies=dies, **more)


def says(text):
    """Of the program: without what the case is about it would prove nothing."""
    return lambda lab, runs, found: lab.check(text in runs[1].stream("stdout"), f"the program does not say {text!r}")


aarch64(119, "signed_frames", "signed return addresses: every caller, of a leaf that saved none", flags=["-O2", "-mbranch-protection=standard"], expect=WALK,
        also=says("are signed"))
aarch64(119, "signed_frames_a72", "the same program on a processor that cannot sign", flags=["-O2", "-mbranch-protection=standard"], deed="signed_frames",
        environment={"QEMU_CPU": "cortex-a72"}, expect=WALK, also=says("are plain"))
aarch64(120, "no_landing_pad", "a call to where no BTI is", dies="SIGILL", expect={"signal": "SIGILL", "code": "ILL_ILLOPN"})
aarch64(121, "leaf", "a leaf without frame: its caller is in x30", flags=["-O2", "-fomit-frame-pointer"], deed="signed_frames", expect=WALK)
aarch64(122, "tagged", "a tagged pointer", expect={"signal": "SIGSEGV", "code": "SEGV_MAPERR", "top": ["tagged", "main"], "at": {"tagged": "tagged"}})
aarch64(123, "unaligned_exclusive", "LDXR of an odd address", dies="SIGBUS", expect={"signal": "SIGBUS", "code": "BUS_ADRALN", "reason": "align",
        "top": ["exclusive", "main"], "at": {"exclusive": "exclusive"}})
aarch64(124, "vector_frame", "a signal frame with SVE's registers, on an alternate stack of SIGSTKSZ: SIGSEGV is the root", dies="SIGABRT",
        expect={"signal": "SIGSEGV", "address": 0, "top": ["fault_with_vectors"], "at": {"fault_with_vectors": "fault_with_vectors"}}, also=says("handler, on its stack"))
aarch64(125, "large_pages", "pages of 16 KiB", deed="signed_frames", environment={"QEMU_PAGESIZE": "16384"}, expect=WALK)
aarch64(126, "outlined_atomic", "in an out-of-line atomic", flags=["-O2", "-fomit-frame-pointer", "-moutline-atomics"],
        expect={"signal": "SIGSEGV", "address": 8, "frames": ["/__aarch64_/", "count", "outlined_atomic", "main"], "at": {"count": "count"}})
aarch64(127, "memory_tag", "MTE: a tag that does not match", expect={"signal": "SIGSEGV", "code": "SEGV_MTESERR", "reason": "tag", "top": ["write_byte"], "at": {"write_byte": "write_byte"}})
aarch64(127, "memory_tag_later", "MTE, asynchronous: no address", expect={"signal": "SIGSEGV", "code": "SEGV_MTEAERR", "address": None, "reason": "tag",
        "frames": ["tag_mismatch", "main"]})

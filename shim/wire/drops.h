/*
 * drops: why a fact, a record or a whole call was not recorded. One row per reason.
 *
 * Included by shim/dropbox.h (enum) and exporter/sources/dropbox (names for `otelshim status`). To add one: append
 * a row with the next number; numbers are never reused. DROP(number, NAME, "name in status", "what it means")
 */
DROP(0, NO_CHUNK, "no_chunk", "the pool of chunks was full: the exporter could not keep up")
DROP(1, NO_THREAD_SLOT, "no_thread_slot", "more threads than slots: the call was not recorded")
DROP(2, NO_CONNECTION, "no_connection", "more library handles than can be followed")
DROP(3, NO_OPERATION, "no_operation", "more operations in flight than can be followed")
DROP(4, NESTED, "nested", "a UNIX-signal handler interrupted another handler inside the shim")
DROP(5, TOO_DEEP, "too_deep", "more open spans on one thread than the stack holds")
DROP(6, FACTS_CUT, "facts_cut", "facts of a span did not fit its staging area; the span itself was recorded")
DROP(7, NO_MEMORY, "no_memory", "/dev/shm was full: a page of the file could not be had")
DROP(8, UNKNOWN_LIBRARY, "unknown_library", "the library's build is not known: its private facts were not read")
DROP(9, NO_CHUNK_COUNT, "no_chunk_count", "the pool of chunks was full: a number that changes without a span was lost")
DROP(10, FILE_LATE, "file_late", "another thread took too long to make the file: the call was not recorded")
DROP(11, NO_CHUNK_LOG, "no_chunk_log", "the pool of chunks was full: a log record was lost")
DROP(12, FOREIGN_SPAN, "foreign_span", "a span of otelshim.h was ended on another thread than it was begun on: ignored")
DROP(13, NO_STACK, "no_stack", "a call failed without its stack: more than ten in a second, or no room")
DROP(14, NO_STDIO, "no_stdio", "OTELSHIM_STDIO: this libc's stdio cannot be seen, only write(2)")

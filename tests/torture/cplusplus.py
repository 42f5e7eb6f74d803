"""Deaths of C++ programs: cases 21-27."""
import building
from row import row


def cplusplus(number, name, what, dies="SIGABRT, core", **more):
    row(number, name, what, program="cplusplus", flags=["-O1"], dies=dies, **more)


cplusplus(21, "uncaught", "std::runtime_error that nobody catches",
          expect={"signal": "SIGABRT", "message": ["std::runtime_error", "kaboom"], "frames": ["thrower", "uncaught", "main"],
                  "at": {"thrower": "thrower"}, "text": r"\A[^\n]*(kaboom|thrower)"})
cplusplus(21, "own_terminate", "with a terminate handler of its own",
          expect={"signal": "SIGABRT", "message": ["std::runtime_error", "kaboom"], "frames": ["thrower", "own_terminate", "main"]})
cplusplus(22, "number", "throw 42", expect={"signal": "SIGABRT", "message": r"\bint\b", "frames": ["throw_number", "number", "main"]})
cplusplus(22, "nested", "std::nested_exception",
          expect={"signal": "SIGABRT", "message": ["std::logic_error", "outer"], "frames": ["throw_nested", "nested", "main"]})
cplusplus(22, "noexcept_broken", "exception out of a noexcept function",
          expect={"signal": "SIGABRT", "message": ["std::runtime_error", "kaboom"], "frames": ["thrower", "promises", "noexcept_broken", "main"]})
cplusplus(22, "destructor", "exception out of a destructor, during unwinding",
          expect={"signal": "SIGABRT", "message": "std::(out_of_range|runtime_error)", "frames": ["unwinding", "main"]})
cplusplus(22, "pure_virtual", "a pure virtual function called",
          expect={"signal": "SIGABRT", "frames": ["__cxa_pure_virtual", "/call/", "main"]})
cplusplus(23, "in_thread", "exception in a std::thread",
          expect={"signal": "SIGABRT", "message": ["std::runtime_error", "kaboom"], "frames": ["thrower", "worker"], "threads": 2},
          also=lambda lab, runs, found: lab.check(not found or found[0].json["threads"][0].get("name") == "the-worker", "thread's name"))
cplusplus(24, "no_memory", "bad_alloc at RLIMIT_AS", expect={"signal": "SIGABRT", "message": "bad_alloc", "frames": ["allocate", "no_memory", "main"]})
row(26, "plugin", "a C host's C++ library: 1000 exceptions, pthread_cancel runs destructors", program="chost", dies="exit 0", reports=0,
    command=lambda lab, path: [path, "plugin", building.library("plugin", "-O1")])
cplusplus(26, "caught_many", "10,000 exceptions that are caught", dies="exit 0", reports=0)
cplusplus(27, "caught_then_crash", "SIGSEGV after exceptions that were caught: they are not named", dies="SIGSEGV, core",
          expect={"signal": "SIGSEGV", "top": ["crash_here", "caught_then_crash", "main"]},
          also=lambda lab, runs, found: lab.check(not found or "kaboom" not in str(found[0].json.get("message")), "names a caught exception"))
cplusplus(27, "in_catch", "SIGSEGV in a catch block", dies="SIGSEGV, core",
          expect={"signal": "SIGSEGV", "top": ["crash_here", "in_catch", "main"], "at": {"crash_here": "crash_here", "in_catch": "in_catch"}})
cplusplus(27, "in_throw", "SIGSEGV while the exception is copied", dies="SIGSEGV, core", expect={"signal": "SIGSEGV", "frames": ["crash_here", "/cruel/", "in_throw", "main"]})
cplusplus(27, "in_unwinding", "SIGSEGV in a destructor, during unwinding: frames go on behind the unwinder", dies="SIGSEGV, core",
          expect={"signal": "SIGSEGV", "frames": ["crash_here", "/during/", "unwound", "in_unwinding", "main"]})

/* Deaths of C++ programs: cases 21-27. */
#include "torture.h"
#include <dlfcn.h>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static NOINLINE void thrower()
{
    throw std::runtime_error("kaboom"); /* here: thrower */
}

static void uncaught(void)
{
    thrower();
    always++;
}

static NOINLINE void throw_number()
{
    throw 42; /* here: throw_number */
}

static void number(void)
{
    throw_number();
    always++;
}

static NOINLINE void throw_nested()
{
    try {
        throw std::invalid_argument("inner");
    } catch (...) {
        std::throw_with_nested(std::logic_error("outer")); /* here: throw_nested */
    }
}

static void nested(void)
{
    throw_nested();
    always++;
}

static NOINLINE void promises() noexcept
{
    thrower();
    always++;
}

static void noexcept_broken(void)
{
    try {
        promises();
    } catch (...) {
        say("never\n");
    }
}

struct bomb {
    ~bomb() noexcept(false)
    {
        throw std::out_of_range("from a destructor"); /* here: bomb */
    }
};

static NOINLINE void unwinding()
{
    bomb b;
    thrower();
}

static void destructor(void)
{
    try {
        unwinding();
    } catch (...) {
        say("never\n");
    }
}

struct base {
    base() { call(); }
    virtual ~base() = default;
    NOINLINE void call() { pure(); } /* here: call_pure */
    virtual void pure() = 0;
};
struct derived : base {
    void pure() override {}
};

static void pure_virtual(void)
{
    derived d;
}

static NOINLINE void worker()
{
    pthread_setname_np(pthread_self(), "the-worker");
    thrower();
    always++;
}

static void in_thread(void)
{
    std::thread t(worker);
    t.join();
}

static NOINLINE void allocate()
{
    std::vector<std::vector<char> *> all;
    while (always)
        all.push_back(new std::vector<char>(64 << 20));
}

static void no_memory(void)
{
    struct rlimit limit = {300 << 20, 300 << 20};
    setrlimit(RLIMIT_AS, &limit);
    allocate();
}

static void token(void)
{
    throw std::runtime_error("cannot log in: password=throw-s3cr3t-marker");
}

static NOINLINE void crash_here()
{
    volatile int *volatile nothing = nullptr;
    *nothing = 1; /* here: crash_here */
}

static void in_catch(void)
{
    try {
        thrower();
    } catch (const std::exception &) {
        crash_here(); /* here: in_catch */
        always++;
    }
}

struct cruel : std::exception {
    cruel() = default;
    cruel(const cruel &) { crash_here(); }
    int ballast = 0;
};

static void in_throw(void)
{
    static cruel original;
    try {
        throw original;
    } catch (const cruel &) {
        say("never\n");
    }
}

struct during {
    ~during() { crash_here(); }
};

static NOINLINE void unwound()
{
    during d;
    thrower();
}

static void in_unwinding(void)
{
    try {
        unwound();
    } catch (...) {
        say("never\n");
    }
}

static void own_terminate(void)
{
    std::set_terminate([] {
        say("my terminate\n");
        abort();
    });
    thrower();
}

static void caught_many(void)
{
    int n = 0;
    for (int i = 0; i < 10000; i++)
        try {
            thrower();
        } catch (const std::runtime_error &) {
            n++;
        }
    say("caught %d\n", n);
}

static void caught_then_crash(void)
{
    caught_many();
    crash_here();
}

const struct deed deeds[] = {{"uncaught", uncaught},
                             {"number", number},
                             {"nested", nested},
                             {"noexcept_broken", noexcept_broken},
                             {"destructor", destructor},
                             {"pure_virtual", pure_virtual},
                             {"in_thread", in_thread},
                             {"no_memory", no_memory},
                             {"token", token},
                             {"in_catch", in_catch},
                             {"in_throw", in_throw},
                             {"in_unwinding", in_unwinding},
                             {"own_terminate", own_terminate},
                             {"caught_many", caught_many},
                             {"caught_then_crash", caught_then_crash},
                             {NULL, NULL}};

/* symbols: where names come from: stripped files, files elsewhere, files that are gone or others. */
#include "symbols_crash.h"

#include <sys/mman.h>

static const char program[] = "static int *nowhere;\n"
                              "__attribute__((noinline)) static int hidden(int n) {\n"
                              "  *nowhere = n;\n"
                              "  return n + 1;\n"
                              "}\n"
                              "__attribute__((noinline)) int shown(int n) {\n"
                              "  return hidden(n * 2) + 3;\n"
                              "}\n"
                              "int main(void) {\n"
                              "  return shown(7);\n"
                              "}\n";
static const char *const with_lines[] = {"hidden named.c:3", "shown named.c:7", "main named.c:10"};
static const char *const without_lines[] = {"hidden -:0", "shown -:0", "main -:0"};

static void build(const char *flags)
{
    crash_source("named.c", program);
    crash_sh("rm -rf debug named named.debug .debug && gcc -g -O1 -fno-ipa-cp -Wl,--build-id=sha1 %s -o "
             "named named.c",
             flags);
}

static void test_names_debuglink(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const places[] = {"mv named.debug x && mkdir .debug && mv x .debug/named.debug",
                                         "true"};
    static const char *const ids[] = {"", "-Wl,--build-id=none"};
    for (int i = 0; i < 4; i++) {
        build(ids[i / 2]);
        crash_sh("objcopy --only-keep-debug named named.debug && strip named && objcopy "
                 "--add-gnu-debuglink=named.debug named "
                 "&& %s",
                 places[i % 2]);
        crash_run(&crash, "./named", 1, 1 << 20);
        crash_walk(&crash);
        crash_expect(crash.stack, with_lines, 3);
        crash_fini(&crash);
    }
    /* another file of that name is not believed: by its checksum where there is no build id, else by that */
    for (int i = 0; i < 2; i++) {
        build(ids[i]);
        crash_sh("objcopy --only-keep-debug named named.debug && strip named && objcopy "
                 "--add-gnu-debuglink=named.debug named "
                 "&& sed -i s/hidden/another/ named.c && gcc -g -O1 %s -o x named.c && objcopy "
                 "--only-keep-debug x named.debug",
                 ids[i]);
        crash_run(&crash, "./named", 1, 1 << 20);
        crash_walk(&crash);
        assert_null(crash.stack->frames[0].file);
        assert_int_equal(crash_find(crash.stack, "another", 0), UINT32_MAX);
        crash_fini(&crash);
    }
}

static void test_names_build_id_directory(void **state)
{
    (void)state;
    struct crash_copy crash;
    char directory[128];
    snprintf(directory, sizeof(directory), "%s/debug", crash_directory());
    build("");
    crash_sh("id=$(readelf -n named | sed -n 's/.*Build ID: //p') && d=debug/.build-id/$(echo $id | cut "
             "-c1-2) && mkdir -p $d && "
             "objcopy --only-keep-debug named $d/$(echo $id | cut -c3-).debug && strip named");
    crash_run(&crash, "./named", 1, 1 << 20);
    crash.input.debug_path = directory;
    crash_walk(&crash);
    crash_expect(crash.stack, with_lines, 3);
    crash_fini(&crash);
}

static void test_names_gnu_debugdata(void **state)
{
    (void)state;
    struct crash_copy crash;
    build("");
    crash_sh("objcopy --only-keep-debug named full && objcopy -S --remove-section .gdb_index "
             "--remove-section .comment "
             "--keep-symbol=hidden --keep-symbol=shown --keep-symbol=main full mini && xz -f mini && strip "
             "named && "
             "objcopy --add-section .gnu_debugdata=mini.xz named");
    crash_run(&crash, "./named", 1, 1 << 20);
    crash_walk(&crash);
    crash_expect(crash.stack, without_lines, 3);
    assert_false(crash.stack->frames[0].is_approximate);
    crash_fini(&crash);
}

/* Only what is exported is left: the nearest before the address, and that it is a guess is said. */
static void test_names_stripped(void **state)
{
    (void)state;
    struct crash_copy crash;
    build("-rdynamic");
    crash_sh("strip named");
    crash_run(&crash, "./named", 1, 1 << 20);
    crash_walk(&crash);
    assert_true(crash.stack->frames[0].is_approximate);
    assert_string_not_equal(crash.stack->frames[0].function, "hidden");
    assert_string_equal(crash.stack->frames[1].function, "shown");
    assert_false(crash.stack->frames[1].is_approximate);
    assert_string_equal(crash.stack->frames[2].function, "main");
    assert_int_equal(strlen(crash.stack->frames[0].build_id), 40);
    assert_true(crash.stack->frames[0].offset < 0x10000);
    crash_fini(&crash);
}

/* The loader's list instead of maps: one module per object, which says its bias. */
static void test_names_loader_list(void **state)
{
    (void)state;
    struct crash_copy crash;
    struct symbols_modules list = {0};
    build("");
    crash_run(&crash, "./named", 1, 1 << 20);
    for (uint32_t i = 0; i < crash.modules.n; i++) {
        const struct symbols_module *module = &crash.modules.items[i];
        struct symbols_module object = *module;
        if (module->path[0] != '/' || module->file_offset != 0)
            continue;
        object.bias = module->low; /* all of these files are linked at 0 */
        for (uint32_t j = i; j < crash.modules.n && strcmp(crash.modules.items[j].path, module->path) == 0;
             j++)
            object.high = crash.modules.items[j].high;
        assert_int_equal(symbols_add_object(&list, &object), 0);
    }
    symbols_modules_fini(&crash.modules);
    crash.modules = list;
    crash_walk(&crash);
    crash_expect(crash.stack, with_lines, 3);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

/* Its file was replaced while it ran: no names of the new one, nor its unwind tables. */
static void test_names_replaced(void **state)
{
    (void)state;
    for (int knows_build_id = 0; knows_build_id < 2; knows_build_id++) {
        struct crash_copy crash;
        uint8_t id[20];
        unsigned byte;
        char hex[64];
        build("");
        crash_run(&crash, "./named", 1, 1 << 20);
        crash_walk(&crash);
        crash_expect(crash.stack, with_lines, 3);
        snprintf(hex, sizeof(hex), "%s", crash.stack->frames[0].build_id);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
            id[i] = (uint8_t)byte;
        }
        symbols_close(crash.symbols);
        crash_sh("sed -i s/hidden/another/ named.c && gcc -g -O1 -DX -o x named.c && mv -f x named");
        struct symbols_module object = crash.modules.items[0];
        object.high = UINT64_MAX;
        object.build_id = id;
        object.n_build_id = sizeof(id);
        object.bias = object.low;
        if (knows_build_id) {
            assert_int_equal(symbols_add_object(&crash.modules, &object), 0);
        } else { /* the kernel says that it is gone */
            for (uint32_t i = 0; i < crash.modules.n; i++)
                if (strstr(crash.modules.items[i].path, "/named"))
                    crash.modules.items[i].path = "/nowhere/named (deleted)";
        }
        crash_walk(&crash);
        for (uint32_t i = 0; i < crash.stack->n_frames; i++)
            assert_true(!crash.stack->frames[i].function ||
                        !strstr(crash.stack->frames[i].function, "another"));
        assert_null(crash.stack->frames[0].function);
        assert_int_equal(crash.stack->frames[0].is_mismatched, knows_build_id);
        if (knows_build_id) {
            assert_string_equal(crash.stack->frames[0].build_id, hex);
            assert_true(crash.stack->frames[0].offset < 0x10000);
        }
        crash_fini(&crash);
    }
}

/* A later look at an old report: module, build id and offset are enough. */
static void test_names_offset(void **state)
{
    (void)state;
    struct crash_copy crash;
    struct symbols *later;
    build("");
    crash_run(&crash, "./named", 1, 1 << 20);
    crash_walk(&crash);
    const struct symbols_frame *frame = &crash.stack->frames[1];
    struct symbols_input empty = {.machine = CRASH_MACHINE};
    assert_int_equal(symbols_open(&later, &empty), 0);
    for (int i = 0; i < 2; i++) { /* the second time out of what is open */
        const struct symbols_stack *stack =
            symbols_name_offset(later, frame->module, frame->build_id, frame->offset - 1);
        crash_expect(stack, &with_lines[1], 1);
        assert_int_equal(stack->frames[0].offset, frame->offset - 1);
    }
    const struct symbols_stack *other =
        symbols_name_offset(later, frame->module, "00112233445566778899aabbccddeeff00112233", frame->offset);
    assert_true(other->frames[0].is_mismatched);
    assert_null(other->frames[0].function);
    /* of a report that somebody wrote: half a byte at the end, and nothing readable behind the text */
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    memcpy(pages + 4096 - 4, "abc", 4);
    assert_true(symbols_name_offset(later, frame->module, pages + 4096 - 4, 1)->n_frames > 0);
    munmap(pages, 8192);
    const struct symbols_stack *none = symbols_name_offset(later, "/nowhere", NULL, 4096);
    assert_int_equal(none->n_frames, 1);
    assert_null(none->frames[0].function);
    symbols_close(later);
    crash_fini(&crash);
}

static void test_names_root(void **state)
{
    (void)state;
    struct crash_copy crash;
    char root[128];
    snprintf(root, sizeof(root), "%s/root", crash_directory());
    build("");
    crash_run(&crash, "./named", 1, 1 << 20);
    crash_sh("mkdir -p root$PWD && mv named root$PWD/named");
    crash.input.root = root;
    crash_walk(&crash);
    crash_expect(crash.stack, with_lines,
                 1); /* libc is not below the root: one caller may be all that is found */
    crash_fini(&crash);
}

/* clang writes no .debug_aranges, gcc does. */
static void test_names_clang(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const flags[] = {"-gdwarf-4", "-gdwarf-5", "-gdwarf-5 -gz"};
    crash_need(__func__, "clang-14");
    for (int i = 0; i < 3; i++) {
        crash_source("named.c", program);
        crash_sh("sed -i 's/static int \\*nowhere/static int *volatile nowhere/' named.c && clang-14 %s -O1 "
                 "-o named named.c",
                 flags[i]);
        crash_run(&crash, "./named", 1, 1 << 20);
        crash_walk(&crash);
        crash_expect(crash.stack, with_lines, 3);
        crash_fini(&crash);
    }
}

static void test_names_cxx(void **state)
{
    (void)state;
    struct crash_copy crash;
    static const char *const expected[] = {"engine::Book<int>::add(int) book.cc:4",
                                           "engine::(anonymous namespace)::run(engine::Book<int>&) book.cc:6",
                                           "main book.cc:7"};
    crash_source("book.cc",
                 "namespace engine {\n"
                 "int *nowhere;\n"
                 "template <typename T> struct Book { T total; __attribute__((noinline)) void add(T t) {\n"
                 "  total += t; *nowhere = 1; } };\n"
                 "namespace { __attribute__((noinline)) int run(Book<int> &b) {\n"
                 "  b.add(3); return b.total; } } }\n"
                 "int main() { engine::Book<int> b{1}; return engine::run(b) + 1; }\n");
    crash_sh("g++ -g -O1 -o book book.cc");
    crash_run(&crash, "./book", 1, 1 << 20);
    crash_walk(&crash);
    crash_expect(crash.stack, expected, 3);
    assert_string_equal(crash.stack->frames[0].symbol, "_ZN6engine4BookIiE3addEi");
    crash_fini(&crash);
    /* inlined, and local to the file: no linkage name and no symbol, the scopes alone tell */
    crash_source("book.cc",
                 "namespace engine { int *nowhere; namespace { struct Price { int v; void set(int n) {\n"
                 "  v = n; *nowhere = n; } }; } }\n"
                 "int main(int n, char **) { engine::Price p; p.set(n); return p.v; }\n");
    crash_sh("g++ -g -O2 -o book book.cc");
    crash_run(&crash, "./book", 1, 1 << 20);
    crash_walk(&crash);
    crash_expect(crash.stack,
                 (const char *const[]){"engine::(anonymous namespace)::Price::set book.cc:2 inlined",
                                       "main book.cc:3"},
                 2);
    crash_fini(&crash);
}

/* rustc writes no .debug_aranges either, and both of its schemes are met: v0 by default today, legacy by default before. */
static void test_names_rust(void **state)
{
    (void)state;
    struct crash_copy crash;
    crash_need(__func__, "rustc");
    crash_source(
        "engine.rs",
        "pub struct Book<T> { pub total: T, pub nowhere: *mut i32 }\n"
        "pub trait Add<T> { fn add(&mut self, t: T); }\n"
        "impl Add<i32> for Book<i32> {\n"
        "    #[inline(never)] fn add(&mut self, t: i32) { self.total += t;\n"
        "        unsafe { core::ptr::write_volatile(self.nowhere, t) } }\n"
        "}\n"
        "fn main() {\n"
        "    let mut b = Book { total: 1, nowhere: hide(8 as *mut i32) };\n"
        "    b.add(hide(3)); println!(\"{}\", b.total); }\n"
        "#[inline(never)] fn hide<T: Copy>(t: T) -> T { unsafe { core::ptr::read_volatile(&t) } }\n");
    crash_sh("rustc -g -O -o engine engine.rs 2>/dev/null");
    crash_run(&crash, "./engine", 1, 1 << 20);
    crash_walk(&crash);
    uint32_t add = crash_find(crash.stack, "<engine::Book<i32> as engine::Add<i32>>::add", 0);
    uint32_t main_at = crash_find(crash.stack, "engine::main", 0);
    if (add > 1 || main_at != add + 1)
        crash_print(crash.stack);
    assert_in_range(add, 0, 1); /* write_volatile() is inlined into it */
    assert_int_equal(crash.stack->frames[add].line, 5);
    assert_int_equal(main_at, add + 1);
    assert_int_equal(crash.stack->frames[main_at].line, 9);
    assert_null(crash.stack->end_reason);
    crash_fini(&crash);
}

static void test_names_jit(void **state)
{
    (void)state;
    struct crash_copy crash;
    char map[128];
    crash_source("jit.c", "#include <string.h>\n#include <sys/mman.h>\n"
                          "int main(void) {\n"
                          "  /* push rbp; mov rbp, rsp; mov eax, [0]; pop rbp; ret */\n"
                          "  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x8b, 4, 0x25, 0, "
                          "0, 0, 0, 0x5d, 0xc3};\n"
                          "  int (*f)(void) = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n"
                          "  memcpy(f, code, sizeof(code));\n"
                          "  return f() + 1; }\n");
    crash_sh("gcc -g -O1 -w -o jit jit.c");
    crash_run(&crash, "./jit", 1, 1 << 20);
    uint64_t pc = crash.registers[16] & ~UINT64_C(4095);
    snprintf(map, sizeof(map), "0 10 nothing\nnonsense\n%lx 100 Trade::match jitted\n", (unsigned long)pc);
    crash.input.perf_map = map;
    crash.input.perf_map_bytes = strlen(map);
    crash_walk(&crash);
    assert_string_equal(crash.stack->frames[0].module, "[jit]");
    assert_string_equal(crash.stack->frames[0].function, "Trade::match jitted");
    assert_string_equal(crash.stack->frames[1].function, "main");
    assert_int_equal(crash.stack->frames[1].guess, SYMBOLS_FRAME_POINTER);
    assert_int_equal(crash.stack->frames[1].line, 8);
    crash_fini(&crash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_debuglink),
        cmocka_unit_test(test_names_build_id_directory),
        cmocka_unit_test(test_names_gnu_debugdata),
        cmocka_unit_test(test_names_stripped),
        cmocka_unit_test(test_names_loader_list),
        cmocka_unit_test(test_names_replaced),
        cmocka_unit_test(test_names_offset),
        cmocka_unit_test(test_names_root),
        cmocka_unit_test(test_names_clang),
        cmocka_unit_test(test_names_cxx),
        cmocka_unit_test(test_names_rust),
#if defined(__x86_64__)
        cmocka_unit_test(test_names_jit),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, crash_remove_directory);
}

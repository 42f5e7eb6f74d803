/*
 * small_library: shared libraries of a line or two, made by the compiler while a test runs.
 *
 * Linker behaviour is what is being tested, so the libraries are real ones. Include once, in a test program.
 */
#ifndef OTELSHIM_TEST_SMALL_LIBRARY_H
#define OTELSHIM_TEST_SMALL_LIBRARY_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Given to the compiler as it is: the shell fills it in. */
#define SMALL_LIBRARY_DIRECTORY "$DIRECTORY"

static char small_library_directory[64];

__attribute__((unused)) static void small_library_write(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", small_library_directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Compiles lib<name>.so. Skips the test where there is no compiler (cross-built tests). */
static void small_library_make(const char *name, const char *source, const char *flags)
{
    char file[80], command[1024];
    snprintf(file, sizeof(file), "%s.c", name);
    small_library_write(file, source);
    if (system("${CC:-cc} --version >/dev/null 2>&1")) {
        print_message("skipped: lib%s.so: no compiler\n", name);
        skip();
    }
    snprintf(command, sizeof(command),
             "cd \"$DIRECTORY\" && ${CC:-cc} -O2 -fPIC -shared -L. -Wl,-rpath,$DIRECTORY -o lib%s.so %s.c %s",
             name, name, flags);
    assert_int_equal(system(command), 0);
}

static void *small_library_load(const char *name, int flags)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/lib%s.so", small_library_directory, name);
    void *handle = dlopen(path, flags);
    if (!handle)
        fail_msg("%s", dlerror());
    return handle;
}

__attribute__((unused)) static void *small_library_open(const char *name, const char *source,
                                                        const char *flags)
{
    small_library_make(name, source, flags);
    return small_library_load(name, RTLD_NOW | RTLD_LOCAL);
}

static int small_library_begin(void **state)
{
    (void)state;
    snprintf(small_library_directory, sizeof(small_library_directory), "/tmp/otelshim-test-XXXXXX");
    if (!mkdtemp(small_library_directory) || setenv("DIRECTORY", small_library_directory, 1))
        return -1;
    small_library_write("rules.map", "FIRST {};\nSECOND {} FIRST;\n");
    small_library_write("openssl.map", "CURL_OPENSSL_4 { global: *; };\n");
    small_library_write("gnutls.map", "CURL_GNUTLS_3 { global: *; };\n");
    return 0;
}

static int small_library_end(void **state)
{
    (void)state;
    return system("rm -rf \"$DIRECTORY\"");
}

#endif

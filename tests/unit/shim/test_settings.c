/* The shim's view of the settings that the exporter parses too: see ../setting_vectors.h. Each in a process of its own,
 * because the environment is scanned once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings.h"

extern char **environ;

/* What is understood, without where the text lies. */
struct understood {
    struct shim_settings settings;
};

static struct understood understand(const char *name, const char *value)
{
    struct understood understood = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static char *none[] = {NULL};
        environ = none;
        if (name)
            setenv(name, value, 1);
        understood.settings = *settings_get();
        understood.settings.text = NULL;
        understood.settings.text_bytes = 0;
        _exit(write(ends[1], &understood, sizeof(understood)) != (ssize_t)sizeof(understood));
    }
    assert_int_equal(read(ends[0], &understood, sizeof(understood)), (ssize_t)sizeof(understood));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
    return understood;
}

static void test_shim_agrees(void **state)
{
    static const struct {
        const char *name, *value;
        int is_valid;
    } vectors[] = {
#define VECTOR(NAME, value, is_valid) {#NAME, value, is_valid},
#include "../setting_vectors.h"
#undef VECTOR
    };
    struct understood standard = understand(NULL, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct understood seen = understand(vectors[i].name, vectors[i].value);
        int is_default = memcmp(&seen, &standard, sizeof(seen)) == 0;
        if (is_default == vectors[i].is_valid)
            fail_msg("%s=\"%s\": default is %d, valid is %d", vectors[i].name, vectors[i].value, is_default,
                     vectors[i].is_valid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shim_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

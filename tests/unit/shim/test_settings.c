/* The shim's view of the settings that the exporter parses too: see ../setting_vectors.h. Each in a process of its own,
 * because the environment is scanned once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

#define N_FIRST 8

static pthread_barrier_t together;

static void *look_first(void *ret_is_disabled)
{
    pthread_barrier_wait(&together);
    *(bool *)ret_is_disabled = settings_get()->is_disabled;
    return NULL;
}

/* Threads that come first, together: nobody may take the settings for those of a process that is off. */
static int look_together(void)
{
    pthread_t threads[N_FIRST];
    bool is_disabled[N_FIRST];
    int n = 0;
    pthread_barrier_init(&together, NULL, N_FIRST);
    for (int i = 0; i < N_FIRST; i++)
        pthread_create(&threads[i], NULL, look_first, &is_disabled[i]);
    for (int i = 0; i < N_FIRST; i++) {
        pthread_join(threads[i], NULL);
        n += is_disabled[i];
    }
    return n;
}

static void test_first_together(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        pid_t child = fork();
        int status;
        if (child == 0)
            _exit(look_together());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shim_agrees),
                                       cmocka_unit_test(test_first_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The exporter's view of the settings that the shim parses too: see setting_vectors.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "settings/settings.h"

static const char *value_of(void *context, const char *name)
{
    const char *const *pair = context;
    return strcmp(pair[0], name) == 0 ? pair[1] : NULL;
}

static void test_exporter_agrees(void **state)
{
    static const struct {
        const char *name, *value;
        int is_valid;
    } vectors[] = {
#define VECTOR(NAME, value, is_valid) {#NAME, value, is_valid},
#include "setting_vectors.h"
#undef VECTOR
    };
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const char *pair[2] = {vectors[i].name, vectors[i].value};
        struct settings *settings = settings_create(value_of, pair);
        unsigned n_named = 0;
        for (uint32_t k = 0; k < settings->n_problems; k++)
            n_named += strstr(settings->problems[k].text, vectors[i].name) != NULL;
        if (n_named != (vectors[i].is_valid ? 0u : 1u))
            fail_msg("%s=\"%s\": %u problems, valid is %d", vectors[i].name, vectors[i].value, n_named,
                     vectors[i].is_valid);
        settings_destroy(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exporter_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

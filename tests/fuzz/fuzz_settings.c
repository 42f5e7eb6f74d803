/*
 * fuzz_settings: whatever an environment and a .env file hold, settings are usable and problems are one clean line.
 *
 * Input: up to a 0xff byte the text of a .env file, behind it an environment: "NAME=value\0"….
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/utf8.h"
#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct environment {
    const char *text;
    size_t bytes;
    const char *env_file;
};

static const char *lookup(void *context, const char *name)
{
    const struct environment *environment = context;
    size_t n = strlen(name);
    if (strcmp(name, "OTELSHIM_ENV_FILE") == 0)
        return environment->env_file;
    for (size_t at = 0; at < environment->bytes;) {
        const char *entry = environment->text + at;
        size_t bytes = strlen(entry);
        if (bytes > n && entry[n] == '=' && memcmp(entry, name, n) == 0)
            return strcmp(entry + n + 1, "?") == 0 ? settings_unreadable : entry + n + 1;
        at += bytes + 1;
    }
    return NULL;
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_problems(const struct settings *settings)
{
    for (uint32_t i = 0; i < settings->n_problems; i++) {
        const char *text = settings->problems[i].text;
        size_t bytes = strnlen(text, sizeof(settings->problems[i].text));
        require(bytes < sizeof(settings->problems[i].text) && bytes > 0);
        require(utf8_valid_bytes(text, bytes) == bytes);
        for (size_t j = 0; j < bytes; j++)
            require((unsigned char)text[j] >= 0x20);
    }
}

static void check(const struct settings *settings)
{
    require(strncmp(settings->traces.url, "http://", 7) == 0 ||
            strncmp(settings->traces.url, "https://", 8) == 0);
    for (const char *c = settings->traces.url; *c; c++)
        require((unsigned char)*c > 0x20);
    for (uint32_t i = 0; i < settings->traces.n_headers; i++) {
        require(settings->traces.headers[i].name[0] &&
                !strpbrk(settings->traces.headers[i].name, ": \t\r\n"));
        require(!strpbrk(settings->traces.headers[i].value, "\r\n"));
    }
    for (uint32_t i = 0; i < settings->n_resource_attributes; i++)
        require(settings->resource_attributes[i][0][0] && settings->resource_attributes[i][1]);
    require(settings->span_batches.max_batch >= 1 &&
            settings->span_batches.max_batch <= settings->span_batches.max_queue);
    for (uint32_t i = 0; i < N_SETTINGS; i++)
        require(!settings->values[i] == (settings->origins[i] == ORIGIN_DEFAULT));
    check_problems(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("env", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    }
    const uint8_t *end = memchr(data, 0xff, size);
    size_t n_file = end ? (size_t)(end - data) : 0, n_rest = end ? size - n_file - 1 : size;
    char *text = malloc(n_rest + 1);
    require(text && ftruncate(file, 0) == 0 && pwrite(file, data, n_file, 0) == (ssize_t)n_file);
    memcpy(text, data + size - n_rest, n_rest);
    text[n_rest] = 0;
    struct environment environment = {.text = text, .bytes = n_rest, .env_file = path};
    struct settings *settings = settings_create(lookup, &environment);
    check(settings);
    settings_destroy(settings);
    free(text);
    return 0;
}

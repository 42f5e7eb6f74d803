/*
 * fuzz_redis: no value of a command survives redis_redact(), and no format runs away in redis_format_split().
 *
 * First byte: 'f' takes the rest as a format with its arguments (lines: the format, then s<bytes>, i<number>, d<number>);
 * 'r' as arguments between bars; anything else makes a command out of the rest, in which only the arguments that hold
 * values have a 'Z'. Second byte: size of the output.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signals/spans/redis.h"

#define MAX_ARGS 24u

/* Which arguments are values: 0 kept, 1 value; the last letter goes on, or the last two where `pairs`. */
static const struct {
    const char *name, *values;
    bool pairs;
} commands[] = {
    {"SET", "01", false},     {"get", "01", false},       {"SETEX", "01", false},
    {"MSET", "01", true},     {"hset", "001", true},      {"HMSET", "001", true},
    {"HGET", "001", false},   {"LPUSH", "01", false},     {"ZADD", "01", false},
    {"AUTH", "1", false},     {"HELLO", "1", false},      {"ACL", "1", false},
    {"MIGRATE", "1", false},  {"CONFIG", "1", false},     {"Eval", "1", false},
    {"EVALSHA", "01", false}, {"UNKNOWN", "1", false},    {"FT.SEARCH", "1", false},
    {"PUBLISH", "01", false}, {"LSET", "01", false},      {"SUBSCRIBE", "0", false},
    {"ECHO", "1", false},     {"CLIENT", "1", false},     {"DEBUG", "1", false},
    {"RESTORE", "01", false}, {"GETSET", "01", false},    {"SETRANGE", "01", false},
    {"SADD", "01", false},    {"not a name", "1", false}, {"HSETNX", "001", false},
    {"PFADD", "01", false},   {"SORT", "01", false},      {"BLPOP", "0", false},
    {"GEOADD", "01", false},  {"MULTI", "1", false},      {"PING", "1", false},
};

static bool is_utf8(const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint8_t byte = (uint8_t)text[i];
        size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
        if (length == 0 || length > n - i)
            return false;
        for (size_t j = 1; j < length; j++)
            if (((uint8_t)text[i + j] & 0xc0) != 0x80)
                return false;
        i += length;
    }
    return true;
}

static void check(const struct redis_argument *args, uint32_t n, uint32_t n_total, size_t max, bool is_clean)
{
    char *out = malloc(max + 1);
    if (!out)
        abort();
    size_t n_out = redis_redact(args, n, n_total, out, max);
    if (n_out > max || memchr(out, '\0', n_out) || !is_utf8(out, n_out))
        abort();
    if (is_clean && memchr(out, 'Z', n_out))
        abort();
    free(out);
    struct redis_argument operation;
    if (redis_operation(args, n, &operation) &&
        (!operation.n_bytes || memchr(operation.bytes, ' ', operation.n_bytes)))
        abort();
}

/* Each argument in a block of its own size, so that ASan sees a read behind it. */
static struct redis_argument copy_argument(const uint8_t *bytes, size_t n_bytes, bool has_value)
{
    char *copy = malloc(n_bytes + has_value + 1);
    if (!copy)
        abort();
    for (size_t i = 0; i < n_bytes; i++)
        copy[i] = bytes[i] == 'Z' && !has_value ? 'z' : (char)bytes[i];
    if (has_value)
        copy[n_bytes] = 'Z';
    size_t n_exact = n_bytes + has_value;
    char *exact = realloc(copy, n_exact ? n_exact : 1);
    return (struct redis_argument){exact ? exact : copy, (uint32_t)(n_bytes + has_value), false};
}

static void free_arguments(struct redis_argument *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        union {
            const char *in;
            char *out;
        } bytes = {args[i].bytes};
        free(bytes.out);
    }
}

static void fuzz_command(const uint8_t *data, size_t size, size_t max, bool is_raw)
{
    struct redis_argument args[MAX_ARGS];
    uint32_t n = 0, n_more = 0;
    unsigned command = size && !is_raw ? data[0] % (sizeof commands / sizeof *commands) : 0;
    if (!is_raw) {
        const char *name = commands[command].name;
        args[n++] = copy_argument((const uint8_t *)name, strlen(name), false);
        if (size >= 2)
            n_more = data[1] % 4;
        data += size < 2 ? size : 2;
        size -= size < 2 ? size : 2;
    }
    const char *values = commands[command].values;
    size_t n_values = strlen(values);
    while (size && n < MAX_ARGS) {
        const uint8_t *bar = memchr(data, '|', size);
        size_t n_bytes = bar ? (size_t)(bar - data) : size;
        size_t place = n - 1u;
        if (place >= n_values)
            place = commands[command].pairs ? n_values - 2 + (place - n_values) % 2 : n_values - 1;
        bool has_value = !is_raw && values[place] == '1';
        args[n] = copy_argument(data, n_bytes, has_value);
        args[n].cut = n_bytes % 16 == 15;
        n++;
        data += n_bytes + (bar != NULL);
        size -= n_bytes + (bar != NULL);
    }
    check(args, n, n + n_more, max, !is_raw);
    free_arguments(args, n);
}

static void fuzz_format(const uint8_t *data, size_t size, size_t max)
{
    struct redis_format_argument args[MAX_ARGS];
    struct redis_argument copies[MAX_ARGS], out[MAX_ARGS];
    uint32_t n = 0;
    while (size && n < MAX_ARGS) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n_bytes = end ? (size_t)(end - data) : size;
        copies[n] = copy_argument(data, n_bytes, false);
        const char *bytes = copies[n].bytes;
        size_t n_number = n_bytes > 9 ? 8 : n_bytes ? n_bytes - 1 : 0;
        args[n] = (struct redis_format_argument){.type = REDIS_FORMAT_BYTES, .bytes = copies[n]};
        if (n && n_bytes && (*bytes == 'i' || *bytes == 'd')) {
            args[n].type = *bytes == 'i' ? REDIS_FORMAT_INT : REDIS_FORMAT_DOUBLE;
            memcpy(&args[n].integer, bytes + 1, n_number);
            memcpy(&args[n].number, bytes + 1, n_number);
        }
        n++;
        data += n_bytes + (end != NULL);
        size -= n_bytes + (end != NULL);
    }
    if (n) {
        struct redis_format format = {copies[0], args + 1, n - 1};
        struct redis_scratch scratch = {malloc(max + 1), max};
        bool is_whole;
        uint32_t n_out = redis_format_split(&format, scratch, out, max % MAX_ARGS, &is_whole);
        if (n_out > max % MAX_ARGS)
            abort();
        char sum = 0;
        for (uint32_t i = 0; i < n_out; i++)
            for (uint32_t j = 0; j < out[i].n_bytes; j++)
                sum = (char)(sum ^ out[i].bytes[j]); /* every byte is there */
        static volatile char sink;
        sink = sum;
        (void)sink;
        check(out, n_out, n_out + !is_whole, max, false);
        free(scratch.bytes);
    }
    free_arguments(copies, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t max = data[1] == ' ' ? 4096 : data[1];
    if (data[0] == 'f')
        fuzz_format(data + 2, size - 2, max);
    else
        fuzz_command(data + 2, size - 2, max, data[0] == 'r');
    return 0;
}

/* curl_body: what a write function of the program's gets while ours stands in front of it, of any libcurl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "instrument/curl_priv.h"

/* What a libcurl knows of its handle; its defaults as there. */
static struct {
    curl_write_callback write;
    void *data;
} library;

static CURLcode set_option(CURL *handle, CURLoption option, ...)
{
    (void)handle;
    va_list arguments;
    va_start(arguments, option);
    if (option == CURLOPT_WRITEFUNCTION)
        library.write = va_arg(arguments, curl_write_callback);
    else if (option == CURLOPT_WRITEDATA)
        library.data = va_arg(arguments, void *);
    va_end(arguments);
    return CURLE_OK;
}

static uint64_t handle_memory[8];
static CURL *const handle = handle_memory;
static const struct curl_calls calls = {.setopt = set_option};

static struct {
    void *data; /* of the last call */
    void *next; /* set as CURLOPT_WRITEDATA from inside */
    unsigned n_calls;
} seen;

static size_t take(char *data, size_t size, size_t n, void *context)
{
    (void)data;
    seen.n_calls++;
    seen.data = context;
    if (seen.next)
        assert_int_equal(curl_body_option(set_option, handle, CURLOPT_WRITEDATA, seen.next), CURLE_OK);
    return size * n;
}

static void set_function(void)
{
    curl_write_callback function = take;
    void *value;
    memcpy(&value, &function, sizeof(value));
    assert_int_equal(curl_body_option(set_option, handle, CURLOPT_WRITEFUNCTION, value), CURLE_OK);
}

static struct curl_state *make_handle(void)
{
    memset(&seen, 0, sizeof(seen));
    library.write = (curl_write_callback)fwrite;
    library.data = stdout;
    curl_body_bytes = 64;
    struct curl_state *state = curl_state_of(connection_open(handle, INSTRUMENT_libcurl));
    assert_non_null(state);
    strcpy(state->url, "http://127.0.0.1/");
    return state;
}

static void begin(struct curl_state *state)
{
    static uint8_t staged[4096];
    static volatile uint32_t bytes, busy;
    struct facts facts = {.base = staged, .bytes = &bytes, .max_bytes = sizeof(staged), .busy = &busy};
    bytes = 0;
    curl_body_begin(handle, state, &calls, &facts, NULL);
}

static void test_curl_body_hands_on_the_standard_output(void **unused)
{
    (void)unused;
    struct curl_state *state = make_handle();
    char piece[] = "piece";
    set_function();
    begin(state);
    assert_true(library.write != take);
    assert_int_equal(library.write(piece, 1, 5, library.data), 5);
    assert_int_equal(seen.n_calls, 1);
    assert_ptr_equal(seen.data, stdout);
    curl_body_restore(handle, state, &calls);
    assert_true(library.write == take && library.data == stdout);
}

/* Before 7.86 libcurl asks for the pointer at each of a piece's 16 KiB, and for the function once. */
static void test_curl_body_pointer_set_from_inside(void **unused)
{
    (void)unused;
    struct curl_state *state = make_handle();
    char piece[] = "piece", other[256] = "";
    set_function();
    begin(state);
    seen.next = other;
    curl_write_callback write = library.write;
    assert_int_equal(write(piece, 1, 5, library.data), 5);
    seen.next = NULL;
    assert_int_equal(write(piece, 1, 5, library.data), 5);
    assert_int_equal(seen.n_calls, 2);
    assert_ptr_equal(seen.data, other);
    curl_body_restore(handle, state, &calls);
    assert_true(library.write == take && library.data == other);
}

/* An option that found no memory is not known: what libcurl has of the program's then stays. */
static void test_curl_body_without_memory(void **unused)
{
    (void)unused;
    struct curl_state *state = make_handle();
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    set_function();
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    begin(state);
    assert_true(library.write == take);
    assert_int_equal(curl_body_option(set_option, handle, CURLOPT_WRITEDATA, &seen), CURLE_OK);
    begin(state);
    assert_true(library.write == take && library.data == &seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curl_body_hands_on_the_standard_output),
        cmocka_unit_test(test_curl_body_pointer_set_from_inside),
        cmocka_unit_test(test_curl_body_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

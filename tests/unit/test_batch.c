/* batch: references, receipts, and the life of resources. Leaks are ASan's to find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "telemetry/batch.h"

static void test_batch_references(void **state)
{
    (void)state;
    struct resource *resources[2] = {calloc(1, sizeof(struct resource)), calloc(1, sizeof(struct resource))};
    resources[0]->n_references = resources[1]->n_references = 1;
    struct batch *batch = batch_create(2);
    for (int i = 0; i < 20; i++) { /* neighbours share one reference */
        struct span *span = arena_zalloc(&batch->arena, sizeof(*span));
        span->resource = i == 19 ? NULL : resources[i / 2 % 2];
        batch_add_span(batch, span);
    }
    assert_int_equal(batch->n_spans, 20);
    assert_int_equal(resources[0]->n_references, 6);
    assert_int_equal(resources[1]->n_references, 6);
    assert_ptr_equal(batch_reference(batch), batch);
    batch_release(batch);
    assert_int_equal(resources[0]->n_references, 6);
    batch_release(batch);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(resources[i]->n_references, 1);
        resource_release(resources[i]);
    }
    resource_release(NULL);
}

static void test_batch_receipts_replace(void **state)
{
    (void)state;
    struct batch *batch = batch_create(1);
    const struct receipt receipts[] = {
        {1, 10, 0, RECEIPT_CHUNK, 1, 3}, {1, 11, 1, RECEIPT_CHUNK, 1, 3}, {1, 12, 0, RECEIPT_CHUNK, 1, 3},
        {2, 13, 0, RECEIPT_CHUNK, 1, 3}, {1, 14, 0, RECEIPT_ROOT, 1, 3},  {1, 15, 1, RECEIPT_CHUNK, 1, 3},
        {0, 0, 0, RECEIPT_NONE, 1, 3},
    };
    for (size_t i = 0; i < sizeof(receipts) / sizeof(receipts[0]); i++)
        batch_add_receipt(batch, &receipts[i]);
    const uint64_t words[] = {12, 15, 13, 14};
    const uint32_t n_spans[] = {2, 2, 1, 1};
    assert_int_equal(batch->n_receipts, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(batch->receipts[i].word, words[i]);
        assert_int_equal(batch->receipts[i].n_spans, n_spans[i]);
        assert_int_equal(batch->receipts[i].n_measured, 3 * n_spans[i]);
    }
    for (uint32_t i = 0; i < 100; i++)
        batch_add_receipt(batch, &(struct receipt){3, i, i, RECEIPT_CHUNK, 1, 3});
    assert_int_equal(batch->n_receipts, 104);
    assert_int_equal(batch->receipts[103].word, 99);
    batch_release(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_references),
        cmocka_unit_test(test_batch_receipts_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* raw_span: see raw_span.h. */
#include "telemetry/raw_span.h"

const struct raw_fact *raw_span_find(const struct raw_span *raw, enum wire_attribute key)
{
    for (uint32_t i = 0; i < raw->n_facts; i++)
        if (raw->facts[i].key == key)
            return &raw->facts[i];
    return NULL;
}

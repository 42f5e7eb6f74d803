/* sampler: see sampler.h. */
#include "sampler.h"

#include "hot.h"

#define RANDOM_BITS 56
#define LIVE_BITS 24

static uint64_t randomness_of(const uint8_t trace_id[16])
{
    uint64_t randomness = 0;
    for (unsigned i = 9; i < 16; i++)
        randomness = randomness << 8 | trace_id[i];
    return randomness;
}

/* 0: as started. */
static HOT uint32_t live_word(void)
{
    const struct dropbox *box = dropbox_file();
    uint32_t word = box ? __atomic_load_n(&box->exporter->settings, __ATOMIC_RELAXED) : 0;
    return word & WIRE_LIVE_VALID ? word : 0;
}

HOT bool sampler_is_sampled(const struct shim_settings *settings, const uint8_t trace_id[16])
{
    uint32_t live = live_word();
    if (live & WIRE_LIVE_SAMPLER)
        return !(live & WIRE_LIVE_NEVER) &&
               randomness_of(trace_id) >> (RANDOM_BITS - LIVE_BITS) >= (live & WIRE_LIVE_THRESHOLD);
    switch (settings->sampler) {
    case SAMPLER_ALWAYS_ON:
        return true;
    case SAMPLER_ALWAYS_OFF:
        return false;
    case SAMPLER_RATIO:
        break;
    }
    return randomness_of(trace_id) >= settings->ratio_threshold;
}

bool sampler_is_child_sampled(const struct shim_settings *settings, const struct span_context *parent)
{
    uint32_t live = live_word();
    bool has_parent =
        live & WIRE_LIVE_SAMPLER ? (live & WIRE_LIVE_PARENT) != 0 : settings->sampler_has_parent;
    return has_parent ? (parent->flags & WIRE_SPAN_SAMPLED) != 0
                      : sampler_is_sampled(settings, parent->trace_id);
}

bool sampler_keeps_all(void)
{
    uint32_t live = live_word();
    if (live & (WIRE_LIVE_KEEP | WIRE_LIVE_NO_KEEP))
        return (live & WIRE_LIVE_KEEP) != 0;
    return settings_get()->keep_all;
}

/* muting: `otelshim alerts mute`: for a while nobody is told, but of crashes and orders in doubt, and of those without a sound. */
#include "outputs/alerts/alerts_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include <stdlib.h>

#define MUTE_NAME "mute.json"

bool muting_is_on(const struct alerts *alerts)
{
    return clock_ns(CLOCK_REALTIME) < alerts->muted_until_unix_ns;
}

bool muting_holds(const struct alerts *alerts, const struct alert *alert)
{
    return alert->class > ALERT_AMBIGUOUS && muting_is_on(alerts);
}

void alerts_mute(struct alerts *alerts, uint64_t until_unix_ns)
{
    json_t *object = json_object();
    size_t bytes;
    alerts->muted_until_unix_ns = until_unix_ns;
    json_put_number(object, "until_unix_ns", until_unix_ns);
    char *text = json_write(object, &bytes);
    if (until_unix_ns)
        (void)outbox_write_document(alerts->outbox, MUTE_NAME, text, bytes);
    else
        outbox_remove_document(alerts->outbox, MUTE_NAME);
    free(text);
    json_decref(object);
}

void muting_load(struct alerts *alerts)
{
    char *text = NULL;
    size_t bytes = 0;
    if (outbox_read_document(alerts->outbox, MUTE_NAME, 4096, &text, &bytes) != 0)
        return;
    json_t *object = json_read(text, bytes, 4096);
    alerts->muted_until_unix_ns = json_get_number(object, "until_unix_ns");
    json_decref(object);
    free(text);
}

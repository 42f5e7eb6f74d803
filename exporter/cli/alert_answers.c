/* alert_answers: what the exporter answers to `otelshim alerts` on the control socket. */
#include "base/clock.h"
#include "cli/pipeline_priv.h"
#include "outputs/alerts/alerts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MUTE_S (366ull * 86400)

static void mute(struct pipeline *pipeline, const char *text, FILE *out)
{
    char *end;
    errno = 0;
    unsigned long long seconds = strtoull(text, &end, 10);
    if (errno || *end || end == text || seconds > MAX_MUTE_S) {
        fputs("unknown request\n", out);
        return;
    }
    alerts_mute(pipeline->alerts, seconds ? clock_ns(CLOCK_REALTIME) + seconds * 1000000000ull : 0);
    if (seconds)
        fprintf(
            out,
            "muted for %llu s: alerts are listed, not sent; crashes and orders in doubt are sent, without "
            "a sound\n",
            seconds);
    else
        fputs("alerts are sent again\n", out);
}

bool pipeline_answer_alerts(struct pipeline *pipeline, const char *request, FILE *out)
{
    static const char prefix[] = "alerts ";
    if (strncmp(request, prefix, sizeof(prefix) - 1) != 0)
        return false;
    const char *what = request + sizeof(prefix) - 1;
    if (strcmp(what, "list") == 0 || strcmp(what, "list json") == 0)
        alerts_print(pipeline->alerts, out, what[4] != 0);
    else if (strcmp(what, "dedup") == 0 || strcmp(what, "dedup json") == 0)
        alerts_print_dedup(pipeline->alerts, out, what[5] != 0);
    else if (strncmp(what, "mute ", 5) == 0)
        mute(pipeline, what + 5, out);
    else if (strcmp(what, "unmute") == 0)
        mute(pipeline, "0", out);
    else
        fputs("unknown request\n", out);
    return true;
}

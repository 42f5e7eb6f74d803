/*
 * doctor_endpoint: the destination of traces, asked with what an exporter would send: a POST with the settings' headers and
 * certificates, of a request without spans. What it answers is told, and what time it says it is.
 */
#include "cli/doctor.h"
#include "outputs/otlp/send_http.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TOPIC "endpoint"
#define TIMEOUT_MS 5000u
#define CLOCK_WARN_S 5
#define CLOCK_FAIL_S 60
/* libcurl's numbers, which are part of its interface */
#define COULD_NOT_RESOLVE_PROXY 5
#define COULD_NOT_RESOLVE 6
#define COULD_NOT_CONNECT 7

struct asking {
    struct doctor *doctor;
    struct loop *loop;
    char url[300];
    const char *given; /* as settings have it */
};

/* http/protobuf to the port of gRPC: nobody there understands HTTP/1.1. */
static bool is_grpc_port(const char *url)
{
    const char *host = strstr(url, "://"), *end;
    host = host ? host + 3 : url;
    end = host + strcspn(host, "/");
    return end - host > 5 && strncmp(end - 5, ":4317", 5) == 0;
}

static void tell_clock(struct doctor *doctor, int64_t date_unix_s)
{
    if (date_unix_s < 0)
        return;
    long long off_s = (long long)time(NULL) - (long long)date_unix_s;
    long long size_s = off_s < 0 ? -off_s : off_s;
    enum finding_state state = size_s > CLOCK_FAIL_S   ? FINDING_FAIL
                               : size_s > CLOCK_WARN_S ? FINDING_WARN
                                                       : FINDING_OK;
    if (state == FINDING_OK)
        doctor_say(doctor, state, "clock", NULL, "as the endpoint's");
    else
        doctor_say(doctor, state, "clock", "timedatectl set-ntp true, here or there",
                   "this machine's clock is %lld s %s the endpoint's: spans will lie beside each other",
                   size_s, off_s > 0 ? "ahead of" : "behind");
}

static void tell_status(struct asking *asking, const struct http_result *result)
{
    struct doctor *doctor = asking->doctor;
    int status = result->status;
    const char *mend = "name an OTLP/HTTP receiver: OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318";
    enum finding_state state = FINDING_FAIL;
    if (status / 100 == 2) {
        state = FINDING_OK;
        mend = NULL;
    } else if (status == 401 || status == 403)
        mend = "OTEL_EXPORTER_OTLP_HEADERS=name=value, as the receiver's documentation says "
               "(authorization=Bearer%20TOKEN)";
    else if (status == 404 || status == 405)
        mend = "OTEL_EXPORTER_OTLP_ENDPOINT is the base URL, /v1/traces is appended; "
               "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it is";
    else if (status == 415 || status / 100 == 3)
        mend = "name an OTLP/HTTP receiver that takes protobuf, without a redirect";
    else if (status == 429 || status / 100 == 5) {
        state = FINDING_WARN;
        mend = "look at the receiver; spans are spooled meanwhile";
    } else if (status == 400) {
        state = FINDING_WARN;
        mend = "OTELSHIM_LOG=debug and `otelshim status` show whether real batches are taken";
    }
    doctor_say(doctor, state, TOPIC, mend, "%s answers %d", asking->url, status);
    tell_clock(doctor, result->date_unix_s);
}

static void tell_failure(struct asking *asking, const struct http_result *result)
{
    const char *mend = "start the receiver, or set OTEL_EXPORTER_OTLP_ENDPOINT";
    if (is_grpc_port(asking->url))
        mend = "port 4317 is gRPC's: OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318";
    else if (result->curl_code == COULD_NOT_RESOLVE || result->curl_code == COULD_NOT_RESOLVE_PROXY)
        mend = "check the host's name in OTEL_EXPORTER_OTLP_ENDPOINT, and DNS";
    else if (result->outcome == HTTP_TIMEOUT)
        mend = "check firewalls and the port in OTEL_EXPORTER_OTLP_ENDPOINT";
    else if (result->outcome == HTTP_REFUSED)
        mend = "check the URL and the certificate files (OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_KEY)";
    else if (result->outcome == HTTP_NO_CONNECTION && result->curl_code != COULD_NOT_CONNECT)
        mend = "http:// or https://? OTEL_EXPORTER_OTLP_CERTIFICATE names the CA's certificate";
    else if (result->outcome == HTTP_BROKEN)
        mend = "what answers there is no OTLP/HTTP receiver";
    doctor_say(asking->doctor, FINDING_FAIL, TOPIC, mend, "%s: %s", asking->url, result->error);
}

static void answered(void *context, const struct http_result *result)
{
    struct asking *asking = context;
    if (result->outcome == HTTP_ANSWERED)
        tell_status(asking, result);
    else
        tell_failure(asking, result);
    loop_stop(asking->loop);
}

void doctor_look_at_endpoint(struct doctor *doctor, const struct settings *settings)
{
    struct asking asking = {.doctor = doctor, .loop = loop_create()};
    struct body body = {0};
    if (!(settings->exporters & EXPORT_OTLP)) {
        loop_destroy(asking.loop);
        return;
    }
    if (http_print_url(settings->traces.url, asking.url, sizeof(asking.url)) != 0)
        snprintf(asking.url, sizeof(asking.url), "(not a URL)");
    if (is_grpc_port(asking.url))
        doctor_say(doctor, FINDING_WARN, TOPIC, "OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318",
                   "%s: port 4317 is usually gRPC's; http/protobuf is sent", asking.url);
    struct sender *sender = sender_create(asking.loop, &settings->traces);
    sender_post(sender, &body, false, TIMEOUT_MS, answered, &asking);
    loop_run(asking.loop);
    sender_destroy(sender);
    loop_destroy(asking.loop);
}

/* retry: see retry.h. */
#include "outputs/otlp/retry.h"

enum retry_verdict retry_judge(const struct http_result *result)
{
    switch (result->outcome) {
    case HTTP_NO_CONNECTION:
    case HTTP_TIMEOUT:
    case HTTP_BROKEN:
    case HTTP_REFUSED: /* a certificate file that cannot be read: somebody will put it right */
        return RETRY_AGAIN;
    case HTTP_TOO_BIG: /* spec: an answer above the limit is not retryable */
        return RETRY_NEVER;
    case HTTP_ANSWERED:
        break;
    }
    switch (result->status) {
    case 429:
    case 502:
    case 503:
    case 504:
        return RETRY_AGAIN;
    default:
        return result->status >= 200 && result->status < 300 ? RETRY_DELIVERED : RETRY_NEVER;
    }
}

void retry_init(struct retry *retry, uint64_t seed)
{
    *retry = (struct retry){.random = seed ? seed : 1};
}

void retry_reset(struct retry *retry)
{
    retry->delay_ms = 0;
}

/* xorshift64: nothing depends on its quality. */
static uint64_t next_random(struct retry *retry)
{
    retry->random ^= retry->random << 13;
    retry->random ^= retry->random >> 7;
    retry->random ^= retry->random << 17;
    return retry->random;
}

uint32_t retry_next_ms(struct retry *retry, uint32_t cap_ms, int64_t retry_after_ms)
{
    uint32_t delay_ms = retry->delay_ms ? retry->delay_ms + retry->delay_ms / 2 : RETRY_FIRST_MS;
    if (delay_ms > cap_ms)
        delay_ms = cap_ms;
    retry->delay_ms = delay_ms;
    uint32_t jittered_ms = delay_ms - delay_ms / 5 + (uint32_t)(next_random(retry) % (2 * delay_ms / 5 + 1));
    if (retry_after_ms > RETRY_AFTER_CAP_MS)
        retry_after_ms = RETRY_AFTER_CAP_MS;
    return retry_after_ms > (int64_t)jittered_ms ? (uint32_t)retry_after_ms : jittered_ms;
}

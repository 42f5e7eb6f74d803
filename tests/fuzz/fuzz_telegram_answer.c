/*
 * fuzz_telegram_answer: any bytes as the Bot API's answer: texts whole and valid, no token in them.
 *
 * First two bytes: the status; third: how the request ended. Wherever the rest has a 'T', a token stands in the answer.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "outputs/alerts/telegram_answer.h"

#define TOKEN "4711:ZZZZZZZZZZZZZZZZ"

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_text(const char *text, size_t max_bytes)
{
    size_t bytes = strnlen(text, max_bytes);
    require(bytes < max_bytes && utf8_valid_bytes(text, bytes) == bytes);
    require(!strstr(text, "ZZZZZZZZZZZ") && !strpbrk(text, "\n\r\x1b"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum http_outcome outcomes[] = {HTTP_ANSWERED, HTTP_ANSWERED, HTTP_NO_CONNECTION,
                                                 HTTP_TIMEOUT,  HTTP_BROKEN,   HTTP_TOO_BIG,
                                                 HTTP_REFUSED};
    static char body[1 << 16];
    if (size < 3)
        return 0;
    size_t n = 0;
    for (size_t i = 3; i < size && n + sizeof(TOKEN) < sizeof(body); i++) {
        if (data[i] == 'T') {
            memcpy(body + n, TOKEN, sizeof(TOKEN) - 1);
            n += sizeof(TOKEN) - 1;
        } else {
            body[n++] = data[i] == 'Z' ? 'Y' : (char)data[i];
        }
    }
    body[n] = 0;
    struct http_result result = {.outcome = outcomes[data[2] % 7],
                                 .status = (data[0] | data[1] << 8) % 600,
                                 .retry_after_ms = data[1] - 1,
                                 .body = body,
                                 .body_bytes = n,
                                 .error = body};
    struct telegram_answer answer;
    char text[300];
    telegram_answer_parse(&answer, &result);
    check_text(answer.description, sizeof(answer.description));
    require(strlen(answer.message_id) < sizeof(answer.message_id));
    require(strlen(answer.migrated_to) < sizeof(answer.migrated_to));
    require(answer.retry_ms <= 86400000);
    telegram_answer_explain(&answer, "-100/7", text, sizeof(text));
    check_text(text, sizeof(text));
    telegram_redact(body);
    require(!strstr(body, "ZZZZZZZZZZZZ"));
    return 0;
}

/* recent: see recent.h. */
#include "signals/spans/recent.h"

#include <string.h>

#define HTTP_SCOPE "otelshim.libcurl"
#define NAME_MAX_BYTES 255u

/*
 * "POST api.example.com/v1/orders": the name of a request is mostly its method alone, which says nothing to somebody who looks for
 * what a program was doing. Of the others the name. Returns the bytes.
 */
static size_t print_name(const struct span *span, char *ret_name, size_t max_bytes)
{
    const struct attribute *url = NULL;
    if (span->kind == SPAN_CLIENT && span->scope && strcmp(span->scope, HTTP_SCOPE) == 0)
        url = attribute_find(&span->attributes, "url.full");
    const char *target = url ? strstr(url->value.string.bytes, "://") : NULL;
    size_t method = target ? strcspn(span->name, " ") : 0;
    if (!target || method + 1 >= max_bytes) {
        const char *end = memccpy(ret_name, span->name, 0, max_bytes);
        return end ? (size_t)(end - ret_name) - 1 : max_bytes;
    }
    target += 3;
    size_t user_info = strcspn(target, "@/");
    target += target[user_info] == '@' ? user_info + 1 : 0;
    size_t left = max_bytes - method - 1, bytes = strcspn(target, "?#");
    bytes = bytes < left ? bytes : left;
    memcpy(ret_name, span->name, method);
    ret_name[method] = ' ';
    memcpy(ret_name + method + 1, target, bytes);
    return method + 1 + bytes;
}

void recent_add(struct recent *recent, const struct span *span, uint32_t tid)
{
    struct recent_span *item = &recent->items[recent->next];
    recent->next = recent->next + 1 < RECENT_SPANS ? recent->next + 1 : 0;
    recent->n++;
    memcpy(item->trace_id, span->trace_id, sizeof(item->trace_id));
    memcpy(item->span_id, span->span_id, sizeof(item->span_id));
    item->start_unix_ns = span->start_unix_ns;
    item->end_unix_ns = span->end_unix_ns;
    item->tid = tid;
    item->kind = (uint8_t)span->kind;
    item->status = (uint8_t)span->status;
    item->name_bytes = (uint8_t)print_name(span, item->name, RECENT_NAME_BYTES);
}

static const char *name_kind(uint32_t kind)
{
    static const char *const names[] = {"unspecified", "internal", "server",
                                        "client",      "producer", "consumer"};
    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : names[0];
}

static const char *name_status(uint32_t status)
{
    return status == SPAN_ERROR ? "error" : status == SPAN_OK ? "ok" : "unset";
}

struct crash_span *recent_list(const struct recent *recent, struct arena *arena, uint32_t *ret_n)
{
    uint32_t n = recent && recent->n < RECENT_SPANS ? recent->n : RECENT_SPANS;
    *ret_n = recent ? n : 0;
    if (!*ret_n)
        return NULL;
    struct crash_span *spans = arena_alloc(arena, n * sizeof(*spans));
    for (uint32_t i = 0; i < n; i++) {
        const struct recent_span *item =
            &recent->items[recent->n < RECENT_SPANS ? i : (recent->next + i) % RECENT_SPANS];
        spans[i] = (struct crash_span){
            /* a cut name may end in half a character: the text is repaired */
            .name = text_repaired(arena, item->name, item->name_bytes).bytes,
            .kind = name_kind(item->kind),
            .trace_id = text_print_hex(arena, item->trace_id, sizeof(item->trace_id)),
            .span_id = text_print_hex(arena, item->span_id, sizeof(item->span_id)),
            .tid = item->tid,
            .start_unix_ns = item->start_unix_ns,
            .end_unix_ns = item->end_unix_ns,
            .status = name_status(item->status),
        };
    }
    return spans;
}

void recent_describe(struct crash_span *to, struct arena *arena, const struct span *span, uint32_t tid,
                     bool is_open)
{
    char name[NAME_MAX_BYTES];
    *to = (struct crash_span){
        .name = text_repaired(arena, name, print_name(span, name, sizeof(name))).bytes,
        .kind = name_kind(span->kind),
        .trace_id = text_print_hex(arena, span->trace_id, sizeof(span->trace_id)),
        .span_id = text_print_hex(arena, span->span_id, sizeof(span->span_id)),
        .tid = tid,
        .start_unix_ns = span->start_unix_ns,
        .end_unix_ns = is_open ? 0 : span->end_unix_ns,
        .status = is_open ? name_status(SPAN_UNSET) : name_status(span->status),
    };
}

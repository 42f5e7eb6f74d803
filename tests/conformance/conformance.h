/*
 * conformance: does a span keep the rules of the specification? Used by unit tests on every span they see.
 *
 * The rules are written from the specification's text, so that a misunderstanding in the assembler is not repeated
 * here. conformance_check() returns NULL, or the first rule that is broken.
 */
#ifndef OTELSHIM_CONFORMANCE_H
#define OTELSHIM_CONFORMANCE_H

#include "base/utf8.h"
#include "telemetry/resource.h"
#include "telemetry/span.h"
#include <stdlib.h>
#include <string.h>

static const struct convention {
    const char *key;
    enum attribute_type type;
    const char *where;
} conventions[] = {
#define CONVENTION(key, TYPE, where) {key, ATTRIBUTE_##TYPE, where},
#include "attributes.h"
#undef CONVENTION
};

#define CONFORMANCE_RULE(condition, text) \
    do {                                  \
        if (!(condition))                 \
            return text;                  \
    } while (0)

static inline const char *conformance_text(const struct attributes *list, const char *key)
{
    const struct attribute *found = attribute_find(list, key);
    return found && found->type == ATTRIBUTE_STRING ? found->value.string.bytes : NULL;
}

static inline bool conformance_is_any(const char *word, const char *const *words)
{
    for (; word && *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* A convention that ends in a dot is about all keys that begin with it: the rest is in lower case. */
static inline bool conformance_is_key(const char *convention, const char *key)
{
    size_t n = strlen(convention);
    if (convention[n - 1] != '.')
        return strcmp(convention, key) == 0;
    return strncmp(convention, key, n) == 0 && key[n] && !strpbrk(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* "{method}" or "{method} {url.template}". */
static inline bool conformance_is_http_name(const char *name, const char *method, const char *template)
{
    size_t n = strlen(method);
    if (!template)
        return strcmp(name, method) == 0;
    return strncmp(name, method, n) == 0 && name[n] == ' ' && strcmp(name + n + 1, template) == 0;
}

static inline const char *conformance_check_list(const struct attributes *list, const char *where)
{
    for (uint32_t i = 0; i < list->n; i++) {
        const struct attribute *item = &list->items[i];
        CONFORMANCE_RULE(item->key && *item->key, "keys are not empty");
        CONFORMANCE_RULE(attribute_find(list, item->key) == item, "keys are unique");
        if (item->type == ATTRIBUTE_STRING) {
            struct text text = item->value.string;
            CONFORMANCE_RULE(utf8_valid_bytes(text.bytes, text.n_bytes) == text.n_bytes, "strings are UTF-8");
            CONFORMANCE_RULE(strlen(text.bytes) == text.n_bytes, "strings have their length and no NUL");
        }
        if (strncmp(item->key, "otelshim.", 9) == 0)
            continue;
        const struct convention *rule = NULL;
        for (size_t j = 0; j < sizeof(conventions) / sizeof(conventions[0]); j++)
            if (conformance_is_key(conventions[j].key, item->key))
                rule = &conventions[j];
        CONFORMANCE_RULE(rule, item->key);
        CONFORMANCE_RULE(rule->type == item->type, item->key);
        bool is_any = strcmp(rule->where, "any") == 0 && strcmp(where, "resource") != 0;
        CONFORMANCE_RULE(is_any || strcmp(rule->where, where) == 0, item->key);
    }
    return NULL;
}

static inline const char *conformance_check_http(const struct span *span)
{
    static const char *const methods[] = {"CONNECT", "DELETE", "GET",   "HEAD",  "OPTIONS", "PATCH",
                                          "POST",    "PUT",    "QUERY", "TRACE", "_OTHER",  NULL};
    static const char *const versions[] = {"1.0", "1.1", "2", "3", NULL};
    const struct attributes *list = &span->attributes;
    const char *method = conformance_text(list, "http.request.method");
    const char *url = conformance_text(list, "url.full"), *error = conformance_text(list, "error.type");
    const char *version = conformance_text(list, "network.protocol.version");
    const struct attribute *status = attribute_find(list, "http.response.status_code");
    CONFORMANCE_RULE(span->kind == SPAN_CLIENT, "kind CLIENT");
    CONFORMANCE_RULE(conformance_is_any(method, methods), "http.request.method: a known method or _OTHER");
    bool is_other = strcmp(method, "_OTHER") == 0;
    CONFORMANCE_RULE(conformance_is_http_name(span->name, is_other ? "HTTP" : method,
                                              conformance_text(list, "url.template")),
                     "name: {method} {url.template}, HTTP for _OTHER");
    CONFORMANCE_RULE(is_other || !attribute_find(list, "http.request.method_original"),
                     "method_original iff it differs");
    CONFORMANCE_RULE(url && strstr(url, "://"), "url.full: required, absolute");
    CONFORMANCE_RULE(attribute_find(list, "server.address"), "server.address: required");
    CONFORMANCE_RULE(attribute_find(list, "server.port"), "server.port: required");
    CONFORMANCE_RULE(!version || conformance_is_any(version, versions), "network.protocol.version");
    if (!status)
        return NULL;
    int64_t code = status->value.integer;
    CONFORMANCE_RULE(code >= 100 && code <= 999, "http.response.status_code: only if one was received");
    bool is_cancelled = span->status == SPAN_UNSET && attribute_find(list, "otelshim.abandoned");
    CONFORMANCE_RULE(code < 400 || span->status == SPAN_ERROR || is_cancelled,
                     "status Error for 4xx and 5xx");
    bool is_numeric = error && *error >= '0' && *error <= '9';
    CONFORMANCE_RULE(!is_numeric || atoll(error) == code, "error.type: the status code");
    CONFORMANCE_RULE(!is_numeric || !span->status_message, "no description when the status code explains it");
    return NULL;
}

static inline const char *conformance_check_database(const struct span *span)
{
    const struct attributes *list = &span->attributes;
    const char *system = conformance_text(list, "db.system.name");
    const char *summary = conformance_text(list, "db.query.summary");
    const char *code = conformance_text(list, "db.response.status_code");
    const char *error = conformance_text(list, "error.type");
    const char *operation = conformance_text(list, "db.operation.name");
    const struct attribute *port = attribute_find(list, "server.port");
    const struct attribute *batch = attribute_find(list, "db.operation.batch.size");
    bool is_redis = strcmp(system, "redis") == 0;
    int64_t usual_port = is_redis ? 6379 : strcmp(system, "postgresql") == 0 ? 5432 : 3306;
    CONFORMANCE_RULE(span->kind == SPAN_CLIENT, "kind CLIENT");
    CONFORMANCE_RULE(!summary || strcmp(span->name, summary) == 0, "name: {db.query.summary} comes first");
    CONFORMANCE_RULE(!summary || (*summary && strlen(summary) <= 255),
                     "db.query.summary: at most 255 characters");
    CONFORMANCE_RULE(!port || attribute_find(list, "server.address"),
                     "server.port: only with server.address");
    CONFORMANCE_RULE(!port || port->value.integer != usual_port, "server.port: only if not the default");
    CONFORMANCE_RULE(!batch || batch->value.integer != 1, "db.operation.batch.size: never 1");
    CONFORMANCE_RULE(is_redis || !operation, "db.operation.name: not parsed from SQL");
    CONFORMANCE_RULE(is_redis || !attribute_find(list, "db.collection.name"),
                     "db.collection.name: not from SQL");
    CONFORMANCE_RULE(!code || span->status == SPAN_ERROR, "db.response.status_code: if failed");
    CONFORMANCE_RULE(!code || (error && strcmp(code, error) == 0), "error.type: the status code");
    CONFORMANCE_RULE(!operation || !summary, "Redis has no summary");
    CONFORMANCE_RULE(!operation || strcmp(span->name, operation) == 0, "Redis: the name is the operation's");
    return NULL;
}

static inline const char *conformance_check(const struct span *span)
{
    static const uint8_t zero[16];
    const struct attributes *list = &span->attributes;
    bool is_http = attribute_find(list, "http.request.method") != NULL;
    bool is_database = attribute_find(list, "db.system.name") != NULL;
    bool has_error_type = attribute_find(list, "error.type") != NULL;
    const char *broken = conformance_check_list(list, is_http ? "http" : is_database ? "database" : "root");
    if (broken)
        return broken;
    CONFORMANCE_RULE(memcmp(span->trace_id, zero, 16) != 0 && memcmp(span->span_id, zero, 8) != 0,
                     "ids are not zero");
    CONFORMANCE_RULE(span->has_parent == (memcmp(span->parent_span_id, zero, 8) != 0), "parent id");
    CONFORMANCE_RULE((span->flags & ~0x3ffu) == 0 && (span->flags & 0x100),
                     "flags: 10-31 zero, IS_REMOTE known");
    CONFORMANCE_RULE(span->name && *span->name, "name is not empty");
    CONFORMANCE_RULE(span->end_unix_ns >= span->start_unix_ns, "end >= start");
    CONFORMANCE_RULE(span->scope && *span->scope, "scope has a name");
    CONFORMANCE_RULE((span->status == SPAN_ERROR) == has_error_type, "error.type iff Error");
    CONFORMANCE_RULE(span->status == SPAN_ERROR || !span->status_message, "description only with Error");
    CONFORMANCE_RULE(!attribute_find(list, "network.peer.port") ||
                         attribute_find(list, "network.peer.address"),
                     "network.peer.port: only with network.peer.address");
    for (uint32_t i = 0; i < span->n_events; i++)
        CONFORMANCE_RULE(span->events[i].time_unix_ns >= span->start_unix_ns &&
                             span->events[i].time_unix_ns <= span->end_unix_ns,
                         "events lie within their span");
    if (is_http)
        return conformance_check_http(span);
    return is_database ? conformance_check_database(span) : NULL;
}

static inline const char *conformance_check_resource(const struct resource *resource)
{
    static const char *const required[] = {"service.name", "telemetry.sdk.name", "telemetry.sdk.language",
                                           "telemetry.sdk.version", NULL};
    const struct attributes *list = &resource->attributes;
    const char *broken = conformance_check_list(list, "resource");
    if (broken)
        return broken;
    for (size_t i = 0; required[i]; i++)
        CONFORMANCE_RULE(conformance_text(list, required[i]), required[i]);
    CONFORMANCE_RULE(strcmp(conformance_text(list, "telemetry.sdk.name"), "opentelemetry") != 0,
                     "telemetry.sdk.name: opentelemetry is reserved");
    CONFORMANCE_RULE(strncmp(conformance_text(list, "telemetry.distro.name"), "opentelemetry-", 14) != 0,
                     "telemetry.distro.name: opentelemetry-... is reserved");
    return NULL;
}

#endif

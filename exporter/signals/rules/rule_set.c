/* rule_set: the rules of one program, and what they say of each of its calls and log lines. */
#include "signals/rules/rules_priv.h"

#include "base/file.h"
#include "signals/rules/profiles.h"
#include "signals/rules/templates.h"
#include "signals/spans/reading.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static void read_one(struct rule_set *set, const struct settings *settings, const char *name,
                     rules_note_fn note, void *context)
{
    int error;
    bool is_path = strchr(name, '/') != NULL;
    const char *profile = is_path || strcmp(name, "messages") == 0 ? NULL : profile_find(name);
    char *text = profile ? arena_copy(&set->arena, profile, strlen(profile))
                 : is_path
                     ? file_read_text(&set->arena, name, settings->uid, RULES_FILE_MAX_BYTES, NULL, &error)
                     : NULL;
    if (text)
        rules_parse(set, name, text, note, context);
    else if (is_path && note)
        note(context, arena_printf(&set->arena, "OTELSHIM_RULES: %s: %s; left out", name,
                                   error == -EPERM ? "it must belong to the program's user"
                                                   : strerrordesc_np(-error)));
    else if (note)
        note(context,
             arena_printf(&set->arena,
                          "OTELSHIM_RULES: \"%s\": a path with a / or a profile (%s) is allowed; left out",
                          name, profile_names));
}

/* Templates that rules name must be there. */
static void check_templates(struct rule_set *set, const struct settings *settings, rules_note_fn note,
                            void *context)
{
    struct template_book book;
    templates_read(settings, &book, &set->arena, note, context);
    for (uint32_t i = 0; i < set->n && note; i++) {
        const struct rule_entry *rule = set->rules[i];
        if (rule->message == MESSAGE_TEMPLATE && !template_choose(settings, rule->message_text))
            note(context,
                 arena_printf(&set->arena, "%s:%u: rule %s: no template is called %s; it sends no message",
                              rule->path, rule->line, rule->name, rule->message_text));
    }
}

/* Bodies are only there where the program was started with the setting. */
static void check_bodies(struct rule_set *set, const struct settings *settings, rules_note_fn note,
                         void *context)
{
    const char *bytes = settings->values[SETTING_OTELSHIM_BODY_BYTES];
    if (note && set->looks_into_bodies && (!bytes || strcmp(bytes, "0") == 0))
        note(context,
             "OTELSHIM_RULES: rules look into bodies: OTELSHIM_BODY_BYTES=2048 is needed in the program's "
             "environment");
}

struct rule_set *rule_set_create(const struct settings *settings, rules_note_fn note, void *context)
{
    if (!settings->alerts.rules.n)
        return NULL;
    struct rule_set *set = calloc(1, sizeof(*set));
    if (!set)
        abort();
    set->memory = rule_memory_create();
    for (uint32_t i = 0; i < settings->alerts.rules.n; i++)
        read_one(set, settings, settings->alerts.rules.items[i], note, context);
    check_templates(set, settings, note, context);
    check_bodies(set, settings, note, context);
    if (set->n)
        return set;
    rule_set_destroy(set);
    return NULL;
}

void rule_set_destroy(struct rule_set *set)
{
    if (!set)
        return;
    for (uint32_t i = 0; i < set->n; i++)
        for (uint32_t j = 0; j < set->rules[i]->n_metrics; j++)
            shown_labels_fini(&set->rules[i]->metrics[j]->shown);
    rule_memory_destroy(set->memory);
    arena_fini(&set->arena);
    free(set);
}

/* ---- calls and log lines ---- */

static bool fits_any(struct subject *subject, const struct rule_entry *rule)
{
    for (uint32_t i = 0; i < rule->n_matches; i++)
        if (match_fits(subject, rule->matches[i]))
            return true;
    return false;
}

static void ask(struct subject *subject, struct rule_results *results)
{
    for (uint32_t i = 0; i < subject->set->n; i++) {
        if (!fits_any(subject, subject->set->rules[i]))
            continue;
        if (!results->alerts) {
            results->alerts = arena_alloc(subject->arena, RULE_MAX_ALERTS * sizeof(*results->alerts));
            results->measurements =
                arena_alloc(subject->arena, RULE_MAX_MEASUREMENTS * sizeof(*results->measurements));
        }
        rule_act(subject, subject->set->rules[i], results);
    }
}

static const char *text_of(const struct attributes *attributes, const char *key)
{
    const struct attribute *item = attribute_find(attributes, key);
    return item && item->type == ATTRIBUTE_STRING ? item->value.string.bytes : NULL;
}

/* A method that the conventions do not know is _OTHER. */
static void look_at_request(struct subject *subject)
{
    const struct raw_fact *url = raw_span_find(subject->raw, WIRE_URL_FULL);
    const char *original = text_of(subject->attributes, "http.request.method_original");
    const struct attribute *port = attribute_find(subject->attributes, "server.port");
    subject->method = original ? original : text_of(subject->attributes, "http.request.method");
    subject->host = text_of(subject->attributes, "server.address");
    subject->port = port && port->type == ATTRIBUTE_INT ? port->value.integer : 0;
    subject->path = "/";
    if (!subject->method || !url || !url->bytes)
        return;
    const struct url_reading *reading = reading_of_url(url, raw_span_find(subject->raw, WIRE_URL_SCHEME));
    if (reading->path.n_bytes)
        subject->path = arena_copy(subject->arena, reading->path.bytes, reading->path.n_bytes);
}

/* what is asked, of whom, how and where to: NOLINTNEXTLINE(readability-function-size) */
void rule_set_span(struct rule_set *set, const struct settings *settings, const struct raw_span *raw,
                   const struct span *span, enum rule_pass pass, struct arena *arena,
                   struct rule_results *ret_results)
{
    struct subject subject = {.set = set,
                              .settings = settings,
                              .raw = raw,
                              .span = span,
                              .attributes = &span->attributes,
                              .pass = pass,
                              .arena = arena};
    *ret_results = (struct rule_results){0};
    if (raw->kind == RAW_ROOT ||
        !(set->has_kind[MATCH_HTTP] || set->has_kind[MATCH_SQL] || set->has_kind[MATCH_SPAN]))
        return;
    if (set->has_kind[MATCH_HTTP])
        look_at_request(&subject);
    ask(&subject, ret_results);
}

void rule_set_log(struct rule_set *set, const struct settings *settings, const struct log_record *record,
                  struct arena *arena, struct rule_results *ret_results)
{
    struct subject subject = {.set = set,
                              .settings = settings,
                              .record = record,
                              .attributes = &record->attributes,
                              .arena = arena};
    *ret_results = (struct rule_results){0};
    if (set->has_kind[MATCH_LOG] && record->body.bytes)
        ask(&subject, ret_results);
}

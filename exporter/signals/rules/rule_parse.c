/*
 * rule_parse: the lines of a rules file. INI-like, and read by ourselves: a line may be as long as it has to be, and # and ; are
 * signs like others behind its beginning (why not inih: settings/files.c).
 */
#include "signals/rules/rules_priv.h"

#include "signals/rules/templates.h"
#include <string.h>

/* ---- name = value ---- */

static bool parse_match(struct parser *parser, struct rule_entry *rule, const char *value)
{
    if (rule->n_matches == RULE_MAX_LINES) {
        parser->problem = "32 match lines are allowed";
        return false;
    }
    struct match *match = match_parse(parser, value);
    if (match)
        rule->matches[rule->n_matches++] = match;
    return match != NULL;
}

static bool parse_where(struct parser *parser, struct rule_entry *rule, const char *value)
{
    return conditions_parse(parser, &rule->where, value);
}

static bool parse_each(struct parser *parser, struct rule_entry *rule, const char *value)
{
    rule->each = expression_parse_all(parser, value);
    if (!rule->each || (rule->each->kind == EXPRESSION_REFERENCE && rule->each->reference <= REFERENCE_BODY))
        return rule->each != NULL;
    parser->problem = "each = $response/list, $request/list or $body/list is allowed";
    return false;
}

static bool parse_once(struct parser *parser, struct rule_entry *rule, const char *value)
{
    rule->once = expression_parse_all(parser, value);
    return rule->once != NULL;
}

static bool keep_message(struct parser *parser, struct rule_entry *rule, enum message_kind kind,
                         const char *text)
{
    const char *why;
    rule->message = kind;
    rule->message_text = arena_copy(parser->arena, text, strlen(text));
    if (*text && (kind != MESSAGE_TEXT || template_check(text, &why)))
        return true;
    parser->problem =
        *text ? why : "message = template NAME, message = text TEXT or message = error TYPE is allowed";
    return false;
}

/* "\n" becomes a new line. */
static const char *with_lines(struct parser *parser, const char *text)
{
    char *out = arena_alloc(parser->arena, strlen(text) + 1);
    size_t n = 0;
    for (; *text; text++) {
        bool is_line = text[0] == '\\' && text[1] == 'n';
        out[n++] = (char)(is_line ? '\n' : *text);
        text += is_line;
    }
    out[n] = 0;
    return out;
}

static bool parse_message(struct parser *parser, struct rule_entry *rule, const char *value)
{
    size_t n = strcspn(value, " \t");
    const char *rest = value + n + strspn(value + n, " \t");
    if (n == 8 && strncmp(value, "template", 8) == 0)
        return keep_message(parser, rule, MESSAGE_TEMPLATE, rest);
    if (n == 5 && strncmp(value, "error", 5) == 0)
        return keep_message(parser, rule, MESSAGE_ERROR, rest);
    return keep_message(parser, rule, MESSAGE_TEXT,
                        n == 4 && strncmp(value, "text", 4) == 0 ? with_lines(parser, rest) : "");
}

static bool parse_class(struct parser *parser, struct rule_entry *rule, const char *value)
{
    static const struct {
        const char *name;
        enum alert_class class;
    } classes[] = {{"error", ALERT_ERROR},
                   {"slow", ALERT_SLOW},
                   {"log", ALERT_LOG},
                   {"trade", ALERT_TRADE},
                   {"info", ALERT_INFO}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(value, classes[i].name) == 0) {
            rule->class = classes[i].class;
            return rule->has_class = true;
        }
    parser->problem = "class = error, slow, log, trade or info is allowed";
    return false;
}

static bool parse_level(struct parser *parser, struct rule_entry *rule, const char *value)
{
    static const char *const levels[] = {"info", "warn", "error", "critical"};
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(value, levels[i]) == 0) {
            rule->level = (enum alert_level)i;
            return rule->has_level = true;
        }
    parser->problem = "level = info, warn, error or critical is allowed";
    return false;
}

static bool parse_sound(struct parser *parser, struct rule_entry *rule, const char *value)
{
    rule->is_silent = strcmp(value, "silent") == 0;
    if (rule->is_silent || strcmp(value, "on") == 0)
        return true;
    parser->problem = "sound = on or silent is allowed";
    return false;
}

/* One more in a list of RULE_MAX_LINES. */
static bool parse_assignment(struct parser *parser, struct assignment *list, uint32_t *n, const char *name,
                             const char *value)
{
    if (!*name || *n == RULE_MAX_LINES) {
        parser->problem =
            "field.NAME = VALUE and attribute.NAME = VALUE are allowed, 32 times each in a rule";
        return false;
    }
    struct assignment *one = &list[(*n)++];
    one->name = arena_copy(parser->arena, name, strlen(name));
    one->value = expression_parse_all(parser, value);
    return one->value != NULL;
}

/* remember NAME = VALUE, remember NAME[KEY] = VALUE: `at` is behind the word. */
static bool parse_remember(struct parser *parser, struct rule_entry *rule, const char *at)
{
    at += strspn(at, " \t");
    size_t n = strcspn(at, "[= \t");
    struct assignment *remember = &rule->remembers[rule->n_remembers];
    parser->problem = "remember NAME = VALUE or remember NAME[KEY] = VALUE is allowed, 32 times in a rule";
    if (n == 0 || rule->n_remembers == RULE_MAX_LINES)
        return false;
    remember->name = arena_copy(parser->arena, at, n);
    at += n;
    if (*at == '[') {
        parser->problem = NULL;
        at++;
        remember->key = expression_parse(parser, &at, "]");
        if (!remember->key)
            return false;
        parser->problem = "a ] is missing";
        if (*at++ != ']')
            return false;
    }
    parser->problem = "remember NAME = VALUE or remember NAME[KEY] = VALUE is allowed, 32 times in a rule";
    at += strspn(at, " \t");
    if (*at != '=')
        return false;
    parser->problem = NULL;
    remember->value = expression_parse_all(parser, at + 1);
    rule->n_remembers++;
    return remember->value != NULL;
}

static const struct {
    const char *name;
    bool (*parse)(struct parser *parser, struct rule_entry *rule, const char *value);
} keys[] = {
    {"match", parse_match},     {"where", parse_where}, {"each", parse_each},   {"once", parse_once},
    {"message", parse_message}, {"class", parse_class}, {"level", parse_level}, {"sound", parse_sound},
};

static const struct {
    const char *name;
    enum wire_instrument instrument;
} instruments[] = {{"counter", WIRE_COUNTER},
                   {"updown", WIRE_UP_DOWN_COUNTER},
                   {"gauge", WIRE_GAUGE},
                   {"histogram", WIRE_HISTOGRAM}};

/* NAME = VALUE, in place. */
static bool parse_pair(struct parser *parser, struct rule_entry *rule, char *line)
{
    char *equals = strchr(line, '=');
    size_t n = equals ? (size_t)(equals - line) : 0;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (equals) {
        const char *value = equals + 1 + strspn(equals + 1, " \t");
        line[n] = 0;
        if (strncmp(line, "field.", 6) == 0)
            return parse_assignment(parser, rule->fields, &rule->n_fields, line + 6, value);
        if (strncmp(line, "attribute.", 10) == 0)
            return parse_assignment(parser, rule->attributes, &rule->n_attributes, line + 10, value);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            if (strcmp(line, keys[i].name) == 0)
                return keys[i].parse(parser, rule, value);
    }
    parser->problem =
        "match, where, each, once, field.NAME, attribute.NAME, message, class, level, sound, remember, "
        "counter, updown, gauge or histogram is allowed";
    return false;
}

static bool parse_line(struct parser *parser, struct rule_entry *rule, char *line)
{
    size_t n = strcspn(line, " \t=");
    if (line[n] == ' ' || line[n] == '\t') {
        for (size_t i = 0; i < sizeof(instruments) / sizeof(instruments[0]); i++)
            if (strlen(instruments[i].name) == n && memcmp(line, instruments[i].name, n) == 0)
                return metric_parse(parser, rule, instruments[i].instrument, line + n);
        if (n == 8 && memcmp(line, "remember", n) == 0)
            return parse_remember(parser, rule, line + n);
    }
    return parse_pair(parser, rule, line);
}

/* ---- files ---- */

struct reading {
    struct parser parser;
    struct rule_set *set;
    struct rule_entry *rule; /* being read; NULL: none, or a wrong one */
    struct word_list *words; /* likewise */
    rules_note_fn note;
    void *context;
};

static void note(struct reading *reading, uint32_t line, const char *rule, const char *problem)
{
    struct parser *parser = &reading->parser;
    const char *text = rule ? arena_printf(parser->arena, "%s:%u: rule %s: %s; rule left out", parser->path,
                                           line, rule, problem)
                            : arena_printf(parser->arena, "%s:%u: %s", parser->path, line, problem);
    if (reading->note)
        reading->note(reading->context, text);
    parser->problem = NULL;
}

static bool uses_each(const struct rule_entry *rule)
{
    bool uses = false;
    for (uint32_t i = 0; i < rule->n_fields; i++)
        uses |= rule->fields[i].value->uses_each;
    for (uint32_t i = 0; i < rule->n_metrics; i++)
        uses |= rule->metrics[i]->uses_each;
    for (uint32_t i = 0; i < rule->n_remembers; i++)
        uses |= rule->remembers[i].value->uses_each ||
                (rule->remembers[i].key && rule->remembers[i].key->uses_each);
    for (uint32_t i = 0; i < rule->where.n; i++)
        uses |= rule->where.items[i].left && rule->where.items[i].left->uses_each;
    return uses;
}

/* What the lines of a rule lack together; NULL: nothing. */
static const char *find_lack(const struct rule_entry *rule)
{
    if (!rule->n_matches)
        return "a line match = … is needed";
    if (!rule->each && uses_each(rule))
        return "a line each = … is needed for $each";
    for (uint32_t i = 0; i < rule->n_attributes; i++)
        if (rule->attributes[i].value->uses_each)
            return "attribute.NAME has one value: $each is not allowed there";
    for (uint32_t i = 0; i < rule->n_matches; i++)
        if (rule->n_attributes && rule->matches[i]->kind == MATCH_LOG)
            return "attribute.NAME is allowed for http, sql and span";
    return NULL;
}

static void close_rule(struct reading *reading)
{
    struct rule_entry *rule = reading->rule;
    reading->rule = NULL;
    const char *lack = rule ? find_lack(rule) : NULL;
    if (lack)
        note(reading, rule->line, rule->name, lack);
    if (!rule || lack)
        return;
    if (!rule->has_class)
        rule->class = rule->message == MESSAGE_ERROR ? ALERT_ERROR : ALERT_TRADE;
    if (!rule->has_level)
        rule->level = rule->message == MESSAGE_ERROR ? ALERT_LEVEL_ERROR : ALERT_LEVEL_INFO;
    reading->set->rules[reading->set->n++] = rule;
    for (uint32_t i = 0; i < rule->n_matches; i++)
        reading->set->has_kind[rule->matches[i]->kind] = true;
}

/* [rule NAME], [words NAME] */
static void begin_section(struct reading *reading, char *line)
{
    struct parser *parser = &reading->parser;
    bool is_words = strncmp(line, "[words", 6) == 0;
    char *name = line + (is_words ? 6 : 5), *end = strchr(line, ']');
    size_t n_blanks = strspn(name, " \t");
    name += n_blanks;
    parser->rule = NULL;
    if ((!is_words && strncmp(line, "[rule", 5) != 0) || !end || name >= end || end[1] || !n_blanks) {
        note(reading, parser->line, NULL, "[rule NAME] or [words NAME] is allowed; what follows is left out");
        return;
    }
    if (is_words) {
        reading->words = words_open(reading->set, name, (size_t)(end - name));
        if (!reading->words)
            note(reading, parser->line, NULL, "16 lists of words are allowed; what follows is left out");
        return;
    }
    if (reading->set->n == RULES_MAX) {
        note(reading, parser->line, NULL, "256 rules are allowed; what follows is left out");
        return;
    }
    reading->rule = arena_zalloc(parser->arena, sizeof(*reading->rule));
    *reading->rule = (struct rule_entry){.name = arena_copy(parser->arena, name, (size_t)(end - name)),
                                         .path = parser->path,
                                         .line = parser->line};
    parser->rule = reading->rule->name;
}

static void read_line(struct reading *reading, char *line)
{
    struct parser *parser = &reading->parser;
    line += strspn(line, " \t");
    size_t n = strlen(line);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = 0;
    if (!*line || *line == '#' || *line == ';')
        return;
    if (*line == '[') {
        close_rule(reading);
        reading->words = NULL;
        begin_section(reading, line);
        return;
    }
    if (reading->words && !words_add(reading->set, reading->words, line))
        note(reading, parser->line, NULL, "WORD = TEXT is allowed, 256 times; line left out");
    if (!reading->rule)
        return;
    parser->problem = NULL;
    parser->depth = 0;
    if (parse_line(parser, reading->rule, line))
        return;
    note(reading, parser->line, reading->rule->name,
         parser->problem ? parser->problem : "this is not understood");
    reading->rule = NULL;
}

/* Valid UTF-8, and of the control characters only tabs and line ends: what is quoted in the log controls no terminal. */
static char *cleaned(struct arena *arena, const char *text)
{
    struct text valid = text_repaired(arena, text, strlen(text));
    char *copy = arena_copy(arena, valid.bytes, valid.n_bytes);
    for (char *c = copy; *c; c++)
        if (((unsigned char)*c < 0x20 && !strchr("\t\r\n", *c)) || *c == 0x7f)
            *c = ' ';
    return copy;
}

void rules_parse(struct rule_set *set, const char *path, const char *text, rules_note_fn note_line,
                 void *context)
{
    struct reading reading = {
        .parser = {.set = set, .arena = &set->arena, .path = arena_copy(&set->arena, path, strlen(path))},
        .set = set,
        .note = note_line,
        .context = context};
    for (char *line = cleaned(&set->arena, text), *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        reading.parser.line++;
        read_line(&reading, line);
    }
    close_rule(&reading);
}

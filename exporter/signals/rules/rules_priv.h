/*
 * rules_priv: what the files of this folder share: a rule as it was read, and one call or log line as it looks to rules.
 *
 *   rule_parse.c   lines of a file → struct rule_entry: match_parse.c, metric_parse.c, expression_parse.c
 *   rule_set.c     the calls of rules.h                     rule_match.c   does it match? conditions
 *   rule_act.c     fields, message, measurements            expression_value.c, function.c   what stands for what
 *   rule_memory.c  remember, once, absent
 */
#ifndef OTELSHIM_RULES_PRIV_H
#define OTELSHIM_RULES_PRIV_H

#include "signals/rules/body.h"
#include "signals/rules/rules.h"

#define RULES_FILE_MAX_BYTES (64u << 10)
#define RULES_MAX 256u       /* of one program */
#define RULE_MAX_LINES 32u   /* of a kind, in a rule */
#define RULES_MAX_WORDS 256u /* of a list */
#define RULES_MAX_LISTS 16u
#define RULE_MAX_ITEMS 64u   /* of a list that `each` goes through */
#define RULE_MAX_CAPTURES 9u /* $1 … $9 */
#define RULE_MAX_ALERTS 16u  /* of one call or log line */
#define RULE_MAX_MEASUREMENTS 256u
#define EXPRESSION_MAX_DEPTH 8u
#define EXPRESSION_MAX_ARGUMENTS 64u

/* ---- expressions ---- */

enum reference {
    REFERENCE_REQUEST,  /* $request/pointer */
    REFERENCE_RESPONSE, /* $response/pointer */
    REFERENCE_BODY,     /* $body: of a log line; $body/pointer where it is JSON */
    REFERENCE_EACH,     /* $each/pointer */
    REFERENCE_QUERY,    /* $query.name */
    REFERENCE_HEADER,   /* $header.name: of the response, else of the request */
    REFERENCE_PATH,     /* $path; $path.name: {name} of the rule's path */
    REFERENCE_ATTRIBUTE,
    REFERENCE_MEMORY, /* $memory.name[key] */
    REFERENCE_CAPTURE,
    REFERENCE_DURATION_MS,
    REFERENCE_DURATION_S,
    REFERENCE_NAME,
    REFERENCE_SEVERITY,
    REFERENCE_EVENT,
    REFERENCE_TRACE_ID,
};

enum function {
    FUNCTION_BUCKET,
    FUNCTION_MAP,
    FUNCTION_DEFAULT,
    FUNCTION_JOIN,
    FUNCTION_BEFORE,
    FUNCTION_AFTER,
    FUNCTION_UPPER,
    FUNCTION_LOWER,
    FUNCTION_NUMBER,
    FUNCTION_FORMAT,
    FUNCTION_ADD,
    FUNCTION_SUB,
    FUNCTION_MUL,
    FUNCTION_DIV,
    FUNCTION_COUNT,
    FUNCTION_SUM,
    FUNCTION_HAS,
    FUNCTION_WORDS,
    N_FUNCTIONS
};

struct expression {
    enum { EXPRESSION_TEXT, EXPRESSION_REFERENCE, EXPRESSION_CALL } kind;
    enum reference reference;
    enum function function;
    const char *text; /* the text; a reference's pointer or name */
    const struct expression **arguments;
    uint32_t n_arguments;
    bool uses_each;
};

/* ---- rules ---- */

enum operator{
    OPERATOR_EQUAL,
    OPERATOR_DIFFERENT,
    OPERATOR_LESS,
    OPERATOR_MORE,
    OPERATOR_AT_LEAST,
    OPERATOR_AT_MOST,
    OPERATOR_FAILED,
    OPERATOR_FINE
};

struct condition {
    enum operator operator;
    const struct expression *left; /* NULL: `error`, `ok` */
    const char *right;             /* alternatives, globs; of < and > a number */
    double number;
};

struct conditions {
    struct condition items[RULE_MAX_LINES];
    uint32_t n;
};

enum match_kind { MATCH_HTTP, MATCH_SQL, MATCH_LOG, MATCH_SPAN };

struct match {
    enum match_kind kind;
    const char *method; /* glob */
    const char *hosts;  /* globs joined by | */
    const char *path;   /* template; NULL: any */
    const char *glob;   /* of a statement, log line, span's name */
    struct conditions conditions;
};

struct assignment {
    const char *name;
    const struct expression *key; /* of `remember name[key]`; NULL: none */
    const struct expression *value;
};

/* Label sets that a gauge with `absent` has shown (rule_memory.c). */
struct shown_labels {
    char *sets[RULE_MAX_ITEMS];
    uint32_t n;
};

struct metric_line {
    enum wire_instrument instrument;
    const char *name, *unit;
    struct assignment labels[RULE_MAX_LINES];
    uint32_t n_labels;
    const struct expression *value;
    bool uses_each;
    const struct expression *absent; /* NULL: none */
    struct shown_labels shown;
};

enum message_kind { MESSAGE_NONE, MESSAGE_TEMPLATE, MESSAGE_TEXT, MESSAGE_ERROR };

struct rule_entry {
    const char *name, *path;
    uint32_t line;
    struct match *matches[RULE_MAX_LINES];
    uint32_t n_matches;
    struct conditions where;
    const struct expression *each, *once;
    struct assignment fields[RULE_MAX_LINES], remembers[RULE_MAX_LINES];
    struct assignment attributes[RULE_MAX_LINES]; /* of the span */
    uint32_t n_fields, n_remembers, n_attributes;
    struct metric_line *metrics[RULE_MAX_LINES];
    uint32_t n_metrics;
    enum message_kind message;
    const char *message_text; /* a template's name, a text with places, an error's type */
    enum alert_class class;
    enum alert_level level;
    bool has_class, has_level, is_silent;
};

/* [words NAME]: lines word = text. */
struct word_list {
    const char *name;
    const char *(*pairs)[2];
    uint32_t n;
};

struct rule_memory;

struct rule_set {
    struct arena arena;
    struct rule_entry *rules[RULES_MAX];
    uint32_t n;
    struct word_list lists[RULES_MAX_LISTS];
    uint32_t n_lists;
    bool has_kind[4]; /* by enum match_kind: is there any such rule? */
    bool looks_into_bodies;
    struct rule_memory *memory;
};

/* ---- reading ---- */

/* Where in which file, and what is wrong there. */
struct parser {
    struct rule_set *set;
    struct arena *arena;
    const char *path;
    uint32_t line;
    const char *rule;    /* NULL: none yet */
    const char *problem; /* NULL: none; what is allowed */
    uint32_t depth;
};

typedef void (*rules_note_fn)(void *context, const char *line);

/* Reads a file's text into the set. A rule with a line that is wrong is noted and left out. */
void rules_parse(struct rule_set *set, const char *path, const char *text, rules_note_fn note, void *context);

/*
 * From *at up to one of `stops` or the end, which *at then points to. NULL with parser->problem. A bare text ends at a stop, too;
 * blanks around it are not part of it.
 */
const struct expression *expression_parse(struct parser *parser, const char **at, const char *stops);
/* The same of a whole text, in which nothing may follow. */
const struct expression *expression_parse_all(struct parser *parser, const char *text);
/* $name… alone; *at is at the dollar. */
const struct expression *reference_parse(struct parser *parser, const char **at);
bool function_find(const char *name, size_t bytes, enum function *ret_function);
/* Has it as many arguments as it takes? Else parser->problem. */
bool function_check(struct parser *parser, const struct expression *call);
/* Is what it makes a number, whatever it is made of? */
bool function_is_number(enum function function);

/* What stands behind `counter`, `gauge`, …. False with parser->problem. */
bool metric_parse(struct parser *parser, struct rule_entry *rule, enum wire_instrument instrument,
                  const char *at);
/* `http POST host/path status=201`: what stands behind `match =`. NULL with parser->problem. */
struct match *match_parse(struct parser *parser, const char *text);
/* Words of conditions, appended. False with parser->problem. */
bool conditions_parse(struct parser *parser, struct conditions *conditions, const char *text);
/* The next word: up to a blank that is not in quotes, without the quotes. NULL: no more. */
char *word_take(struct parser *parser, const char **at, bool *ret_is_quoted);

/* [words NAME] (word_list.c). NULL: no such list. */
const struct word_list *words_find(const struct rule_set *set, const char *name);
/* The list of this name, which goes on, or a new one. NULL: there are too many. */
struct word_list *words_open(struct rule_set *set, const char *name, size_t bytes);
/* WORD = TEXT. False: it is not that, or the list is full. */
bool words_add(struct rule_set *set, struct word_list *list, const char *line);
/* The text of the first word (a glob) that fits. NULL: none does. */
const char *words_look_up(const struct word_list *list, const char *word);

/* ---- one call or log line ---- */

struct captured {
    const char *name; /* of {name}; NULL of a log line's */
    const char *text;
};

struct subject {
    struct rule_set *set;
    const struct settings *settings;
    const struct raw_span *raw;      /* NULL: a log record */
    const struct span *span;         /* likewise */
    const struct log_record *record; /* NULL: a span */
    const struct attributes *attributes;
    struct arena *arena;
    const char *method, *host, *path; /* of HTTP; NULL */
    int64_t port;
    struct captured captures[RULE_MAX_CAPTURES];
    uint32_t n_captures;
    const struct body *each; /* NULL: none */
    enum rule_pass pass;
};

/* NULL: not there. In the arena, or longer. */
const char *expression_value(struct subject *subject, const struct expression *expression);
/* A reference's value as it stands in a body. False: not there, or it is no such reference. */
bool reference_body(struct subject *subject, const struct expression *expression, struct body *ret_value);
const char *function_value(struct subject *subject, const struct expression *call);

bool match_fits(struct subject *subject, const struct match *match);
bool conditions_hold(struct subject *subject, const struct conditions *conditions, bool with_each);

/* The rule matches: adds what it says to the results. */
void rule_act(struct subject *subject, struct rule_entry *rule, struct rule_results *results);

/* ---- what a program's rules remember ---- */

struct rule_memory *rule_memory_create(void);
void rule_memory_destroy(struct rule_memory *memory);
void rule_memory_put(struct rule_memory *memory, const char *name, const char *value);
const char *rule_memory_get(const struct rule_memory *memory, const char *name); /* NULL: none */
/* True the first time, and for the same `owner` again. Of the last 1,024 keys. */
bool rule_memory_is_new(struct rule_memory *memory, const char *key, uint64_t owner);
/* Replaces what is shown; returns in ret_gone those that were and are not, at most RULE_MAX_ITEMS, which the caller frees. */
uint32_t shown_labels_replace(struct shown_labels *shown, char **sets, uint32_t n, char **ret_gone);
void shown_labels_fini(struct shown_labels *shown);

#endif

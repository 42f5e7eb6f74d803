/* judge_database: statements and commands: which say something of their server, which are told, and what about them. */
#include "signals/alerts/judge_priv.h"

#include <stdio.h>
#include <string.h>

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; word && i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* ---- what happened ---- */

/* Commands that wait for others by design. */
static bool is_waiting(const struct trial *trial)
{
    static const char *const names[] = {
        "BLPOP", "BRPOP",      "BRPOPLPUSH", "BLMOVE",     "BLMPOP",     "BZPOPMIN", "BZPOPMAX", "BZMPOP",
        "XREAD", "XREADGROUP", "SUBSCRIBE",  "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR",  "WAIT",     "WAITAOF"};
    return is_one_of(judge_text(trial, "db.operation.name"), names, sizeof(names) / sizeof(names[0]));
}

/* Redis's own words, and PostgreSQL's class 28. */
static bool is_rejection(const char *code)
{
    static const char *const codes[] = {"NOAUTH", "WRONGPASS", "28000", "28P01"};
    return is_one_of(code, codes, sizeof(codes) / sizeof(codes[0]));
}

static bool is_sqlstate(const struct trial *trial, const char *code)
{
    return raw_span_find(trial->raw, WIRE_DB_RESPONSE_STATUS_CODE) && strlen(code) == 5;
}

static void judge_server_code(struct trial *trial, const char *code)
{
    trial->has_event = true;
    trial->event = is_rejection(code) ? HOST_REJECTED : HOST_ANSWERED;
    if (!is_sqlstate(trial, code))
        return;
    trial->sqlstate = code;
    trial->error = error_type_of_sqlstate(code);
    trial->is_alert = error_type_is_serious(code);
    if (trial->is_alert && trial->error.is_transport)
        trial->event = HOST_FAILED;
    if (strncmp(code, "XX", 2) == 0 || strncmp(code, "58", 2) == 0)
        trial->level = ALERT_LEVEL_CRITICAL;
}

void judge_database(struct trial *trial)
{
    if (trial->settings->alerts.slow_ns)
        trial->is_waiting = is_waiting(trial);
    if (trial->raw->kind == RAW_IN_FLIGHT || trial->raw->outcome == WIRE_ABANDONED)
        return;
    trial->has_event = true;
    if (trial->span->status != SPAN_ERROR)
        return;
    const char *code = judge_text(trial, "db.response.status_code");
    const char *type = judge_text(trial, "error.type");
    trial->event = HOST_ANSWERED;
    if (code) {
        judge_server_code(trial, code);
        return;
    }
    if (raw_span_find(trial->raw, WIRE_DB_ERROR_REPLY)) /* it answered, in words of a script's own */
        return;
    trial->error = error_type_of_client(type ? type : "", judge_number(trial, WIRE_ERROR_ERRNO, 0));
    trial->has_event = trial->is_alert = trial->error.is_transport;
    if (trial->is_alert)
        trial->event = HOST_FAILED;
}

/* ---- what it is called ---- */

size_t judge_database_host(const struct trial *trial, char *ret_name, size_t max)
{
    const struct attribute *port = attribute_find(&trial->span->attributes, "server.port");
    const char *system = judge_text(trial, "db.system.name"), *address = judge_text(trial, "server.address");
    if (!address)
        return 0;
    int bytes = port && port->type == ATTRIBUTE_INT
                    ? snprintf(ret_name, max, "%s %s:%lld", system ? system : "database", address,
                               (long long)port->value.integer)
                    : snprintf(ret_name, max, "%s %s", system ? system : "database", address);
    return bytes < (int)max ? (size_t)bytes : max - 1;
}

void judge_database_target(struct trial *trial)
{
    char host[STREAKS_NAME_BYTES];
    size_t bytes = judge_database_host(trial, host, sizeof(host));
    trial->target = bytes ? arena_printf(trial->arena, "%s (%s)", trial->span->name,
                                         text_repaired(trial->arena, host, bytes).bytes)
                          : trial->span->name;
}

/* ---- what is told ---- */

void judge_database_describe(const struct trial *trial, struct alert *alert)
{
    struct arena *arena = trial->arena;
    const char *code = judge_text(trial, "db.response.status_code");
    const char *words = trial->span->status_message ? trial->span->status_message : trial->error.words;
    alert->type = trial->error.name ? trial->error.name : code ? code : "DatabaseError";
    alert->message = words ? arena_printf(arena, "%s: %s", words, trial->target) : trial->target;
    judge_add(trial, alert, "sqlstate", trial->sqlstate);
    judge_add(trial, alert, "statement", judge_text(trial, "db.query.text"));
    judge_add(trial, alert, "database", judge_text(trial, "db.namespace"));
    judge_add(trial, alert, "duration", judge_print_duration(arena, judge_duration_ns(trial)));
    judge_add(trial, alert, "failed_in_a_row",
              trial->in_a_row > 1 ? arena_printf(arena, "%u", trial->in_a_row) : NULL);
    judge_add(trial, alert, "peer", judge_text(trial, "network.peer.address"));
}

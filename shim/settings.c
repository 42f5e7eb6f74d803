/* settings: see settings.h. The other parser of these rows is exporter/settings/; tests feed both the same strings. */
#include "settings.h"

#include "hot.h"
#include "propagate.h"
#include "ratio.h"
#include "sys.h"
#include "text.h"
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define TEXT_BYTES (24u << 10)  /* of the header area's text region */
#define SECRET_BYTES (8u << 10) /* values the shim needs but must not write down (baggage) */
#define VALUE_MAX 4096u
#define MIN_BUFFER_BYTES (64u << 10)
#define MAX_BUFFER_BYTES (64u << 20)

extern char **environ;

enum { SHIM_ROW, EXPORTER_ROW };
enum { PLAIN_ROW, SECRET_ROW };

enum row {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) ROW_##NAME,
#include <settings.h>
#undef SETTING
    N_ROWS
};

enum secrecy {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) SECRECY_##NAME = secrecy##_ROW,
#include <settings.h>
#undef SETTING
};

/* Below, both lists each time: the settings by enum row, and behind them the aliases as ALIAS(NAME, secrecy, is_switch). */
#define ALIAS_VALUE(NAME, SETTING) ALIAS(NAME, SECRECY_##SETTING, false)
#define ALIAS_SCALED(NAME, SETTING, n) ALIAS(NAME, PLAIN_ROW, false)
#define ALIAS_ENABLED(NAME) ALIAS(NAME, PLAIN_ROW, true)
#define ALIAS_ATTRIBUTE(NAME, key) ALIAS(NAME, PLAIN_ROW, false)
#define ALIAS_INSECURE(NAME) ALIAS(NAME, PLAIN_ROW, false)

/* The names as bytes, found by their place: as pointers they were relocated, and the page written, in every process that starts. */
#define FIELD_OF(NAME, line) NAME##_##line /* some aliases come twice */
#define FIELD(NAME, line) FIELD_OF(NAME, line)
static const struct names {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) \
    char FIELD(NAME, __LINE__)[sizeof(#NAME)];
#define ALIAS(NAME, secrecy, is_switch) char FIELD(NAME, __LINE__)[sizeof(#NAME)];
#include <settings.h>

#include <aliases.h>
#undef SETTING
#undef ALIAS
} names = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) #NAME,
#define ALIAS(NAME, secrecy, is_switch) #NAME,
#include <settings.h>

#include <aliases.h>
#undef SETTING
#undef ALIAS
};

static const uint8_t name_bytes[] = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) sizeof(#NAME) - 1,
#define ALIAS(NAME, secrecy, is_switch) sizeof(#NAME) - 1,
#include <settings.h>

#include <aliases.h>
#undef SETTING
#undef ALIAS
};
#define N_ALL_ROWS (sizeof(name_bytes) / sizeof(name_bytes[0]))

static const struct {
    uint16_t place; /* of the name */
    uint8_t secrecy;
    bool is_switch; /* an alias whose "false" disables */
} rows[N_ALL_ROWS] = {
#define SETTING(NAME, who, type, standard, secrecy, allowed, meaning) \
    {offsetof(struct names, FIELD(NAME, __LINE__)), secrecy##_ROW, false},
#define ALIAS(NAME, secrecy, is_switch) {offsetof(struct names, FIELD(NAME, __LINE__)), secrecy, is_switch},
#include <settings.h>

#include <aliases.h>
#undef SETTING
#undef ALIAS
};

static const char *name_of(size_t row)
{
    return (const char *)&names + rows[row].place;
}

/* Filled once by the thread that won `state`; read-only afterwards. HOT_DATA, but for the texts. */
static struct {
    atomic_uint state; /* 0 untouched, 1 being filled, 2 ready */
    struct shim_settings settings;
    const char *values[N_ALL_ROWS]; /* NULL unset or empty */
    size_t secret_used;
} scanned HOT_DATA;

static struct {
    char text[TEXT_BYTES];
    char secrets[SECRET_BYTES];
    char tracestate_line[1024], baggage_line[8192 + 16];
} texts;

/* Aligned, because the Makefile links this file first: all of HOT_DATA lies on one page. */
const struct shim_settings *settings_ready HOT_DATA __attribute__((aligned(4096)));

/* The scan takes some microseconds. In a fork child of one that was scanning nobody goes on with it. */
#define MAX_WAIT_NS 100000000u
#define MAX_WAITS 8u
static const struct shim_settings not_ready = {.is_disabled = true};

/* "NAME=value\0" into the text, and the value's place into values[]. What does not fit is left out. */
static void keep(size_t row, const char *value)
{
    size_t bytes = strlen(value), length = name_bytes[row];
    bool is_secret = rows[row].secrecy == SECRET_ROW;
    size_t at = scanned.settings.text_bytes;
    size_t need = length + (is_secret ? 1u : bytes + 2u);
    if (scanned.values[row] || bytes > VALUE_MAX || at + need > TEXT_BYTES)
        return; /* the first of a repeated name counts, as with getenv() */
    char *stored = texts.text + at + length + 1;
    if (is_secret) {
        if (scanned.secret_used + bytes + 1 > SECRET_BYTES)
            return;
        stored = texts.secrets + scanned.secret_used;
        scanned.secret_used += bytes + 1;
    }
    memcpy(texts.text + at, name_of(row), length);
    if (!is_secret)
        texts.text[at + length] = '=';
    memcpy(stored, value, bytes + 1);
    scanned.settings.text_bytes = (uint32_t)(at + need);
    scanned.values[row] = stored;
}

/* N_ALL_ROWS: nobody's. Few names have the same length, and memchr() passes all others at once. */
static size_t find_row(const char *name, size_t bytes)
{
    const uint8_t *from = name_bytes, *end = name_bytes + N_ALL_ROWS;
    while (from < end && (from = memchr(from, (int)bytes, (size_t)(end - from)))) {
        if (!memcmp(name_of((size_t)(from - name_bytes)), name, bytes))
            return (size_t)(from - name_bytes);
        from++;
    }
    return N_ALL_ROWS;
}

static void scan_environment(void)
{
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        size_t bytes = equals ? (size_t)(equals - *entry) : 0;
        size_t row = bytes && bytes <= UINT8_MAX ? find_row(*entry, bytes) : N_ALL_ROWS;
        if (row < N_ALL_ROWS && equals[1])
            keep(row, equals + 1);
    }
}

/* Milliseconds, a pid: digits only; anything else is the default. */
static uint64_t number_or(enum row row, uint64_t standard, uint64_t max)
{
    uint64_t number;
    const char *value = scanned.values[row];
    return value && text_parse_number(value, &number) && number <= max ? number : standard;
}

static uint64_t parse_buffer_bytes(const char *value)
{
    char digits[24];
    size_t length = value ? strlen(value) : 0;
    uint64_t unit = 1, number;
    if (length == 0 || length >= sizeof(digits))
        return (uint64_t)WIRE_DEFAULT_CHUNKS * WIRE_CHUNK_BYTES;
    memcpy(digits, value, length + 1);
    if (digits[length - 1] == 'K' || digits[length - 1] == 'M') {
        unit = digits[length - 1] == 'K' ? 1u << 10 : 1u << 20;
        digits[length - 1] = 0;
    }
    if (!text_parse_number(digits, &number) || number > MAX_BUFFER_BYTES ||
        number * unit < MIN_BUFFER_BYTES || number * unit > MAX_BUFFER_BYTES)
        return (uint64_t)WIRE_DEFAULT_CHUNKS * WIRE_CHUNK_BYTES;
    return number * unit;
}

static void parse_sampler(struct shim_settings *settings)
{
    static const struct {
        const char *name;
        enum sampler_kind kind;
        bool has_parent;
    } samplers[] = {
        {"always_on", SAMPLER_ALWAYS_ON, false},
        {"always_off", SAMPLER_ALWAYS_OFF, false},
        {"traceidratio", SAMPLER_RATIO, false},
        {"parentbased_always_on", SAMPLER_ALWAYS_ON, true},
        {"parentbased_always_off", SAMPLER_ALWAYS_OFF, true},
        {"parentbased_traceidratio", SAMPLER_RATIO, true},
    };
    settings->sampler = SAMPLER_ALWAYS_ON;
    settings->sampler_has_parent = true;
    const char *name = scanned.values[ROW_OTEL_TRACES_SAMPLER];
    for (size_t i = 0; name && i < sizeof(samplers) / sizeof(samplers[0]); i++) {
        if (text_equals_ignoring_case(name, samplers[i].name)) {
            settings->sampler = samplers[i].kind;
            settings->sampler_has_parent = samplers[i].has_parent;
        }
    }
    const char *ratio = scanned.values[ROW_OTEL_TRACES_SAMPLER_ARG];
    if (!ratio || !ratio_parse(ratio, &settings->ratio_threshold))
        settings->ratio_threshold = 0; /* ratio 1.0 */
}

static void parse_propagators(struct shim_settings *settings)
{
    const char *list = scanned.values[ROW_OTEL_PROPAGATORS], *from;
    size_t bytes;
    bool is_none = false;
    while (list && text_next_word(&list, &from, &bytes)) {
        char word[16];
        text_append_bytes(word, 0, sizeof(word), from, bytes);
        if (text_equals_ignoring_case(word, "tracecontext"))
            settings->propagators |= PROPAGATE_TRACECONTEXT;
        else if (text_equals_ignoring_case(word, "baggage"))
            settings->propagators |= PROPAGATE_BAGGAGE;
        else if (text_equals_ignoring_case(word, "b3"))
            settings->propagators |= PROPAGATE_B3;
        else if (text_equals_ignoring_case(word, "b3multi"))
            settings->propagators |= PROPAGATE_B3MULTI;
        else if (text_equals_ignoring_case(word, "none"))
            is_none = true;
    }
    if (!settings->propagators && !is_none)
        settings->propagators = PROPAGATE_TRACECONTEXT | PROPAGATE_BAGGAGE;
}

/* "name: value", or NULL when it does not fit or would split the header. */
static const char *make_line(char *line, size_t max, const char *name, const char *value)
{
    if (!value || strpbrk(value, "\r\n") || strlen(name) + strlen(value) >= max)
        return NULL;
    text_append(line, text_append(line, 0, max, name), max, value);
    return line;
}

/* The parent that the environment gives to this process (OTel spec, "Environment variable carriers"). */
static void parse_parent(struct shim_settings *settings)
{
    const char *traceparent = scanned.values[ROW_TRACEPARENT];
    const char *b3 = scanned.values[ROW_B3];
    if (traceparent && (settings->propagators & PROPAGATE_TRACECONTEXT))
        settings->has_parent =
            propagate_parse_traceparent(traceparent, strlen(traceparent), &settings->parent);
    if (settings->has_parent)
        settings->tracestate_line = make_line(texts.tracestate_line, sizeof(texts.tracestate_line),
                                              "tracestate: ", scanned.values[ROW_TRACESTATE]);
    else if (b3 && (settings->propagators & (PROPAGATE_B3 | PROPAGATE_B3MULTI)))
        settings->has_parent = propagate_parse_b3(b3, strlen(b3), &settings->parent);
}

/* The standard name, else the aliases that mean the opposite. */
static bool is_sdk_disabled(void)
{
    static const char *const off[] = {"false", "0", "no", "off"};
    const char *disabled = scanned.values[ROW_OTEL_SDK_DISABLED];
    if (disabled)
        return text_equals_ignoring_case(disabled, "true");
    for (size_t row = N_ROWS; row < N_ALL_ROWS; row++)
        for (size_t i = 0; rows[row].is_switch && scanned.values[row] && i < sizeof(off) / sizeof(off[0]);
             i++)
            if (text_equals_ignoring_case(scanned.values[row], off[i]))
                return true;
    return false;
}

static bool is_on(enum row row)
{
    const char *value = scanned.values[row];
    return value && text_equals_ignoring_case(value, "true");
}

static bool is_exactly(enum row row, const char *wanted)
{
    return scanned.values[row] && !strcmp(scanned.values[row], wanted);
}

static uint8_t parse_stdio(const char *value)
{
    static const struct {
        const char *name;
        uint8_t streams;
    } choices[] = {{"true", 1u << 1 | 1u << 2}, {"stdout", 1u << 1}, {"stderr", 1u << 2}};
    for (size_t i = 0; value && i < sizeof(choices) / sizeof(choices[0]); i++)
        if (text_equals_ignoring_case(value, choices[i].name))
            return choices[i].streams;
    return 0;
}

/* What is opted into, because it copies more than needed. */
static void understand_options(struct shim_settings *settings)
{
    settings->keep_all = scanned.values[ROW_OTELSHIM_KEEP] != NULL;
    settings->sql_comment = is_on(ROW_OTELSHIM_SQL_COMMENT);
    settings->user_agent = is_on(ROW_OTELSHIM_USER_AGENT);
    settings->alert_stack = is_on(ROW_OTELSHIM_ALERT_STACK);
    settings->stdio = parse_stdio(scanned.values[ROW_OTELSHIM_STDIO]);
    const char *log = scanned.values[ROW_OTELSHIM_SYSLOG];
    settings->syslog = !log || !text_equals_ignoring_case(log, "false");
    uint32_t body_bytes = (uint32_t)number_or(ROW_OTELSHIM_BODY_BYTES, 0, INT32_MAX);
    settings->body_bytes = body_bytes < WIRE_STRING_MAX ? body_bytes : WIRE_STRING_MAX;
    settings->crash_off = is_exactly(ROW_OTELSHIM_CRASH, "0");
    settings->crash_quit = is_exactly(ROW_OTELSHIM_CRASH_QUIT, "1");
    settings->propagate_exclude = scanned.values[ROW_OTELSHIM_PROPAGATE_EXCLUDE];
    settings->request_headers = scanned.values[ROW_OTELSHIM_REQUEST_HEADERS];
    settings->response_headers = scanned.values[ROW_OTELSHIM_RESPONSE_HEADERS];
}

static void understand(struct shim_settings *settings)
{
    settings->is_disabled = is_sdk_disabled() || is_exactly(ROW_OTELSHIM, "0");
    parse_sampler(settings);
    parse_propagators(settings);
    parse_parent(settings);
    settings->trace_gap_ns = number_or(ROW_OTELSHIM_TRACE_GAP, 100, 1u << 30) * 1000000u;
    settings->buffer_bytes = parse_buffer_bytes(scanned.values[ROW_OTELSHIM_BUFFER_SIZE]);
    settings->flush_timeout_ms = (uint32_t)number_or(ROW_OTELSHIM_FLUSH_TIMEOUT, UINT32_MAX, INT32_MAX);
    settings->has_flush_timeout = settings->flush_timeout_ms != UINT32_MAX;
    settings->main_pid = (uint32_t)number_or(ROW_OTELSHIM_MAIN, 0, INT32_MAX);
    settings->systemd_pid = (uint32_t)number_or(ROW_SYSTEMD_EXEC_PID, 0, INT32_MAX);
    settings->dir = scanned.values[ROW_OTELSHIM_DIR];
    settings->runtime_dir = scanned.values[ROW_XDG_RUNTIME_DIR];
    settings->allow = scanned.values[ROW_OTELSHIM_ALLOW];
    settings->deny = scanned.values[ROW_OTELSHIM_DENY];
    settings->baggage_line =
        make_line(texts.baggage_line, sizeof(texts.baggage_line), "baggage: ", scanned.values[ROW_BAGGAGE]);
    settings->exporter = scanned.values[ROW_OTELSHIM_EXPORTER];
    settings->exporter_none = settings->exporter && text_equals_ignoring_case(settings->exporter, "none");
    settings->text = texts.text;
    understand_options(settings);
}

/* Another thread scans. Who went on as if disabled made the whole process inert: that is decided once (lifecycle.c). */
static const struct shim_settings *wait_for_scan(void)
{
    for (unsigned i = 0; i < MAX_WAITS && atomic_load(&scanned.state) == 1; i++)
        (void)sys_futex_wait(&scanned.state, 1, MAX_WAIT_NS);
    return atomic_load(&scanned.state) == 2 ? &scanned.settings : &not_ready;
}

const struct shim_settings *settings_scan(void)
{
    unsigned state = 0;
    uint64_t signals;
    sys_block_signals(&signals); /* a handler on this thread would wait for itself */
    if (atomic_compare_exchange_strong(&scanned.state, &state, 1)) {
        scan_environment();
        understand(&scanned.settings);
        atomic_store_explicit(&scanned.state, 2, memory_order_release);
        __atomic_store_n(&settings_ready, &scanned.settings, __ATOMIC_RELEASE);
        sys_futex_wake(&scanned.state);
    }
    sys_restore_signals(&signals);
    return state == 1 ? wait_for_scan() : &scanned.settings;
}

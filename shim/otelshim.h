/*
 * otelshim: spans, metrics, errors, log records and trade messages of a program's own.
 *
 * Include it and call it: nothing is linked. Under LD_PRELOAD=libotelshim.so the calls are recorded; without the library
 * each is a load, a compare and a branch. C99, C11, C++11 and later, gcc and clang on Linux; elsewhere every call does
 * nothing. Arguments are always evaluated, and nothing that the program does otherwise depends on the answer.
 *
 *   otelshim_span span = otelshim_span_begin("analyze_coin");  
 *   otelshim_span_set(span, otelshim_kv("coin", "KRW-BTC"), otelshim_kv("attempt", 2));
 *   otelshim_counter_add("orders.processed", 1, otelshim_kv("status", "filled"));
 *   otelshim_span_end(span);
 *
 * Attributes: any number behind the other arguments. In C made by otelshim_text(), _int(), _double(), _bool(), or by
 * otelshim_kv(), which takes the type of its value (C11); in C++ also {"coin", "KRW-BTC"}.
 *
 * Threads: any. A span belongs to the thread that began it and ends there; what began inside it and is still open ends
 * with it. Ending it again, or elsewhere, does nothing. UNIX-signal handlers may call everything here. errno is kept.
 * Texts are UTF-8, copied before the call returns, and cut at 2,048 bytes; NULL is an empty text.
 * Other languages: otelshim_table below, or the functions of the same names that libotelshim.so exports
 * (examples/python).
 */
#ifndef OTELSHIM_H
#define OTELSHIM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <initializer_list>
#define OTELSHIM_ZERO_ \
    {                  \
    }
#else
#define OTELSHIM_ZERO_ \
    {                  \
        0              \
    }
#endif

#if defined(__GNUC__)
#define OTELSHIM_PRINTF_(text, first) __attribute__((format(printf, text, first)))
#else
#define OTELSHIM_PRINTF_(text, first)
#endif

/* ---- types ------------------------------------------------------------------------------------------------------ */

/* A span that was begun. 0: none (there is no library, or it could not be recorded); every call takes it. */
typedef uint64_t otelshim_span;

/* The thread's current span, whoever began it: the program, or the library for a request that is being made (its callbacks). */
#define OTELSHIM_CURRENT UINT64_MAX

enum otelshim_kind { /* SpanKind of OpenTelemetry */
                     OTELSHIM_INTERNAL = 1,
                     OTELSHIM_SERVER = 2,
                     OTELSHIM_CLIENT = 3,
                     OTELSHIM_PRODUCER = 4,
                     OTELSHIM_CONSUMER = 5
};

enum otelshim_status { OTELSHIM_STATUS_OK = 1, OTELSHIM_STATUS_ERROR = 2 };

enum otelshim_level { /* SeverityNumber of OpenTelemetry; the numbers between are allowed */
                      OTELSHIM_TRACE = 1,
                      OTELSHIM_DEBUG = 5,
                      OTELSHIM_INFO = 9,
                      OTELSHIM_WARN = 13,
                      OTELSHIM_ERROR = 17,
                      OTELSHIM_CRITICAL = 21
};

enum otelshim_type {
    OTELSHIM_TYPE_TEXT = 1,
    OTELSHIM_TYPE_INT = 2,
    OTELSHIM_TYPE_DOUBLE = 3,
    OTELSHIM_TYPE_BOOL = 5
};

#define OTELSHIM_SERVER_HEADERS 192 /* bytes that the two lines take at most, with the NUL */

#define OTELSHIM_TERMINATED UINT32_MAX /* the text ends with a NUL */

struct otelshim_attribute {
    const char *key; /* NULL: none */
    union {
        const char *text;
        int64_t integer; /* BOOL, too */
        double number;
    } value;
    uint32_t type;  /* enum otelshim_type */
    uint32_t bytes; /* of a text; OTELSHIM_TERMINATED */
#ifdef __cplusplus
    otelshim_attribute() : key(nullptr), value(), type(0), bytes(0)
    {
    }
    otelshim_attribute(const char *k, const char *v)
        : key(k), value(), type(OTELSHIM_TYPE_TEXT), bytes(OTELSHIM_TERMINATED)
    {
        value.text = v;
    }
    otelshim_attribute(const char *k, double v) : key(k), value(), type(OTELSHIM_TYPE_DOUBLE), bytes(0)
    {
        value.number = v;
    }
    otelshim_attribute(const char *k, float v) : otelshim_attribute(k, static_cast<double>(v))
    {
    }
    otelshim_attribute(const char *k, bool v) : key(k), value(), type(OTELSHIM_TYPE_BOOL), bytes(0)
    {
        value.integer = v;
    }
    otelshim_attribute(const char *k, long long v) : key(k), value(), type(OTELSHIM_TYPE_INT), bytes(0)
    {
        value.integer = v;
    }
    otelshim_attribute(const char *k, int v) : otelshim_attribute(k, static_cast<long long>(v))
    {
    }
    otelshim_attribute(const char *k, long v) : otelshim_attribute(k, static_cast<long long>(v))
    {
    }
    otelshim_attribute(const char *k, unsigned v) : otelshim_attribute(k, static_cast<long long>(v))
    {
    }
    otelshim_attribute(const char *k, unsigned long v) : otelshim_attribute(k, static_cast<long long>(v))
    {
    }
    otelshim_attribute(const char *k, unsigned long long v) : otelshim_attribute(k, static_cast<long long>(v))
    {
    }
    /* std::string, std::string_view and what looks like them */
    template <class T>
    otelshim_attribute(const char *k, const T &v, decltype(v.data() + v.size()) = nullptr)
        : key(k), value(), type(OTELSHIM_TYPE_TEXT),
          bytes(v.size() < OTELSHIM_TERMINATED ? static_cast<uint32_t>(v.size()) : OTELSHIM_TERMINATED - 1)
    {
        value.text = v.data();
    }
#endif
};

enum otelshim_instrument {
    OTELSHIM_COUNTER = 1,
    OTELSHIM_UP_DOWN_COUNTER = 2,
    OTELSHIM_GAUGE = 3,
    OTELSHIM_HISTOGRAM = 4
};

/* A metric with all that is said of it; otelshim_counter_add() and the like need only its name. */
struct otelshim_metric {
    const char *name;
    const char *unit;        /* "s", "By", "{order}"; NULL: none */
    const char *description; /* NULL: none */
    uint32_t instrument;     /* enum otelshim_instrument */
    uint32_t is_double;      /* set by the call */
};

enum otelshim_record {
    OTELSHIM_LINE = 2,
    OTELSHIM_EVENT = 3,
    OTELSHIM_REPORT = 4,
    OTELSHIM_TRADE = 5,
    OTELSHIM_NOTICE = 6
};

/* What the library answers. Later versions append; `bytes` tells how much is there. Lists may be NULL when n is 0. */
struct otelshim_table {
    uint32_t version;
    uint32_t bytes;
    otelshim_span (*span_begin)(const char *name, int kind, const struct otelshim_attribute *list, size_t n);
    void (*span_end)(otelshim_span span);
    void (*span_set)(otelshim_span span, const struct otelshim_attribute *list, size_t n);
    void (*span_status)(otelshim_span span, int status, const char *description);
    void (*span_error)(otelshim_span span, const char *type, const char *message);
    /* 33 and 17 characters, either may be NULL. 0, and empty texts: the thread is in no trace. */
    int (*current)(char *trace_id, char *span_id);
    void (*measure_int)(const struct otelshim_metric *metric, int64_t value,
                        const struct otelshim_attribute *list, size_t n);
    void (*measure_double)(const struct otelshim_metric *metric, double value,
                           const struct otelshim_attribute *list, size_t n);
    void (*log)(int level, const char *format, va_list arguments);
    /* `kind`: enum otelshim_record; `name` of the event, the error's type, the template; `text`: the message. */
    void (*record)(int kind, int level, const char *name, const char *text,
                   const struct otelshim_attribute *list, size_t n);
    /* OTELSHIM_SERVER_HEADERS characters; `request_id` may be NULL. 0, and an empty text: no such span is open. */
    int (*server_headers)(otelshim_span span, const char *request_id, char *text);
};

/* ---- finding the library ---------------------------------------------------------------------------------------- */
/*
 * Asked once in each file that includes this header, by a function of libc that the library stands in front of:
 * confstr(3), with a number that it does not know (0, EINVAL). Not by a weak reference: in a program that is not
 * position-independent the linker has made that 0 for ever.
 */
#define OTELSHIM_ASK 0x4f544c53 /* the name asked for: "OTLS" */
#define OTELSHIM_ASK_MAGIC 0x656c626174a36e61ull

struct otelshim_question {
    uint64_t magic;   /* OTELSHIM_ASK_MAGIC */
    uint64_t version; /* the newest that the asker knows */
    const struct otelshim_table *answer;
};

#ifndef OTELSHIM_TYPES_ONLY

#if defined(__GNUC__) && defined(__linux__)
#include <errno.h>

#ifdef __cplusplus
extern "C"
#else
extern
#endif
    size_t
    otelshim_confstr_(int name, char *buffer, size_t bytes) __asm__("confstr");

static const struct otelshim_table *otelshim_known_; /* NULL: not asked yet */
#define OTELSHIM_ABSENT_ ((const struct otelshim_table *)1)

static __attribute__((noinline, cold, unused)) const struct otelshim_table *otelshim_ask_(void)
{
    struct otelshim_question question = {OTELSHIM_ASK_MAGIC, 1, NULL};
    int error = errno;
    size_t answered = otelshim_confstr_(OTELSHIM_ASK, (char *)&question, sizeof(question));
    errno = error;
    if (answered != sizeof(question) || !question.answer)
        question.answer = OTELSHIM_ABSENT_;
    __atomic_store_n(&otelshim_known_, question.answer, __ATOMIC_RELEASE);
    return question.answer == OTELSHIM_ABSENT_ ? NULL : question.answer;
}

/* NULL: there is no library, or it records nothing in this process. */
static inline const struct otelshim_table *otelshim_found(void)
{
    const struct otelshim_table *table = __atomic_load_n(&otelshim_known_, __ATOMIC_ACQUIRE);
    if (__builtin_expect(table == OTELSHIM_ABSENT_, 1))
        return NULL;
    return table ? table : otelshim_ask_();
}
#else
static inline const struct otelshim_table *otelshim_found(void)
{
    return NULL;
}
#endif

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static inline struct otelshim_attribute otelshim_text(const char *key, const char *text)
{
    struct otelshim_attribute attribute = OTELSHIM_ZERO_;
    attribute.key = key;
    attribute.value.text = text;
    attribute.type = OTELSHIM_TYPE_TEXT;
    attribute.bytes = OTELSHIM_TERMINATED;
    return attribute;
}

static inline struct otelshim_attribute otelshim_int(const char *key, int64_t integer)
{
    struct otelshim_attribute attribute = OTELSHIM_ZERO_;
    attribute.key = key;
    attribute.value.integer = integer;
    attribute.type = OTELSHIM_TYPE_INT;
    return attribute;
}

static inline struct otelshim_attribute otelshim_double(const char *key, double number)
{
    struct otelshim_attribute attribute = OTELSHIM_ZERO_;
    attribute.key = key;
    attribute.value.number = number;
    attribute.type = OTELSHIM_TYPE_DOUBLE;
    return attribute;
}

static inline struct otelshim_attribute otelshim_bool(const char *key, int is_true)
{
    struct otelshim_attribute attribute = OTELSHIM_ZERO_;
    attribute.key = key;
    attribute.value.integer = is_true != 0;
    attribute.type = OTELSHIM_TYPE_BOOL;
    return attribute;
}

/*
 * A list is made in memory, which a compiler does not put off until it is needed: so it is made in one branch only, and the
 * other one evaluates the same arguments and makes nothing of them.
 */
#ifdef __cplusplus
template <class... T> inline void otelshim_evaluate_(int, const T &...)
{
}
#else
static inline void otelshim_evaluate_(int unused, ...)
{
    (void)unused;
}
#endif
#define OTELSHIM_WITH_(call, fixed, ...) \
    (otelshim_found() ? (call) : (otelshim_evaluate_ fixed, OTELSHIM_EVALUATE_LIST_(__VA_ARGS__)))

#ifdef __cplusplus
template <class T> inline otelshim_attribute otelshim_kv(const char *key, const T &value)
{
    return otelshim_attribute(key, value);
}
typedef std::initializer_list<otelshim_attribute> otelshim_list_;
#define OTELSHIM_FIRST_(list) (list).begin()
#define OTELSHIM_COUNT_(list) ((list).size() - 1)
#define OTELSHIM_END_ otelshim_attribute()
#define OTELSHIM_LIST_(...) \
    {                       \
        __VA_ARGS__         \
    }
#define OTELSHIM_EVALUATE_LIST_(...) (void)otelshim_list_({__VA_ARGS__})
#else
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define otelshim_kv(key, value) \
    _Generic((value),                           \
        char *: otelshim_text,                  \
        const char *: otelshim_text,            \
        float: otelshim_double,                 \
        double: otelshim_double,                \
        _Bool: otelshim_bool,                   \
        default: otelshim_int)((key), (value))
#endif
typedef struct otelshim_list_ {
    const struct otelshim_attribute *first;
    size_t count;
} otelshim_list_;
#define OTELSHIM_FIRST_(list) (list).first
#define OTELSHIM_COUNT_(list) (list).count
/* A macro's `...` must not be empty, nor an array: so there is always one more, which is not counted. */
#define OTELSHIM_END_ otelshim_int(NULL, 0)
#define OTELSHIM_EVALUATE_LIST_(...) otelshim_evaluate_(0, __VA_ARGS__)
#define OTELSHIM_LIST_(...)                               \
    ((otelshim_list_){                                    \
        (const struct otelshim_attribute[]){__VA_ARGS__}, \
        sizeof((const struct otelshim_attribute[]){__VA_ARGS__}) / sizeof(struct otelshim_attribute) - 1})
#endif

/* ---- spans ------------------------------------------------------------------------------------------------------ */

static inline otelshim_span otelshim_span_begin_list_(const char *name, int kind, otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    return table ? table->span_begin(name, kind, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list)) : 0;
}

/* otelshim_span_begin(name, attributes…): begins a span; it is the current one until it ends. */
#define otelshim_span_begin(...) OTELSHIM_BEGIN_(OTELSHIM_INTERNAL, __VA_ARGS__, OTELSHIM_END_)
/* otelshim_span_begin_kind(kind, name, attributes…): OTELSHIM_SERVER for a request that the program answers, … */
#define otelshim_span_begin_kind(...) OTELSHIM_BEGIN_(__VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_BEGIN_(kind, name, ...)                                      \
    (otelshim_found()                                                         \
         ? otelshim_span_begin_list_(name, kind, OTELSHIM_LIST_(__VA_ARGS__)) \
         : (otelshim_evaluate_(0, name, kind), OTELSHIM_EVALUATE_LIST_(__VA_ARGS__), (otelshim_span)0))

static inline void otelshim_span_end(otelshim_span span)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->span_end(span);
}

static inline void otelshim_span_set_list_(otelshim_span span, otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->span_set(span, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
}

/* otelshim_span_set(span, attributes…): the last value of a key holds. */
#define otelshim_span_set(span, ...) OTELSHIM_SET_(span, __VA_ARGS__, OTELSHIM_END_)
/* otelshim_set(attributes…): of the thread's current span. */
#define otelshim_set(...) OTELSHIM_SET_(OTELSHIM_CURRENT, __VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_SET_(span, ...) \
    OTELSHIM_WITH_(otelshim_span_set_list_(span, OTELSHIM_LIST_(__VA_ARGS__)), (0, span), __VA_ARGS__)

/* The description counts for errors only; NULL: none. */
static inline void otelshim_span_status(otelshim_span span, enum otelshim_status status,
                                        const char *description)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->span_status(span, status, description);
}

/* An exception event, now, and error as the span's status. */
static inline void otelshim_span_error(otelshim_span span, const char *type, const char *message)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->span_error(span, type, message);
}

/* The trace and span that the thread is in, as hexadecimal text, for the program's own log lines: returns `text`, which is
 * empty where there is none. */
static inline const char *otelshim_trace_id(char text[33])
{
    const struct otelshim_table *table = otelshim_found();
    text[0] = 0;
    if (table)
        table->current(text, NULL);
    return text;
}

static inline const char *otelshim_span_id(char text[17])
{
    const struct otelshim_table *table = otelshim_found();
    text[0] = 0;
    if (table)
        table->current(NULL, text);
    return text;
}

/*
 * For a program that answers requests: "X-Request-ID: …\r\nX-Process-Time: 12.34ms\r\n", the time since the span of its own
 * began (OTELSHIM_CURRENT: the innermost). `request_id` is what the request brought; NULL or empty: the trace id. Only visible ASCII of
 * it is taken, 128 bytes at most. It returns `text`, and writes nowhere else: the program puts it into its answer. Empty where no such
 * span is open on this thread.
 */
static inline const char *otelshim_server_headers(otelshim_span span, const char *request_id,
                                                  char text[OTELSHIM_SERVER_HEADERS])
{
    const struct otelshim_table *table = otelshim_found();
    text[0] = 0;
    if (table &&
        table->bytes > offsetof(struct otelshim_table, server_headers)) /* an older library ends before it */
        table->server_headers(span, request_id, text);
    return text;
}

/*
 * OTELSHIM_SPAN("name", attributes…); as a statement: a span until the end of the block, by whichever way it is left
 * (in C not by longjmp). OTELSHIM_SPAN_AS(span, "name", …) gives it a name.
 */
#define OTELSHIM_JOIN2_(a, b) a##b
#define OTELSHIM_JOIN_(a, b) OTELSHIM_JOIN2_(a, b)
#ifdef __cplusplus
struct otelshim_scope {
    explicit otelshim_scope(otelshim_span begun) : span(begun)
    {
    }
    otelshim_scope(const otelshim_scope &) = delete;
    otelshim_scope &operator=(const otelshim_scope &) = delete;
    ~otelshim_scope()
    {
        otelshim_span_end(span);
    }
    operator otelshim_span() const
    {
        return span;
    }

  private:
    otelshim_span span;
};
#define OTELSHIM_SPAN_AS(variable, ...) const otelshim_scope variable(otelshim_span_begin(__VA_ARGS__))
#elif defined(__GNUC__)
static inline void otelshim_span_cleanup_(const otelshim_span *span)
{
    otelshim_span_end(*span);
}
#define OTELSHIM_SPAN_AS(variable, ...)                                                     \
    const otelshim_span variable __attribute__((cleanup(otelshim_span_cleanup_), unused)) = \
        otelshim_span_begin(__VA_ARGS__)
#endif
#define OTELSHIM_SPAN(...) OTELSHIM_SPAN_AS(OTELSHIM_JOIN_(otelshim_span_of_line_, __LINE__), __VA_ARGS__)

/* ---- metrics ---------------------------------------------------------------------------------------------------- */

static inline void otelshim_measure_int_list_(const struct otelshim_metric *metric, int64_t value,
                                              otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->measure_int(metric, value, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
}

static inline void otelshim_measure_double_list_(const struct otelshim_metric *metric, double value,
                                                 otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->measure_double(metric, value, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
}

static inline void otelshim_add_(const char *name, uint32_t instrument, int64_t value, otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table) {
        struct otelshim_metric metric = OTELSHIM_ZERO_;
        metric.name = name;
        metric.instrument = instrument;
        table->measure_int(&metric, value, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
    }
}

static inline void otelshim_add_double_(const char *name, uint32_t instrument, double value,
                                        otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table) {
        struct otelshim_metric metric = OTELSHIM_ZERO_;
        metric.name = name;
        metric.instrument = instrument;
        table->measure_double(&metric, value, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
    }
}

/*
 * All take (name, value, attributes…). A value is an int64_t, or where the name says so a double; a metric is always one or
 * the other (where a program says both, it is a double, exact up to 2^53).
 */
#define otelshim_counter_add(...) OTELSHIM_ADD_(OTELSHIM_COUNTER, __VA_ARGS__, OTELSHIM_END_) /* only rises */
#define otelshim_counter_add_double(...) OTELSHIM_ADD_DOUBLE_(OTELSHIM_COUNTER, __VA_ARGS__, OTELSHIM_END_)
#define otelshim_up_down_add(...) \
    OTELSHIM_ADD_(OTELSHIM_UP_DOWN_COUNTER, __VA_ARGS__, OTELSHIM_END_) /* may fall */
#define otelshim_up_down_add_double(...) \
    OTELSHIM_ADD_DOUBLE_(OTELSHIM_UP_DOWN_COUNTER, __VA_ARGS__, OTELSHIM_END_)
#define otelshim_gauge_set(...) \
    OTELSHIM_ADD_(OTELSHIM_GAUGE, __VA_ARGS__, OTELSHIM_END_) /* the last one counts */
#define otelshim_gauge_set_double(...) OTELSHIM_ADD_DOUBLE_(OTELSHIM_GAUGE, __VA_ARGS__, OTELSHIM_END_)
#define otelshim_histogram_record(...) \
    OTELSHIM_ADD_(OTELSHIM_HISTOGRAM, __VA_ARGS__, OTELSHIM_END_) /* how they lie */
#define otelshim_histogram_record_double(...) \
    OTELSHIM_ADD_DOUBLE_(OTELSHIM_HISTOGRAM, __VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_ADD_(instrument, name, value, ...)                                                       \
    OTELSHIM_WITH_(otelshim_add_(name, instrument, value, OTELSHIM_LIST_(__VA_ARGS__)), (0, name, value), \
                   __VA_ARGS__)
#define OTELSHIM_ADD_DOUBLE_(instrument, name, value, ...)                                     \
    OTELSHIM_WITH_(otelshim_add_double_(name, instrument, value, OTELSHIM_LIST_(__VA_ARGS__)), \
                   (0, name, value), __VA_ARGS__)

/*
 * (metric, value, attributes…), with a unit and a description:
 *   static const struct otelshim_metric taken = {"order.duration", "s", "from decision to answer", OTELSHIM_HISTOGRAM, 0};
 */
#define otelshim_measure(...) OTELSHIM_MEASURE_(__VA_ARGS__, OTELSHIM_END_)
#define otelshim_measure_double(...) OTELSHIM_MEASURE_DOUBLE_(__VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_MEASURE_(metric, value, ...)                                              \
    OTELSHIM_WITH_(otelshim_measure_int_list_(metric, value, OTELSHIM_LIST_(__VA_ARGS__)), \
                   (0, metric, value), __VA_ARGS__)
#define OTELSHIM_MEASURE_DOUBLE_(metric, value, ...)                                          \
    OTELSHIM_WITH_(otelshim_measure_double_list_(metric, value, OTELSHIM_LIST_(__VA_ARGS__)), \
                   (0, metric, value), __VA_ARGS__)

/* "high" from `high` on, "medium" from `medium` on, else "low": for attributes that must not have too many values. */
static inline const char *otelshim_range(double value, double medium, double high)
{
    return value >= high ? "high" : value >= medium ? "medium" : "low";
}

/* ---- log records, errors, trades -------------------------------------------------------------------------------- */

static inline void otelshim_record_list_(int kind, int level, const char *name, const char *text,
                                         otelshim_list_ list)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->record(kind, level, name, text, OTELSHIM_FIRST_(list), OTELSHIM_COUNT_(list));
}

/* otelshim_report_error(level, type, message, attributes…): an error, at once; where alerts are set up, also to the chat. */
#define otelshim_report_error(...) OTELSHIM_REPORT_(__VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_REPORT_(level, type, message, ...)                                                \
    OTELSHIM_WITH_(                                                                                \
        otelshim_record_list_(OTELSHIM_REPORT, level, type, message, OTELSHIM_LIST_(__VA_ARGS__)), \
        (0, level, type, message), __VA_ARGS__)

/* otelshim_event(name, attributes…): something that happened. */
#define otelshim_event(...) OTELSHIM_NAMED_(OTELSHIM_EVENT, __VA_ARGS__, OTELSHIM_END_)

/* otelshim_trade(template, fields…): a message made from the template of this name ("buy", "sell", "failure", …), sent at once. */
#define otelshim_trade(...) OTELSHIM_NAMED_(OTELSHIM_TRADE, __VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_NAMED_(kind, name, ...)                                                                \
    OTELSHIM_WITH_(otelshim_record_list_(kind, OTELSHIM_INFO, name, NULL, OTELSHIM_LIST_(__VA_ARGS__)), \
                   (0, name), __VA_ARGS__)

/* A message in the program's own words, sent at once. */
static inline void otelshim_notice(const char *text)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->record(OTELSHIM_NOTICE, OTELSHIM_INFO, NULL, text, NULL, 0);
}

/* otelshim_log_text(level, text, attributes…): a log record as it is. */
#define otelshim_log_text(...) OTELSHIM_LINE_(__VA_ARGS__, OTELSHIM_END_)
#define OTELSHIM_LINE_(level, text, ...)                                                                 \
    OTELSHIM_WITH_(otelshim_record_list_(OTELSHIM_LINE, level, NULL, text, OTELSHIM_LIST_(__VA_ARGS__)), \
                   (0, level, text), __VA_ARGS__)

/* otelshim_log(level, format, …): likewise, by printf's rules. The text is made where it is exported, not in the program. */
static inline OTELSHIM_PRINTF_(2, 0) void otelshim_vlog(int level, const char *format, va_list arguments)
{
    const struct otelshim_table *table = otelshim_found();
    if (table)
        table->log(level, format, arguments);
}

#if defined(__GNUC__)
__attribute__((noinline, unused))
#endif
static OTELSHIM_PRINTF_(2, 3) void otelshim_log_(int level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    otelshim_vlog(level, format, arguments);
    va_end(arguments);
}

#define otelshim_log(level, ...) \
    (otelshim_found() ? otelshim_log_(level, __VA_ARGS__) : otelshim_evaluate_(0, level, __VA_ARGS__))

#endif /* OTELSHIM_TYPES_ONLY */
#endif

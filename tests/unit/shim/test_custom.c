/* Spans of otelshim.h: nesting with each other and with library calls, late attributes, ends out of order, forgotten ends. */
#include "otelshim.h"

#include "mapped_file.h"
#include "records.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "sampler.h"
#include "span.h"
#include "sys.h"

static struct records records;

static bool is_child_of(const struct wire_span *child, const struct wire_span *parent)
{
    return child && parent && !memcmp(child->facts.trace_id, parent->facts.trace_id, 16) &&
           !memcmp(child->facts.parent_span_id, parent->facts.span_id, 8) &&
           child->facts.flags & WIRE_SPAN_HAS_PARENT;
}

static uint64_t count_dropped(enum wire_drop reason)
{
    return dropbox_file()->counters->dropped[reason];
}

static void spans_nest(void)
{
    errno = 77;
    otelshim_span outer = otelshim_span_begin("outer", otelshim_kv("coin", "KRW-BTC"), otelshim_kv("n", 3),
                                              otelshim_kv("ratio", 0.5), otelshim_bool("is_dry", 1));
    otelshim_span inner = otelshim_span_begin_kind(OTELSHIM_CLIENT, "inner");
    CHECK(outer && inner && outer != inner);
    otelshim_span_end(inner);
    otelshim_span_end(outer);
    CHECK(errno == 77);
    read_records(&records);
    const struct wire_span *first = find_span(&records, "inner"), *second = find_span(&records, "outer");
    CHECK(records.n == 2 && is_child_of(first, second));
    CHECK(!(second->facts.flags & WIRE_SPAN_HAS_PARENT) && second->facts.flags & WIRE_SPAN_SAMPLED);
    CHECK(first->outcome == WIRE_OK && first->facts.start_mono_ns <= first->end_mono_ns);
    CHECK(has_int(&first->record, WIRE_SPAN_KIND, 0, 3) && !find_fact(&second->record, WIRE_SPAN_KIND, 0));
    uint32_t bytes;
    const uint8_t *is_dry = find_custom(&second->record, "is_dry", OTELSHIM_TYPE_BOOL, &bytes);
    const uint8_t *ratio = find_custom(&second->record, "ratio", WIRE_DOUBLE, &bytes);
    CHECK(has_custom_text(&second->record, "coin", "KRW-BTC") && has_custom_int(&second->record, "n", 3));
    CHECK(is_dry && *is_dry == 1 && ratio && bytes == 8);
}

static void two_outermost_spans_are_two_traces(void)
{
    for (int i = 0; i < 2; i++)
        otelshim_span_end(otelshim_span_begin("round"));
    read_records(&records);
    const struct wire_span *first = (const void *)records.at[0], *second = (const void *)records.at[1];
    CHECK(records.n == 2 && memcmp(first->facts.trace_id, second->facts.trace_id, 16) != 0);
}

static void what_is_said_of_a_span_under_another_stays_apart(void)
{
    otelshim_span outer = otelshim_span_begin("outer"), middle = otelshim_span_begin("middle");
    otelshim_span inner = otelshim_span_begin("inner", otelshim_kv("place", "inside"));
    otelshim_span_set(outer, otelshim_kv("late", "by outer"), otelshim_kv("late", "by outer again"));
    otelshim_span_set(middle, otelshim_kv("late", "by middle"));
    otelshim_span_set(inner, otelshim_kv("late", "by inner"));
    otelshim_set(otelshim_kv("n", 4));
    otelshim_span_error(outer, "TimeoutError", "no answer");
    otelshim_span_status(inner, OTELSHIM_STATUS_ERROR, "bad");
    otelshim_span_status(inner, OTELSHIM_STATUS_OK, NULL);
    otelshim_span_end(inner);
    otelshim_span_end(middle);
    otelshim_span_end(outer);
    read_records(&records);
    const struct wire_span *a = find_span(&records, "outer"), *b = find_span(&records, "middle"),
                           *c = find_span(&records, "inner");
    CHECK(a && b && c && has_custom_text(&a->record, "late", "by outer again"));
    CHECK(has_custom_text(&b->record, "late", "by middle") &&
          has_custom_text(&c->record, "late", "by inner"));
    CHECK(has_custom_text(&c->record, "place", "inside") && has_custom_int(&c->record, "n", 4));
    CHECK(has_text(&a->record, WIRE_EXCEPTION, 0, "TimeoutError"));
    CHECK(has_text(&a->record, WIRE_EXCEPTION_MESSAGE, 0, "no answer") && a->outcome == WIRE_FAILED);
    CHECK(find_fact(&a->record, WIRE_EXCEPTION_US, 0) && has_int(&a->record, WIRE_SPAN_STATUS, 0, 2));
    CHECK(has_text(&c->record, WIRE_SPAN_STATUS_DESCRIPTION, 0, "bad") && c->outcome == WIRE_OK);
    CHECK(has_int(&c->record, WIRE_SPAN_STATUS, 1, 1) && !count_dropped(DROP_FACTS_CUT));
}

static void an_end_out_of_order_ends_what_is_inside(void)
{
    otelshim_span outer = otelshim_span_begin("outer"), inner = otelshim_span_begin("inner");
    otelshim_span_end(outer);
    otelshim_span next = otelshim_span_begin("next");
    otelshim_span_end(inner); /* its place is another's now */
    otelshim_span_end(outer);
    otelshim_span_set(inner, otelshim_kv("lost", 1));
    otelshim_span_end(next);
    read_records(&records);
    const struct wire_span *a = find_span(&records, "outer"), *b = find_span(&records, "inner");
    CHECK(records.n == 3 && is_child_of(b, a) && b->outcome == WIRE_ABANDONED && a->outcome == WIRE_OK);
    CHECK(!(find_span(&records, "next")->facts.flags & WIRE_SPAN_HAS_PARENT));
    CHECK(!count_dropped(DROP_FOREIGN_SPAN)); /* ending twice is nothing */
}

static void *end_it(void *span)
{
    otelshim_span_set(*(otelshim_span *)span, otelshim_kv("stolen", 1));
    otelshim_span_end(*(otelshim_span *)span);
    return NULL;
}

static void another_thread_cannot_end_it(void)
{
    pthread_t thread;
    otelshim_span span = otelshim_span_begin("mine");
    CHECK(!pthread_create(&thread, NULL, end_it, &span) && !pthread_join(thread, NULL));
    CHECK(count_dropped(DROP_FOREIGN_SPAN) == 0); /* a thread that records nothing itself is not asked */
    otelshim_span_end(span);
    read_records(&records);
    CHECK(records.n == 1 && !find_fact(records.at[0], WIRE_CUSTOM, 0));
}

static void *end_after_own(void *span)
{
    otelshim_span_end(otelshim_span_begin("own"));
    return end_it(span);
}

static void a_try_of_another_thread_is_counted(void)
{
    pthread_t thread;
    otelshim_span span = otelshim_span_begin("mine");
    CHECK(!pthread_create(&thread, NULL, end_after_own, &span) && !pthread_join(thread, NULL));
    CHECK(count_dropped(DROP_FOREIGN_SPAN) == 1);
    otelshim_span_end(span);
    read_records(&records);
    CHECK(records.n == 2 && find_span(&records, "mine")->outcome == WIRE_OK);
}

static void *begin_only(void *unused)
{
    (void)unused;
    CHECK(otelshim_span_begin("left"));
    return (void *)(uintptr_t)sys_gettid();
}

static void *begin_and_end(void *unused)
{
    (void)unused;
    otelshim_span_end(otelshim_span_begin("after"));
    return NULL;
}

static void an_open_span_dies_with_its_thread(void)
{
    pthread_t thread;
    void *tid;
    thread_on_reclaim(span_take_over);
    otelshim_span_end(otelshim_span_begin("first"));
    CHECK(!pthread_create(&thread, NULL, begin_only, NULL) && !pthread_join(thread, &tid));
    while (sys_tgkill((uint32_t)getpid(), (uint32_t)(uintptr_t)tid, 0) == 0) /* joined is not yet gone */
        usleep(100);
    CHECK(!pthread_create(&thread, NULL, begin_and_end, NULL) && !pthread_join(thread, NULL));
    read_records(&records);
    CHECK(find_span(&records, "left") && find_span(&records, "left")->outcome == WIRE_ABANDONED);
    CHECK(find_span(&records, "after") &&
          !(find_span(&records, "after")->facts.flags & WIRE_SPAN_HAS_PARENT));
}

/* A handler that interrupts the shim wants a slot: those of its own thread have its tid, and are not a dead one's. */
static void a_slot_of_ones_own_is_not_taken_over(void)
{
    thread_on_reclaim(span_take_over);
    otelshim_span span = otelshim_span_begin("open");
    struct thread *thread = thread_peek();
    thread->busy[0] = 1;
    CHECK(thread_level(thread) == 1 && thread->slots[1] != thread->slots[THREAD_CUSTOM]);
    thread->busy[0] = 0;
    otelshim_span_end(span);
    read_records(&records);
    CHECK(records.n == 1 && find_span(&records, "open")->outcome == WIRE_OK);
}

static __attribute__((noinline)) void forget_one(int i)
{
    CHECK(otelshim_span_begin("forgotten", otelshim_kv("i", i)));
}

static void a_program_that_forgets_to_end_them_is_still_seen(void)
{
    for (int i = 0; i < 200; i++)
        forget_one(i);
    otelshim_span kept = otelshim_span_begin("kept");
    otelshim_span_end(kept);
    CHECK(!count_dropped(DROP_TOO_DEEP));
    read_records(&records);
    CHECK(find_span(&records, "kept") && records.n > 150);
}

static int deepest(int depth)
{
    otelshim_span span = otelshim_span_begin("level");
    int n = span != 0;
    if (depth > 1)
        n += deepest(depth - 1);
    otelshim_span_end(span);
    return n;
}

static void a_recursion_is_seen_as_deep_as_there_is_room(void)
{
    CHECK(deepest(40) == WIRE_OPEN_SPANS && count_dropped(DROP_TOO_DEEP) == 8);
    read_records(&records);
    CHECK(records.n == WIRE_OPEN_SPANS);
    for (uint32_t i = 0; i + 1 < records.n; i++)
        CHECK(is_child_of((const void *)records.at[i], (const void *)records.at[i + 1]));
}

static void a_fork_child_leaves_its_parents_spans_alone(void)
{
    otelshim_span span = otelshim_span_begin("of the parent");
    pid_t pid = fork();
    if (pid == 0) {
        otelshim_span_set(span, otelshim_kv("by", "child"));
        otelshim_span_end(span);
        otelshim_span own = otelshim_span_begin("of the child");
        otelshim_span_end(span);
        otelshim_span_end(own);
        read_records(&records);
        CHECK(records.n == 1 && find_span(&records, "of the child"));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    otelshim_span_end(span);
    read_records(&records);
    CHECK(records.n == 1 && !find_fact(records.at[0], WIRE_CUSTOM, 0));
}

/* ---- with library calls ---- */

/* Further in than the wrapper, as a callback is. */
static __attribute__((noinline)) void call_back(otelshim_span outer)
{
    volatile char frame[256] = {0};
    otelshim_set(otelshim_kv("attempt", 2)); /* the current one is the call */
    otelshim_span inside = otelshim_span_begin("inside");
    otelshim_set(otelshim_kv("step", 1));
    otelshim_span_set(outer, otelshim_kv("step", 2));
    otelshim_span_end(inside);
    char trace[33], id[17];
    CHECK(strlen(otelshim_trace_id(trace)) == 32 && strlen(otelshim_span_id(id)) == 16);
    frame[1] = frame[0];
}

static void library_calls_and_own_spans_nest_both_ways(void)
{
    struct span call;
    otelshim_span outer = otelshim_span_begin("outer");
    CHECK(span_begin(&call, 0, WIRE_CALL, NULL, NULL));
    facts_text(&call.facts, WIRE_URL_FULL, "http://before");
    call_back(outer);
    facts_text(&call.facts, WIRE_URL_SCHEME, "http");
    span_end(&call, WIRE_OK);
    otelshim_span_end(outer);
    read_records(&records);
    const struct wire_span *a = find_span(&records, "outer"), *c = find_span(&records, "inside");
    const struct wire_span *b = (const void *)records.at[1];
    CHECK(records.n == 3 && is_child_of(b, a) && is_child_of(c, b));
    CHECK(has_custom_int(&b->record, "attempt", 2) && has_custom_int(&c->record, "step", 1));
    CHECK(has_custom_int(&a->record, "step", 2) && has_text(&b->record, WIRE_URL_FULL, 0, "http://before"));
    CHECK(has_text(&b->record, WIRE_URL_SCHEME, 0, "http") && count_facts(&b->record, WIRE_CUSTOM) == 1);
}

static __attribute__((noinline)) otelshim_span begin_in_callback(void)
{
    volatile char frame[256] = {0};
    otelshim_span span = otelshim_span_begin("parse", otelshim_kv("what", "the answer"));
    frame[1] = frame[0];
    return span;
}

/* As a download that is parsed while it comes. */
static void a_span_may_outlive_the_call_that_it_began_in(void)
{
    struct span call;
    CHECK(span_begin(&call, 0, WIRE_CALL, NULL, NULL));
    otelshim_span span = begin_in_callback();
    for (int i = 0; i < 20; i++)
        facts_text(&call.facts, WIRE_HTTP_RESPONSE_HEADER,
                   "Name: a header that the wrapper copies meanwhile");
    span_end(&call, WIRE_OK);
    otelshim_span_set(span, otelshim_kv("rows", 7));
    otelshim_span_end(span);
    read_records(&records);
    const struct wire_span *a = find_span(&records, "parse");
    CHECK(records.n == 2 && is_child_of(a, (const void *)records.at[0]) && a->outcome == WIRE_OK);
    CHECK(has_custom_text(&a->record, "what", "the answer") && has_custom_int(&a->record, "rows", 7));
    CHECK(count_facts(records.at[0], WIRE_HTTP_RESPONSE_HEADER) == 20);
}

static jmp_buf out;

static __attribute__((noinline)) void leave_by_longjmp(void)
{
    struct span call;
    CHECK(span_begin(&call, 0, WIRE_CALL, NULL, NULL));
    longjmp(out, 1);
}

static void a_call_left_by_longjmp_is_no_parent(void)
{
    if (!setjmp(out))
        leave_by_longjmp();
    otelshim_span_end(otelshim_span_begin("after"));
    read_records(&records);
    const struct wire_span *after = find_span(&records, "after");
    CHECK(records.n == 2 && after && !(after->facts.flags & WIRE_SPAN_HAS_PARENT));
    CHECK(((const struct wire_span *)(const void *)records.at[0])->outcome == WIRE_ABANDONED);
}

/* ---- handlers ---- */

/* So long after the one before has ended: the program gets on, however long a machine takes for a handler. */
static const struct itimerspec next_alarm = {.it_value.tv_nsec = IS_SANITIZED ? 200000 : 20000};
static timer_t alarms;

static void on_alarm(int number)
{
    int before = errno;
    (void)number;
    otelshim_span span = otelshim_span_begin("handler");
    otelshim_set(otelshim_kv("in", "handler"));
    otelshim_span_end(span);
    (void)timer_settime(alarms, 0, &next_alarm, NULL);
    errno = before; /* it may be over */
}

/* A handler comes at any instruction: what it cannot record is counted, and nothing of the rest is harmed. */
static void a_handler_at_any_instruction_harms_nothing(void)
{
    otelshim_span_end(otelshim_span_begin("first"));
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    signal(SIGALRM, on_alarm);
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &alarms) && !timer_settime(alarms, 0, &next_alarm, NULL));
    for (int i = 0; i < 300; i++) {
        otelshim_span outer = otelshim_span_begin("outer", otelshim_kv("i", i)),
                      inner = otelshim_span_begin("inner");
        otelshim_span_set(outer, otelshim_kv("late", i));
        otelshim_span_end(inner);
        otelshim_span_end(outer);
        for (volatile int k = 0; k < 2000; k++)
            ;
    }
    timer_delete(alarms);
    read_records(&records);
    uint32_t n_outer = 0, n_handler = 0;
    for (uint32_t i = 0; i < records.n; i++) {
        const struct wire_record *record = records.at[i];
        CHECK(record->kind == WIRE_RECORD_SPAN &&
              ((const struct wire_span *)(const void *)record)->outcome == WIRE_OK);
        n_handler += has_text(record, WIRE_SPAN_NAME, 0, "handler");
        if (has_text(record, WIRE_SPAN_NAME, 0, "outer")) {
            CHECK(has_custom_int(record, "i", n_outer) && has_custom_int(record, "late", n_outer));
            n_outer++;
        }
    }
    CHECK(n_outer == 300 && (n_handler > 0 || IS_SANITIZED));
}

/* ---- any sequence of calls against a model ---- */

#define MODEL_MAX 20
static struct {
    otelshim_span span;
    int name, value, parent;
    bool is_ended;
} made[1500];
static int n_made, stack[MODEL_MAX], n_stack;

static void make_one(void)
{
    char name[16];
    snprintf(name, sizeof name, "s%d", n_made);
    made[n_made].span = otelshim_span_begin(name);
    made[n_made].name = n_made;
    made[n_made].value = -1;
    made[n_made].parent = n_stack ? stack[n_stack - 1] : -1;
    CHECK(made[n_made].span);
    stack[n_stack++] = n_made++;
}

static void any_sequence_of_calls_comes_out_as_the_model_says(void)
{
    srand(6);
    while (n_made < 1500) {
        int kind = rand() % 10, which = n_stack ? stack[rand() % n_stack] : 0;
        if (kind < 4 && n_stack < MODEL_MAX) {
            make_one();
        } else if (kind < 7 && n_stack) {
            otelshim_span_set(made[which].span, otelshim_kv("value", n_made));
            made[which].value = n_made;
        } else if (kind < 9 && n_stack) {
            otelshim_span_end(made[stack[--n_stack]].span);
        } else if (n_stack && rand() % 4 == 0) { /* out of order */
            while (stack[n_stack - 1] != which)
                n_stack--;
            n_stack--;
            otelshim_span_end(made[which].span);
        } else if (n_made) {
            int any = rand() % n_made;
            for (int i = 0; i < n_stack; i++)
                any = any == stack[i] ? -1 : any;
            otelshim_span_end(any >= 0 ? made[any].span : 0);
        }
    }
    while (n_stack)
        otelshim_span_end(made[stack[--n_stack]].span);
    read_records(&records);
    uint32_t n_cut = (uint32_t)count_dropped(DROP_FACTS_CUT);
    CHECK(records.n == 1500 && n_cut < 100);
    for (int i = 0; i < 1500; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        const struct wire_span *span = find_span(&records, name);
        CHECK(span && !memcmp(span->facts.span_id, &made[i].span, 8));
        CHECK(made[i].parent < 0 ? !(span->facts.flags & WIRE_SPAN_HAS_PARENT)
                                 : !memcmp(span->facts.parent_span_id, &made[made[i].parent].span, 8));
        bool is_right = made[i].value < 0 ? !find_fact(&span->record, WIRE_CUSTOM, 0)
                                          : has_custom_int(&span->record, "value", made[i].value);
        CHECK(is_right || n_cut-- > 0);
    }
}

#define TESTS(X)                                        \
    X(spans_nest)                                       \
    X(two_outermost_spans_are_two_traces)               \
    X(what_is_said_of_a_span_under_another_stays_apart) \
    X(an_end_out_of_order_ends_what_is_inside)          \
    X(another_thread_cannot_end_it)                     \
    X(a_try_of_another_thread_is_counted)               \
    X(an_open_span_dies_with_its_thread)                \
    X(a_slot_of_ones_own_is_not_taken_over)             \
    X(a_program_that_forgets_to_end_them_is_still_seen) \
    X(a_recursion_is_seen_as_deep_as_there_is_room)     \
    X(a_fork_child_leaves_its_parents_spans_alone)      \
    X(library_calls_and_own_spans_nest_both_ways)       \
    X(a_span_may_outlive_the_call_that_it_began_in)     \
    X(a_call_left_by_longjmp_is_no_parent)              \
    X(a_handler_at_any_instruction_harms_nothing)       \
    X(any_sequence_of_calls_comes_out_as_the_model_says)

MAIN_ALONE(TESTS, "2097152")

/* callstacks: see callstacks.h. */
#include "cli/callstacks.h"

#include "cli/self.h"
#include "signals/crash/call_stack.h"
#include "sources/crash/call.h"
#include "sources/crash/collect.h"
#include "sources/crash/disposable.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_CALLS 64u /* at a time; beyond it they go without */
#define MAX_KNOWN 64u
#define HOLD_MS 300u    /* an alert waits so long */
#define ALONE_MS 2000u  /* a stack waits so long for its call: it may be in a chunk that is read later */
#define NAMING_MS 5000u /* the names are of use for the next call, too */
#define LOOK_MS 3u
/* A child is 20 to 50 ms of a core: a few at once, then one a second. */
#define MAX_CREDIT 10u
#define CREDIT_MS 1000u

/* A stack, and once it came, its call. */
struct call {
    struct call *next;
    struct traced *traced;
    uint8_t span_id[8];
    uint64_t mono_ns; /* with the next, of a log record: its span id is zero */
    uint32_t tid;
    uint64_t key; /* its own */
    uint64_t since_ms;
    struct crash_case crash; /* raw: emptied as soon as it is handed on */
    int root_fd;
    bool is_waiting, is_log;
    struct arena arena; /* the call's record */
    struct raw_span span;
    struct raw_log log;
    struct receipt placed;
};

/* Names of an earlier stack, of the call with this key (0: none) and of all that are like it; no line: nobody could name it. */
struct known {
    uint64_t key, used, pc;
    const struct traced *traced; /* NULL: it is gone */
    struct arena arena;
    struct call_stack stack;
};

struct callstacks {
    struct call *calls, **last;
    uint32_t n_calls, n_waiting;
    struct known known[MAX_KNOWN];
    uint64_t n_used, n_keys;
    struct disposable child; /* one at a time */
    int child_fd;
    struct known child_known; /* who asked: key, traced, pc */
    uint64_t child_ms;
    uint32_t credit;
    uint64_t credit_ms;
    struct loop_timer *timer; /* runs while there are calls, or a child */
    bool is_leaving;
};

/* ---- calls ---- */

static void destroy_call(struct callstacks *stacks, struct call *call)
{
    struct call **at = &stacks->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    if (stacks->last == &call->next)
        stacks->last = at;
    stacks->n_calls--;
    stacks->n_waiting -= call->is_waiting;
    if (call->root_fd >= 0)
        close(call->root_fd);
    crash_case_fini(&call->crash);
    arena_fini(&call->arena);
    free(call);
}

/* It is somebody else's now. */
static void pass(struct pipeline *pipeline, struct call *call, const struct call_stack *stack)
{
    if (stack && !stack->n_lines)
        stack = NULL;
    call->span.stack = call->log.stack = stack;
    if (call->is_log)
        records_pass_log(pipeline, call->traced, &call->log, &call->placed);
    else
        kept_pass(pipeline, call->traced, &call->span, &call->placed);
    destroy_call(pipeline->callstacks, call);
}

static struct call *find_span(struct callstacks *stacks, const struct traced *traced,
                              const struct raw_span *raw)
{
    struct call *call = stacks->calls;
    while (call && (call->is_waiting || call->traced != traced || call->is_log ||
                    memcmp(call->span_id, raw->span.span_id, sizeof(call->span_id)) != 0))
        call = call->next;
    return call;
}

static struct call *find_log(struct callstacks *stacks, const struct traced *traced,
                             const struct raw_log *raw)
{
    struct call *call = stacks->calls;
    while (call && (call->is_waiting || call->traced != traced || !call->is_log ||
                    call->mono_ns != raw->log.mono_ns || call->tid != raw->log.tid))
        call = call->next;
    return call;
}

/* ---- what is known ---- */

static struct known *find_known(struct callstacks *stacks, const struct call *call)
{
    for (uint32_t i = 0; i < MAX_KNOWN; i++) {
        struct known *known = &stacks->known[i];
        if (known->key == call->key ||
            (known->traced == call->traced &&
             call_is_like(&call->crash, known->pc, known->stack.marks, known->stack.n_marks))) {
            known->used = ++stacks->n_used;
            return known;
        }
    }
    return NULL;
}

/* In place of the one that was of use longest ago. */
static struct known *remember(struct callstacks *stacks)
{
    struct known *known = &stacks->known[0];
    for (uint32_t i = 1; i < MAX_KNOWN; i++)
        if (stacks->known[i].used < known->used)
            known = &stacks->known[i];
    arena_fini(&known->arena);
    *known = stacks->child_known;
    known->used = ++stacks->n_used;
    return known;
}

/* ---- the child ---- */

static bool take_credit(struct callstacks *stacks, uint64_t now_ms)
{
    uint64_t n = (now_ms - stacks->credit_ms) / CREDIT_MS;
    stacks->credit_ms += n * CREDIT_MS;
    stacks->credit = n < MAX_CREDIT - stacks->credit ? stacks->credit + (uint32_t)n : MAX_CREDIT;
    if (!stacks->credit)
        return false;
    stacks->credit--;
    return true;
}

static void start_child(struct callstacks *stacks, struct call *call, uint64_t now_ms)
{
    static char name[] = "otelshim", command[] = "symbolize", option[] = "--call";
    char *argv[] = {name, command, option, NULL};
    call->crash.root = call->root_fd >= 0 ? DISPOSABLE_ROOT_PATH : "";
    stacks->child_fd = memfd_create("otelshim", MFD_CLOEXEC);
    bool is_fine = stacks->child_fd >= 0 && crash_case_write_to(&call->crash, stacks->child_fd) == 0 &&
                   disposable_start(&stacks->child, self_path(), argv, call->root_fd, stacks->child_fd) == 0;
    stacks->child_known =
        (struct known){.key = call->key, .traced = call->traced, .pc = call_pc(&call->crash)};
    stacks->child_ms = now_ms;
    crash_case_fini(&call->crash);
    if (is_fine)
        return;
    if (stacks->child_fd >= 0)
        close(stacks->child_fd);
    stacks->child_fd = -1;
    (void)remember(stacks);
}

/* What it wrote over the case that it was given. */
static void read_answer(struct callstacks *stacks, bool is_fine)
{
    char text[CALL_STACK_MAX_BYTES];
    struct known *known = remember(stacks);
    ssize_t n = is_fine ? pread(stacks->child_fd, text, sizeof(text), 0) : -1;
    if (n > 0 && !call_stack_read(&known->stack, &known->arena, text, (size_t)n))
        known->stack.n_lines = 0;
    close(stacks->child_fd);
    stacks->child_fd = -1;
}

static void look_at_child(struct callstacks *stacks, uint64_t now_ms)
{
    bool is_fine;
    if (stacks->child_fd < 0)
        return;
    if (now_ms - stacks->child_ms > NAMING_MS)
        disposable_kill(&stacks->child);
    if (disposable_has_ended(&stacks->child, &is_fine))
        read_answer(stacks, is_fine);
}

/* ---- moving on ---- */

/* False: it is gone. */
static bool move_on(struct pipeline *pipeline, struct call *call, uint64_t now_ms)
{
    struct callstacks *stacks = pipeline->callstacks;
    const struct known *known = call->is_waiting ? find_known(stacks, call) : NULL;
    if (known) {
        pass(pipeline, call, &known->stack);
        return false;
    }
    if (!call->is_waiting && now_ms - call->since_ms > ALONE_MS) {
        destroy_call(stacks, call);
        return false;
    }
    if (call->is_waiting && (stacks->is_leaving || now_ms - call->since_ms > HOLD_MS)) {
        pass(pipeline, call, NULL);
        return false;
    }
    bool is_next = call->is_waiting && stacks->child_fd < 0 && call->crash.n_threads;
    if (is_next && take_credit(stacks, now_ms))
        start_child(stacks, call, now_ms);
    return true;
}

static void look(struct pipeline *pipeline)
{
    struct callstacks *stacks = pipeline->callstacks;
    uint64_t now_ms = loop_now_ms(pipeline->loop);
    look_at_child(stacks, now_ms);
    for (struct call *call = stacks->calls, *next; call; call = next) {
        next = call->next;
        (void)move_on(pipeline, call, now_ms);
    }
    if (stacks->n_calls || stacks->child_fd >= 0)
        loop_timer_start(stacks->timer, LOOK_MS);
}

static void look_due(void *context)
{
    struct pipeline *pipeline = context;
    look(pipeline);
    arena_reset(&pipeline->scratch);
    pipeline_give_back(pipeline, NULL, 0);
}

/* ---- what comes ---- */

void callstacks_on_stack(void *context, const struct raw_stack *raw)
{
    static const uint8_t none[8];
    struct pipeline *pipeline = context;
    struct callstacks *stacks = pipeline->callstacks;
    struct traced *traced = traced_find(pipeline, raw->process);
    struct call *call =
        traced && stacks->n_calls < MAX_CALLS && !stacks->is_leaving ? calloc(1, sizeof(*call)) : NULL;
    if (!call)
        return;
    *call = (struct call){.traced = traced,
                          .mono_ns = raw->stack.mono_ns,
                          .tid = raw->stack.tid,
                          .since_ms = loop_now_ms(pipeline->loop),
                          .root_fd = -1,
                          .is_log = memcmp(raw->stack.span_id, none, sizeof(none)) == 0};
    memcpy(call->span_id, raw->stack.span_id, sizeof(call->span_id));
    *stacks->last = call;
    stacks->last = &call->next;
    stacks->n_calls++;
    call->key = ++stacks->n_keys;
    if (!call_collect(&call->crash, raw) ||
        (!find_known(stacks, call) && !collect_maps(&call->crash, raw->process))) {
        destroy_call(stacks, call);
        return;
    }
    call->root_fd = collect_open_root(raw->process->pid);
    loop_timer_start(stacks->timer, LOOK_MS);
}

/* Nearly always false: every span and log record asks. */
static bool may_have_stack(const struct callstacks *stacks)
{
    return stacks->calls && !stacks->is_leaving;
}

static void begin_wait(struct pipeline *pipeline, struct call *call, const struct receipt *placed)
{
    call->placed = *placed;
    call->is_waiting = true;
    call->since_ms = loop_now_ms(pipeline->loop);
    pipeline->callstacks->n_waiting++;
}

bool callstacks_hold_span(struct pipeline *pipeline, struct traced *traced, const struct raw_span *raw,
                          const struct receipt *placed)
{
    struct callstacks *stacks = pipeline->callstacks;
    struct call *call = may_have_stack(stacks) ? find_span(stacks, traced, raw) : NULL;
    if (!call)
        return false;
    begin_wait(pipeline, call, placed);
    call->span = *raw;
    call->span.facts = raw_facts_copy(&call->arena, raw->facts, raw->n_facts);
    call->span.source = (struct raw_source){0};
    (void)move_on(pipeline, call, loop_now_ms(pipeline->loop));
    return true;
}

bool callstacks_hold_log(struct pipeline *pipeline, struct traced *traced, const struct raw_log *raw,
                         const struct receipt *placed)
{
    struct callstacks *stacks = pipeline->callstacks;
    struct call *call = may_have_stack(stacks) ? find_log(stacks, traced, raw) : NULL;
    if (!call)
        return false;
    begin_wait(pipeline, call, placed);
    call->log = *raw;
    call->log.facts = raw_facts_copy(&call->arena, raw->facts, raw->n_facts);
    (void)move_on(pipeline, call, loop_now_ms(pipeline->loop));
    return true;
}

/* ---- life ---- */

void callstacks_start(struct pipeline *pipeline)
{
    struct callstacks *stacks = calloc(1, sizeof(*stacks));
    if (!stacks)
        abort();
    stacks->last = &stacks->calls;
    stacks->child_fd = -1;
    stacks->credit = MAX_CREDIT;
    stacks->credit_ms = loop_now_ms(pipeline->loop);
    stacks->timer = loop_timer_create(pipeline->loop, look_due, pipeline);
    pipeline->callstacks = stacks;
}

void callstacks_leave(struct pipeline *pipeline)
{
    pipeline->callstacks->is_leaving = true;
    look(pipeline);
}

void callstacks_forget(struct pipeline *pipeline, const struct traced *traced)
{
    struct callstacks *stacks = pipeline->callstacks;
    for (struct call *call = stacks->calls, *next; call; call = next) {
        next = call->next;
        if (call->traced == traced)
            destroy_call(stacks, call);
    }
    for (uint32_t i = 0; i < MAX_KNOWN; i++)
        if (stacks->known[i].traced == traced)
            stacks->known[i].traced = NULL;
    if (stacks->child_known.traced == traced)
        stacks->child_known.traced = NULL;
}

bool callstacks_is_idle(const struct pipeline *pipeline)
{
    return pipeline->callstacks->n_waiting == 0;
}

void callstacks_stop(struct pipeline *pipeline)
{
    struct callstacks *stacks = pipeline->callstacks;
    while (stacks->calls)
        destroy_call(stacks, stacks->calls);
    if (stacks->child_fd >= 0) {
        disposable_kill(&stacks->child);
        close(stacks->child_fd);
    }
    for (uint32_t i = 0; i < MAX_KNOWN; i++)
        arena_fini(&stacks->known[i].arena);
    loop_timer_destroy(stacks->timer);
    free(stacks);
    pipeline->callstacks = NULL;
}

/* report: see report.h. */
#include "signals/crash/report.h"

#include "signals/crash/fingerprint.h"
#include "signals/crash/instruction.h"
#include "signals/crash/own.h"
#include "signals/crash/redact.h"
#include "signals/crash/resolve.h"
#include "signals/crash/title.h"
#include <elf.h>
#include <string.h>

static const uint64_t *crashed_registers(const struct crash_case *crash)
{
    bool has_any = !crash->registers_missing && crash->n_threads && crash->threads[0].is_crashed;
    return has_any ? crash->threads[0].registers : NULL;
}

static struct crash_span *copy_spans(struct arena *arena, const struct crash_span *spans, uint32_t n)
{
    struct crash_span *copies = arena_zalloc(arena, (n + 1) * sizeof(*copies));
    for (uint32_t i = 0; i < n; i++) {
        copies[i] = spans[i];
        copies[i].name = text_valid(arena, spans[i].name);
        copies[i].kind = text_valid(arena, spans[i].kind);
        copies[i].trace_id = text_valid(arena, spans[i].trace_id);
        copies[i].span_id = text_valid(arena, spans[i].span_id);
        copies[i].status = text_valid(arena, spans[i].status);
    }
    return copies;
}

static void copy_process(struct crash_report *report, const struct crash_case *crash)
{
    struct arena *arena = &report->arena;
    report->id = arena_copy(arena, crash->id, strnlen(crash->id, sizeof(crash->id)));
    report->kind = crash->kind;
    report->time_unix_ns = crash->time_unix_ns;
    report->uptime_ns = crash->uptime_ns;
    report->rss_bytes = crash->rss_bytes;
    report->pid = crash->pid;
    report->tid = crash->tid;
    report->uid = crash->uid;
    report->machine = crash->machine == EM_AARCH64 ? "aarch64" : "x86_64";
    report->exe = text_valid(arena, crash->exe);
    report->service = text_valid(arena, crash->service);
    report->service_version = text_valid(arena, crash->service_version);
    report->environment = text_valid(arena, crash->environment);
    report->host = text_valid(arena, crash->host);
    report->arguments = redact_arguments(arena, crash->arguments, crash->n_arguments);
    report->n_arguments = crash->n_arguments;
    report->ended_by = text_valid(arena, crash->ended_by ? crash->ended_by : "unknown");
    report->ended_status = crash->ended_status;
    report->dumped_core = crash->dumped_core;
    report->registers_missing = text_valid(arena, crash->registers_missing);
    report->threads_missing = text_valid(arena, crash->threads_missing);
    report->trace_id = text_valid(arena, crash->trace_id);
    report->span_id = text_valid(arena, crash->span_id);
    report->open_spans = copy_spans(arena, crash->open_spans, crash->n_open_spans);
    report->n_open_spans = crash->n_open_spans;
    report->recent_spans = copy_spans(arena, crash->recent_spans, crash->n_recent_spans);
    report->n_recent_spans = crash->n_recent_spans;
}

/* In the order people look for them: the place first. */
static void copy_registers(struct crash_report *report, const struct crash_case *crash)
{
    const uint64_t *registers = crashed_registers(crash);
    unsigned pc = crash->machine == EM_AARCH64 ? WIRE_AARCH64_PC : WIRE_X86_64_IP;
    if (!registers)
        return;
    report->registers = arena_zalloc(&report->arena, WIRE_REGISTERS * sizeof(*report->registers));
    report->registers[report->n_registers++] =
        (struct crash_register){instruction_register_name(crash->machine, pc), registers[pc]};
    for (unsigned i = 0; i < WIRE_REGISTERS; i++) {
        const char *name = instruction_register_name(crash->machine, i);
        if (name && i != pc)
            report->registers[report->n_registers++] = (struct crash_register){name, registers[i]};
    }
}

static void walk_threads(struct crash_report *report, struct resolver *resolver)
{
    const struct crash_case *crash = resolver->crash;
    bool has_first = crashed_registers(crash) || crash->kind == CRASH_STACKS;
    uint32_t n = resolver->depth == CRASH_THREADS ? crash->n_threads : crash->n_threads && has_first ? 1 : 0;
    report->threads = arena_zalloc(&report->arena, (n + 1) * sizeof(*report->threads));
    for (uint32_t i = 0; i < n; i++) {
        const struct crash_thread *from = &crash->threads[i];
        struct crash_report_thread *thread = &report->threads[report->n_threads];
        if (i == 0 && !has_first)
            continue;
        thread->tid = from->tid;
        thread->name =
            text_repaired(&report->arena, from->name, strnlen(from->name, sizeof(from->name))).bytes;
        thread->is_crashed = from->is_crashed;
        thread->is_incomplete = from->is_incomplete;
        if (!from->is_incomplete)
            resolver_walk(resolver, from->registers, &thread->stack);
        own_mark(&thread->stack);
        report->n_threads++;
    }
}

/* Between two calls no span is open, but the trace of the last one is where people look. */
static void take_last_trace(struct crash_report *report)
{
    const struct crash_span *last = title_last(report);
    if (!report->trace_id && last)
        report->trace_id = last->trace_id;
}

static void explain_all(struct crash_report *report, struct resolver *resolver, struct explanation *why)
{
    const struct crash_case *crash = resolver->crash;
    struct explain_input input = {
        .crash = crash, .modules = &resolver->modules, .registers = crashed_registers(crash)};
    bool is_arm = crash->machine == EM_AARCH64;
    if (input.registers)
        input.n_code = resolver_read_code(
            resolver, input.registers[is_arm ? WIRE_AARCH64_PC : WIRE_X86_64_IP], input.code);
    if (crash->thrown_type)
        report->exception_type = input.exception_type = resolver_demangle_type(resolver, crash->thrown_type);
    explain(&input, &report->arena, why);
    if (report->n_threads)
        explain_by_frames(&report->threads[0].stack, &report->arena, why);
    if (strcmp(why->class, "exception") != 0)
        report->exception_type = NULL;
    report->message = report->exception_type ? crash->thrown_what : crash->abort_message;
    report->class = why->class;
    report->reason = why->reason;
    report->has_address = why->has_address;
    report->address = why->address;
    report->sender_pid = why->sender_pid;
    report->sender_uid = why->sender_uid;
}

void crash_report_make(struct crash_report *ret_report, const struct crash_case *crash,
                       enum crash_depth depth)
{
    struct crash_report *report = ret_report;
    struct arena *arena = &report->arena;
    struct crash_case told = *crash; /* what it said, without its secrets */
    struct resolver resolver;
    struct explanation why;
    char fingerprint[65];
    told.abort_message = redact_message(arena, crash->abort_message);
    told.thrown_what = redact_message(arena, crash->thrown_what);
    copy_process(report, &told);
    report->signal_number = told.signal;
    report->signal = told.signal ? signal_name(arena, told.signal) : NULL;
    report->code = told.signal ? signal_code_name(told.signal, told.code) : NULL;
    copy_registers(report, &told);
    resolver_init(&resolver, &told, arena, depth);
    walk_threads(report, &resolver);
    resolver_name(&resolver, told.thrown_frames, told.n_thrown_frames, &report->thrown);
    own_mark(&report->thrown);
    explain_all(report, &resolver, &why);
    take_last_trace(report);
    fingerprint_make(report, why.detail, fingerprint);
    report->fingerprint = arena_copy(arena, fingerprint, strlen(fingerprint));
    report->title = title_make(arena, report, &why);
    resolver_fini(&resolver);
}

void crash_report_fini(struct crash_report *report)
{
    arena_fini(&report->arena);
    memset(report, 0, sizeof(*report));
}

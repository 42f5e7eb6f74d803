/*
 * send-test: a message to every chat and webhook that this environment names, by the way an alert takes, and what is wrong where one
 * does not arrive.
 *
 * Context: one command, one thread.
 */
#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/report.h"
#include "outputs/alerts/compose.h"
#include "outputs/alerts/destination.h"
#include "signals/rules/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char command_send_test_help[] =
    "usage: otelshim send-test [--error|--trade|--crash] [--chat ID] [--dry-run]\n"
    "                          [--offline] [-o json]\n"
    "\n"
    "Sends a test message to every chat and webhook that is set up here, and says of each\n"
    "whether it arrived, how long that took, and what mends it where it did not. Asks the\n"
    "bot, the chats and the OTLP endpoint first.\n"
    "\n"
    "      --error     as of a failed call (default)\n"
    "      --trade     as of an order, to the chats of trades\n"
    "      --crash     as of a crash\n"
    "      --chat ID   only to this chat, set up or not\n"
    "      --dry-run   print the message and to whom it would go; nothing is sent or asked\n"
    "      --offline   do not ask the OTLP endpoint\n"
    "  -o, --output text|json   json: {\"schema\":1, state, findings:[...]}, as doctor's; of\n"
    "                           --dry-run {\"schema\":1, targets:[{kind, address}], text}\n"
    "\n"
    "Exit status: 0 all arrived; 1 one did not; 2 wrong usage; 3 nothing is set up.\n";

#define STATUS_NOT_CONFIGURED 3
#define MAX_TARGETS 64u

struct sending {
    struct doctor *doctor;
    struct loop *loop;
    struct http_client *client;
    const struct settings *settings;
    const struct target *target;
    struct outgoing outgoing;
    uint64_t began_ns;
    bool has_more; /* a part is out, others follow */
};

static void describe_error(struct alert *alert, struct arena *arena)
{
    static struct alert_pair context[] = {{"command", "otelshim send-test"},
                                          {"note", "nothing has happened"}};
    (void)arena;
    alert->class = ALERT_ERROR;
    alert->level = ALERT_LEVEL_ERROR;
    alert->type = "TestError";
    alert->message = "This is a test: errors will look like this.";
    alert->context = context;
    alert->n_context = 2;
}

static void describe_crash(struct alert *alert, struct arena *arena)
{
    static const char *const stack[] = {"#0 place_order test.c:142", "#1 main test.c:12"};
    (void)arena;
    alert->class = ALERT_CRASH;
    alert->level = ALERT_LEVEL_CRITICAL;
    alert->type = "SIGSEGV";
    alert->message = "This is a test: crashes will look like this. Nothing has crashed.";
    alert->stack = stack;
    alert->n_stack = 2;
}

static void describe_trade(struct alert *alert, struct arena *arena, const struct settings *settings)
{
    struct attributes fields = {0};
    attribute_set_string(&fields, arena, "name", "otelshim send-test");
    attribute_set_string(&fields, arena, "symbol", "TEST");
    attribute_set_int(&fields, arena, "order_count", 1);
    attribute_set_double(&fields, arena, "total_amount", 1000);
    attribute_set_string(&fields, arena, "prices", "[1000]");
    attribute_set_string(&fields, arena, "volumes", "[1]");
    alert->class = ALERT_TRADE;
    alert->level = ALERT_LEVEL_INFO;
    alert->type = "buy";
    alert->body = template_render(settings, "buy", &fields, alert->time_unix_ns, arena);
}

static void describe(struct alert *alert, struct arena *arena, const struct settings *settings,
                     const char *kind)
{
    static char host[65];
    (void)gethostname(host, sizeof(host) - 1);
    *alert = (struct alert){.time_unix_ns = clock_ns(CLOCK_REALTIME),
                            .service = settings->service_name ? settings->service_name : "otelshim",
                            .version = OTELSHIM_VERSION,
                            .host = host,
                            .pid = (uint32_t)getpid(),
                            .is_distinct = true};
    if (strcmp(kind, "trade") == 0)
        describe_trade(alert, arena, settings);
    else if (strcmp(kind, "crash") == 0)
        describe_crash(alert, arena);
    else
        describe_error(alert, arena);
}

/* With --chat that one alone: it need not be set up. */
static uint32_t list_targets(struct settings *settings, enum alert_class class, const char *const *chat,
                             struct target *ret_targets)
{
    uint32_t n = 0;
    if (*chat)
        settings->alerts.error_chats = settings->alerts.trade_chats =
            (struct text_list){.items = chat, .n = 1};
    for (uint32_t i = 0; destination_kinds[i]; i++)
        if (!*chat || destination_kinds[i] == &telegram_destination)
            n += destination_kinds[i]->list(settings, class, ret_targets + n, MAX_TARGETS - n);
    return n;
}

/* A message that is out, and its report is not, says so in `problem`. */
static void sent(void *context, const struct sent *result)
{
    struct sending *sending = context;
    const struct target *target = sending->target;
    uint64_t took_ms = (clock_ns(CLOCK_MONOTONIC) - sending->began_ns) / 1000000;
    sending->has_more = result->outcome == SENT_PART;
    sending->outgoing.n_parts_sent = result->n_parts_sent;
    if (result->outcome == SENT)
        doctor_say(sending->doctor, FINDING_OK, target->kind->name, NULL, "%s: arrived%s%s in %" PRIu64 " ms",
                   target->address, *result->message_id ? ", message " : "", result->message_id, took_ms);
    else if (result->outcome != SENT_PART)
        doctor_say(sending->doctor, FINDING_FAIL, target->kind->name,
                   result->outcome == SENT_RETRY ? "try again: an alert would be kept, and sent later" : NULL,
                   "%s", result->problem);
    loop_stop(sending->loop);
}

static void send_all(struct doctor *doctor, const struct settings *settings, const struct alert *alert,
                     const struct rich_text *text, const struct target *targets, uint32_t n_targets)
{
    struct sending sending = {.doctor = doctor, .loop = loop_create(), .settings = settings};
    sending.client = http_client_create(sending.loop);
    for (uint32_t i = 0; i < n_targets; i++) {
        sending.target = &targets[i];
        sending.outgoing = (struct outgoing){.text = text, .alert = alert};
        sending.began_ns = clock_ns(CLOCK_MONOTONIC);
        do {
            targets[i].kind->send(sending.client, settings, &targets[i], &sending.outgoing, sent, &sending);
            loop_run(sending.loop);
        } while (sending.has_more);
    }
    http_client_destroy(sending.client);
    loop_destroy(sending.loop);
}

static int print_dry(const char *text, const struct target *targets, uint32_t n_targets, bool is_json)
{
    if (is_json)
        fputs("{\"schema\":1,\"targets\":[", stdout);
    for (uint32_t i = 0; i < n_targets; i++) {
        if (is_json) {
            printf("%s{\"kind\":\"%s\",\"address\":", i ? "," : "", targets[i].kind->name);
            report_put_string(stdout, targets[i].address);
            putchar('}');
        } else {
            printf("to %s %s\n", targets[i].kind->name, targets[i].address);
        }
    }
    if (is_json) {
        fputs("],\"text\":", stdout);
        report_put_string(stdout, text);
        puts("}");
    } else {
        printf("%s\n%s\n", n_targets ? "" : "to nobody: nothing is set up: otelshim telegram setup\n", text);
    }
    return 0;
}

struct test_options {
    const char *kind, *chat;
    bool is_dry, is_offline, is_json;
};

static int run_test(const struct test_options *options)
{
    static struct doctor doctor;
    static struct target targets[MAX_TARGETS];
    struct settings *settings = settings_create_own();
    struct alert alert;
    describe(&alert, &doctor.arena, settings, options->kind);
    struct rich_text text = {.arena = &doctor.arena};
    const struct compose_options look = {.language = settings->alerts.language,
                                         .trace_url = settings->alerts.trace_url};
    compose_alert(&text, &alert, &look);
    uint32_t n_targets = list_targets(settings, alert.class, &options->chat, targets);
    int status;
    for (uint32_t i = 0; i < settings->n_problems; i++)
        doctor_say(&doctor, FINDING_WARN, "settings", "otelshim config check", "%s",
                   settings->problems[i].text);
    if (options->is_dry) {
        status = print_dry(rich_print_plain(&text, &doctor.arena), targets, n_targets, options->is_json);
    } else {
        doctor_look_at_alerts(&doctor, settings);
        if (!options->is_offline)
            doctor_look_at_endpoint(&doctor, settings);
        if (!n_targets)
            doctor_say(&doctor, FINDING_FAIL, "alerts", "otelshim telegram setup, or OTELSHIM_WEBHOOK_URL",
                       "nothing is set up: alerts are only kept on this machine");
        send_all(&doctor, settings, &alert, &text, targets, n_targets);
        status = doctor_print(&doctor, options->is_json);
        status = n_targets ? status : STATUS_NOT_CONFIGURED;
    }
    settings_destroy(settings);
    arena_fini(&doctor.arena);
    return status;
}

static bool is_chat(const char *text)
{
    struct problem problem;
    return *text && !strchr(text, ',') &&
           settings_check(settings_name(SETTING_OTELSHIM_TELEGRAM_CHATS), text, &problem) == 0;
}

int command_send_test(int argc, char **argv)
{
    struct test_options options = {.kind = "error"};
    const char *format = NULL;
    bool is_error = false, is_trade = false, is_crash = false;
    int first = 1;
    const struct option_row rows[] = {
        {"--output", "-o", NULL, &format},
        {"--error", NULL, &is_error, NULL},
        {"--trade", NULL, &is_trade, NULL},
        {"--crash", NULL, &is_crash, NULL},
        {"--chat", NULL, NULL, &options.chat},
        {"--dry-run", "-n", &options.is_dry, NULL},
        {"--offline", NULL, &options.is_offline, NULL},
    };
    int status =
        command_parse_options(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), STATUS_USAGE, &first);
    if (status == OPTIONS_FINE)
        status = command_refuse_operands(argc, argv, first, STATUS_USAGE);
    if (status == OPTIONS_FINE)
        status = command_parse_format(argv[0], format, &options.is_json);
    if (status == OPTIONS_FINE && is_error + is_trade + is_crash > 1) {
        fputs("otelshim send-test: one of --error, --trade, --crash\n", stderr);
        status = STATUS_USAGE;
    }
    if (status == OPTIONS_FINE && options.chat && !is_chat(options.chat)) {
        fprintf(stderr,
                "otelshim send-test: --chat '%s': allowed is a chat's id or @name, ID/TOPIC for a topic\n",
                options.chat);
        status = STATUS_USAGE;
    }
    if (status != OPTIONS_FINE)
        return status;
    options.kind = is_trade ? "trade" : is_crash ? "crash" : "error";
    return run_test(&options);
}

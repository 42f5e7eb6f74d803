/* dropbox: see dropbox.h. Whose turn it is; what each part is asked, in which order. */
#include "sources/dropbox/dropbox.h"

#include "sources/dropbox/dropbox_priv.h"
#include "sources/process/proc.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TURN_SPANS 256u /* a client's share before it is the next one's turn */

void note(struct dropbox *dropbox, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (dropbox->events.on_note)
        dropbox->events.on_note(dropbox->events.context, line);
}

const char *error_text(int error)
{
    const char *text = strerrordesc_np(-error); /* unlike strerror(), for any thread */
    return text ? text : "unknown error";
}

void hand_on(struct client *client, struct raw_span *raw, enum receipt_kind kind, uint32_t index,
             uint64_t word)
{
    struct dropbox *dropbox = client->dropbox;
    raw->mono_to_unix_ns = offset_at(&dropbox->offsets, raw->end_mono_ns, client->layout.created_mono_ns,
                                     client->layout.mono_to_unix_ns);
    client->counts.recorded++;
    struct receipt receipt = {.client = client->id, .word = word, .index = index, .kind = kind};
    dropbox->events.on_span(dropbox->events.context, raw, &receipt);
}

static int64_t offset_of(const struct client *client, uint64_t mono_ns)
{
    return offset_at(&client->dropbox->offsets, mono_ns, client->layout.created_mono_ns,
                     client->layout.mono_to_unix_ns);
}

bool hand_on_other(struct client *client, enum record_result result, struct record *record, uint32_t index,
                   uint64_t word)
{
    const struct dropbox_events *events = &client->dropbox->events;
    struct receipt receipt = {.client = client->id, .word = word, .index = index, .kind = RECEIPT_CHUNK};
    if (result == RECORD_COUNT && events->on_count) {
        events->on_count(events->context, &record->count, &receipt);
    } else if (result == RECORD_LOG && events->on_log) {
        record->log.mono_to_unix_ns = offset_of(client, record->log.log.mono_ns);
        events->on_log(events->context, &record->log, &receipt);
    } else if (result == RECORD_MEASUREMENT && events->on_measurement) {
        record->measurement.mono_to_unix_ns = offset_of(client, record->measurement.measurement.mono_ns);
        events->on_measurement(events->context, &record->measurement, &receipt);
    } else {
        return false;
    }
    return true;
}

/* ---- life ---- */

/* Wakes the caller's loop through dropbox_descriptor(). */
static int open_watchers(struct dropbox *dropbox)
{
    dropbox->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    dropbox->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (dropbox->epoll_fd < 0)
        return -errno;
    /* data 0 is no client's id: serials begin at 1 */
    struct epoll_event event = {.events = EPOLLIN};
    if (dropbox->inotify_fd >= 0 &&
        epoll_ctl(dropbox->epoll_fd, EPOLL_CTL_ADD, dropbox->inotify_fd, &event) < 0)
        return -errno;
    return 0;
}

static void destroy(struct dropbox *dropbox)
{
    liveness_forget_expected(dropbox);
    while (dropbox->boxes)
        box_close(dropbox, dropbox->boxes);
    if (dropbox->epoll_fd >= 0)
        close(dropbox->epoll_fd);
    if (dropbox->inotify_fd >= 0)
        close(dropbox->inotify_fd);
    bell_fini(&dropbox->bell);
    free(dropbox->clients);
    free(dropbox);
}

int dropbox_create(struct dropbox **ret_dropbox, const char *extra_dir, bool all_uids, bool only_extra,
                   const struct dropbox_events *events, char problem[200])
{
    struct dropbox *dropbox = calloc(1, sizeof(*dropbox));
    if (!dropbox)
        return -ENOMEM;
    dropbox->events = *events;
    dropbox->all_uids = all_uids;
    dropbox->only_extra = only_extra;
    dropbox->uid = geteuid();
    dropbox->pid_namespace = proc_own_pid_namespace();
    dropbox->epoll_fd = dropbox->inotify_fd = -1;
    problem[0] = 0;
    bool is_busy = false;
    int error = bell_init(&dropbox->bell);
    if (extra_dir && snprintf(dropbox->extra_dir, sizeof(dropbox->extra_dir), "%s", extra_dir) >=
                         (int)sizeof(dropbox->extra_dir)) {
        snprintf(problem, 200, "%.120s: the path is too long", extra_dir);
        error = -ENAMETOOLONG;
    }
    if (!error)
        error = open_watchers(dropbox);
    if (!error && !watch_open_boxes(dropbox, &is_busy, problem))
        error = is_busy ? -EBUSY : -ENOENT;
    if (error) {
        if (!problem[0])
            snprintf(problem, 200, "%s", error_text(error));
        destroy(dropbox);
        return error;
    }
    problem[0] = 0;
    offset_sample_clocks(&dropbox->offsets);
    *ret_dropbox = dropbox;
    return 0;
}

void dropbox_destroy(struct dropbox *dropbox)
{
    if (!dropbox)
        return;
    dropbox_wake(dropbox);
    for (struct box *box = dropbox->boxes; box; box = box->next)
        box_unlock(box);
    for (uint32_t i = 0; i < dropbox->n_clients; i++)
        if (dropbox->clients[i])
            client_close(dropbox->clients[i], false);
    destroy(dropbox);
}

int dropbox_descriptor(const struct dropbox *dropbox)
{
    return dropbox->epoll_fd;
}

void dropbox_look_at_names(struct dropbox *dropbox)
{
    watch_read_events(dropbox);
}

void dropbox_set_gate(struct dropbox *dropbox, bool (*may_take)(void *context, const struct process *process))
{
    dropbox->may_take = may_take;
}

static bool may_take(const struct dropbox *dropbox, const struct client *client)
{
    return !dropbox->may_take || dropbox->may_take(dropbox->events.context, &client->process);
}

/* ---- polling ---- */

static bool may_bury(const struct dropbox *dropbox, struct client *client)
{
    return !dropbox->events.may_bury || dropbox->events.may_bury(dropbox->events.context, &client->process);
}

/* Everything was read; then what it had open. Its file goes once all of that is acknowledged. */
static uint32_t bury(struct client *client, uint32_t max_spans)
{
    if (!may_bury(client->dropbox, client))
        return 0;
    uint32_t n = flight_emit_remains(client, max_spans);
    client->process.has_ended = flight_is_handed_on(client);
    if (!flight_is_acknowledged(client) || !take_is_acknowledged(client))
        return n;
    if (!client->words.deaths && !client->is_broken) {
        client->words.deaths = 1;
        client_write_words(client);
    }
    client_close(client, true);
    return n;
}

/* One turn of a client: at most max_spans. It may be gone afterwards. */
static uint32_t poll_client(struct client *client, uint32_t max_spans)
{
    episode_look(client);
    uint32_t n = take_records(client, max_spans);
    if (client->is_drained && n < max_spans)
        n += episode_emit(client, max_spans - n);
    if (client->was_acknowledged)
        take_wake_host(client);
    if (client->is_drained && client->is_dead && n < max_spans && !client->is_starved)
        n += bury(client, max_spans - n);
    return n;
}

uint32_t dropbox_poll(struct dropbox *dropbox, uint32_t max_spans)
{
    dropbox->now_ns = offset_sample_clocks(&dropbox->offsets);
    watch_update(dropbox);
    liveness_collect(dropbox);
    uint32_t n = 0, n_clients = dropbox->n_clients;
    for (uint32_t i = 0; i < n_clients; i++)
        if (dropbox->clients[i]) {
            dropbox->clients[i]->is_drained = false;
            crash_look(dropbox->clients[i]);
            liveness_check(dropbox->clients[i]);
            if (!may_take(dropbox, dropbox->clients[i]))
                take_measure(dropbox->clients[i]);
        }
    bool goes_on = true;
    uint32_t turn = dropbox->n_live > 1 ? TURN_SPANS : max_spans;
    while (goes_on && n < max_spans) {
        goes_on = false;
        for (uint32_t k = 0; k < n_clients && n < max_spans; k++) {
            uint32_t i = (dropbox->next_client + k) % n_clients;
            struct client *client = dropbox->clients[i];
            if (!client || client->is_drained || !may_take(dropbox, client))
                continue;
            uint64_t id = client->id;
            uint32_t left = max_spans - n;
            n += poll_client(client, left < turn ? left : turn);
            goes_on |= client_find(dropbox, id) && !client->is_drained;
        }
    }
    dropbox->next_client = n_clients ? (dropbox->next_client + 1) % n_clients : 0;
    return n;
}

void dropbox_acknowledge(struct dropbox *dropbox, const struct receipt *receipts, uint32_t n_receipts)
{
    for (uint32_t i = 0; i < n_receipts; i++) {
        const struct receipt *receipt = &receipts[i];
        struct client *client = client_find(dropbox, receipt->client);
        if (!client)
            continue;
        if (receipt->kind == RECEIPT_CHUNK)
            take_acknowledge(client, receipt->index, receipt->word);
        else if (receipt->kind == RECEIPT_ROOT)
            episode_acknowledge(client, receipt->index, receipt->word);
        else if (receipt->kind == RECEIPT_DEATH)
            flight_acknowledge_death(client, receipt->index);
    }
    for (uint32_t i = 0; i < n_receipts; i++) {
        struct client *client = client_find(dropbox, receipts[i].client);
        if (client && client->was_acknowledged)
            take_wake_host(client);
    }
}

/* ---- sleeping ---- */

bool dropbox_fall_asleep(struct dropbox *dropbox)
{
    dropbox->now_ns = offset_sample_clocks(&dropbox->offsets);
    bell_collect(dropbox);
    bell_set_asleep(dropbox, true);
    bell_barrier();
    struct epoll_event event;
    bool is_quiet = epoll_wait(dropbox->epoll_fd, &event, 1, 0) <= 0;
    for (uint32_t i = 0; i < dropbox->n_clients && is_quiet; i++) {
        struct client *client = dropbox->clients[i];
        if (client && may_take(dropbox, client))
            is_quiet = !take_has_news(client) && !episode_is_due(client);
    }
    if (!is_quiet)
        bell_set_asleep(dropbox, false);
    return is_quiet;
}

void dropbox_set_live(struct dropbox *dropbox, const struct process *process, uint32_t word)
{
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *client = dropbox->clients[i];
        if (!client || &client->process != process)
            continue;
        if (client->words.settings != word && !client->is_broken) {
            client->words.settings = word;
            client_write_words(client);
        }
        return;
    }
}

void dropbox_wake(struct dropbox *dropbox)
{
    if (!dropbox->bell.is_asleep)
        return;
    bell_set_asleep(dropbox, false);
    bell_ring_own(dropbox);
}

void dropbox_wait(struct dropbox *dropbox, uint32_t timeout_ms)
{
    bell_wait(&dropbox->bell, timeout_ms);
}

void dropbox_expect_bells(struct dropbox *dropbox)
{
    bell_collect(dropbox);
}

void dropbox_end_wait(struct dropbox *dropbox)
{
    bell_ring_own(dropbox);
}

/* ---- questions ---- */

uint32_t dropbox_n_clients(const struct dropbox *dropbox)
{
    return dropbox->n_live;
}

uint32_t dropbox_pool_pct(const struct dropbox *dropbox)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        const struct client *client = dropbox->clients[i];
        uint32_t pct = client ? client->pool_used * 100 / client->layout.n_chunks : 0;
        most = pct > most ? pct : most;
    }
    return most;
}

static const struct dropbox_counts *read_counts(struct client *client)
{
    static_assert(sizeof(((struct dropbox_counts *)0)->dropped) ==
                      sizeof(((struct wire_counters *)0)->dropped),
                  "one count per reason");
    if (!client->is_broken)
        client_read(client, client->counts.dropped, sizeof(client->counts.dropped), WIRE_COUNTERS_OFFSET);
    client->counts.n_in_flight = client->is_dead || client->is_broken ? 0 : slots_count_open(client);
    client->counts.is_alive = !client->is_dead;
    return &client->counts;
}

void dropbox_each(struct dropbox *dropbox,
                  void (*each)(void *context, const struct process *process,
                               const struct dropbox_counts *counts),
                  void *context)
{
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *client = dropbox->clients[i];
        if (client)
            each(context, &client->process, read_counts(client));
    }
}

bool dropbox_ask(struct dropbox *dropbox, const struct process *process, struct dropbox_counts *ret_counts)
{
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *client = dropbox->clients[i];
        if (!client || &client->process != process)
            continue;
        *ret_counts = *read_counts(client);
        return true;
    }
    return false;
}

void dropbox_set_told(struct dropbox *dropbox, const struct process *process, enum dropbox_teller teller,
                      const uint64_t dropped[WIRE_MAX_DROPS])
{
    static_assert(sizeof(struct wire_told) == sizeof(((struct dropbox_counts *)0)->told), "a row for each");
    for (uint32_t i = 0; i < dropbox->n_clients; i++) {
        struct client *client = dropbox->clients[i];
        if (!client || &client->process != process)
            continue;
        uint64_t *told = client->counts.told[teller];
        uint32_t n_bytes = sizeof(client->counts.told[teller]);
        if (memcmp(told, dropped, n_bytes) == 0)
            return;
        memcpy(told, dropped, n_bytes);
        client_write(client, told, n_bytes, WIRE_TOLD_OFFSET + teller * n_bytes);
        return;
    }
}

bool dropbox_leave(struct dropbox *dropbox)
{
    if (dropbox->n_live)
        return false;
    bool is_needed = false;
    for (struct box *box = dropbox->boxes; box; box = box->next) {
        box_unlock(box);
        /* a host made its file before it looked for the lock: it is in this listing, or it saw nobody there */
        if (!box->is_gone && box_has_files(box)) {
            is_needed |= box_lock(box) == 0;
            box->must_list = true;
        }
    }
    if (!is_needed)
        return true;
    struct box *next;
    for (struct box *box = dropbox->boxes; box; box = next) {
        next = box->next;
        if (box->lock_fd < 0 && box_lock(box) < 0)
            box_close(dropbox, box); /* somebody else's now */
    }
    return false;
}

const char *dropbox_directory(const struct dropbox *dropbox)
{
    for (const struct box *box = dropbox->boxes; box; box = box->next)
        if (!box->is_gone)
            return box->path;
    return dropbox->boxes ? dropbox->boxes->path : NULL;
}

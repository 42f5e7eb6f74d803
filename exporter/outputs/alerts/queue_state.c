/* queue_state: what the queue knows of targets, and must know after a restart: where they moved, which will have nothing, what was folded. */
#include "outputs/alerts/queue_priv.h"

#include "base/clock.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define NAME "targets.json"
#define MAX_BYTES (1u << 20)

static json_t *encode_lane(const struct lane *lane)
{
    json_t *object = json_object();
    json_put_text(object, "kind", lane->target.kind->name);
    json_put_text(object, "address", lane->target.address);
    json_put_text(object, "account", lane->target.account);
    json_put_number(object, "dead_until_unix_ns", lane->dead_until_ns);
    json_put_number(object, "folded", lane->n_folded);
    json_put_number(object, "folded_unix_ns", lane->folded_unix_ns);
    return object;
}

void queue_state_save(struct queue *queue)
{
    json_t *object = json_object(), *moves = json_array(), *lanes = json_array();
    for (uint32_t i = 0; i < queue->n_moves; i++) {
        json_t *move = json_object();
        json_put_text(move, "kind", queue->moves[i].kind->name);
        json_put_text(move, "from", queue->moves[i].from);
        json_put_text(move, "to", queue->moves[i].to);
        json_array_append_new(moves, move);
    }
    for (const struct lane *lane = queue->lanes; lane; lane = lane->next)
        if (lane->dead_until_ns || lane->n_folded)
            json_array_append_new(lanes, encode_lane(lane));
    bool is_empty = !json_array_size(moves) && !json_array_size(lanes);
    json_object_set_new(object, "moves", moves);
    json_object_set_new(object, "lanes", lanes);
    size_t n_bytes;
    char *bytes = json_write(object, &n_bytes);
    if (is_empty)
        outbox_remove_document(queue->outbox, NAME);
    else
        (void)outbox_write_document(queue->outbox, NAME, bytes, n_bytes);
    free(bytes);
    json_decref(object);
}

static void get_word(char *ret_text, size_t max_bytes, const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key);
    ret_text[0] = 0;
    if (text && strlen(text) < max_bytes)
        memcpy(ret_text, text, strlen(text) + 1);
}

static void decode_move(struct queue *queue, const json_t *object)
{
    struct move *move = &queue->moves[queue->n_moves];
    move->kind = destination_find(json_get_text(object, "kind"));
    get_word(move->from, sizeof(move->from), object, "from");
    get_word(move->to, sizeof(move->to), object, "to");
    if (move->kind && move->from[0] && move->to[0])
        queue->n_moves++;
}

static void decode_lane(struct queue *queue, const json_t *object)
{
    struct target target = {.kind = destination_find(json_get_text(object, "kind"))};
    get_word(target.address, sizeof(target.address), object, "address");
    get_word(target.account, sizeof(target.account), object, "account");
    if (!target.kind)
        return;
    struct lane *lane = queue_lane(queue, &target);
    lane->dead_until_ns = json_get_number(object, "dead_until_unix_ns");
    lane->is_dead_said = lane->dead_until_ns > 0;
    lane->n_folded = json_get_number(object, "folded");
    lane->folded_unix_ns = json_get_number(object, "folded_unix_ns");
}

void queue_state_load(struct queue *queue)
{
    char *bytes = NULL;
    size_t n_bytes = 0;
    if (outbox_read_document(queue->outbox, NAME, MAX_BYTES, &bytes, &n_bytes) != 0)
        return;
    json_t *object = json_read(bytes, n_bytes, MAX_BYTES);
    const json_t *moves = json_object_get(object, "moves"), *lanes = json_object_get(object, "lanes");
    for (size_t i = 0; i < json_array_size(moves) && queue->n_moves < MAX_MOVES; i++)
        decode_move(queue, json_array_get(moves, i));
    for (size_t i = 0; i < json_array_size(lanes) && i < 1000; i++)
        decode_lane(queue, json_array_get(lanes, i));
    json_decref(object);
    free(bytes);
}

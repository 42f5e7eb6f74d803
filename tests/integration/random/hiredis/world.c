/* Random calls of hiredis: hiredis SEED [STEPS]. See ../random.h and world.h. */
#include "world.h"
#include <signal.h>
#include <stdlib.h>

const size_t world_bytes = sizeof(struct world);

const char *server_socket_path(void)
{
    return getenv("REDIS_SOCKET");
}

int server_port(void)
{
    return atoi(getenv("REDIS_PORT"));
}

void world_step(struct world *w)
{
    uint32_t what = roll(&w->base, 40);
    if (what == 0)
        fork_child(&w->base);
    else if (what < 16)
        async_step(w);
    else
        sequence_step(w);
}

void world_end(struct world *w, bool is_tidy)
{
    for (int i = 0; i < N_SYNC; i++) {
        if (w->syncs[i].c && is_tidy)
            sync_free(w, &w->syncs[i]);
        else if (w->syncs[i].c)
            sync_resolve_all(w, &w->syncs[i], "OPEN");
    }
    for (int i = 0; i < N_ASYNC; i++)
        if (w->asyncs[i].ac && is_tidy)
            async_end(w, &w->asyncs[i], one_in(&w->base, 2));
        else
            for (int j = 0; j < w->asyncs[i].n_pending; j++)
                expect_span(&w->base, "OPEN", w->asyncs[i].pending[j]->tag);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    redisContext *c = redisConnect("127.0.0.1", server_port());
    freeReplyObject(redisCommand(c, "FLUSHALL"));
    redisFree(c);
    printf("!span UNSET redis connect\n!span UNSET FLUSHALL\n");
    return random_main(argc, argv);
}

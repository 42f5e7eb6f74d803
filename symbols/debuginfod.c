/*
 * debuginfod: asks the servers that the user named for debugging information, within a time for all questions together.
 *
 * libdebuginfod is loaded when it is first needed: it brings another libcurl, and most machines do not have it. It reads its
 * servers and limits from the environment of this process, which is a command that does nothing else (Context: commands).
 */
#include "symbols_priv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_MS 2000u

typedef int (*progress_fn)(debuginfod_client *, long done, long all);

struct debuginfod {
    void *library;
    debuginfod_client *client;
    debuginfod_client *(*begin)(void);
    void (*end)(debuginfod_client *);
    int (*find)(debuginfod_client *, const unsigned char *, int, char **);
    void (*set_progress)(debuginfod_client *, progress_fn);
};

/* The client's progress function gets no context of ours that all versions know: one question at a time. */
static uint64_t deadline_ns;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int on_progress(debuginfod_client *client, long done, long all)
{
    (void)client, (void)done, (void)all;
    return now_ns() > deadline_ns;
}

static bool start(struct symbols *symbols, struct debuginfod *asked)
{
    uint32_t total_ms =
        symbols->input->debuginfod_timeout_ms ? symbols->input->debuginfod_timeout_ms : DEFAULT_MS;
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%u", (total_ms + 999) / 1000);
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    setenv("DEBUGINFOD_URLS", symbols->input->debuginfod, 1);
    setenv("DEBUGINFOD_TIMEOUT", seconds, 1);
    setenv("DEBUGINFOD_MAXTIME", seconds, 1);
    setenv("DEBUGINFOD_RETRY_LIMIT", "0", 1);
    /* NOLINTEND(concurrency-mt-unsafe) */
    symbols->debuginfod_left_ms = total_ms;
    asked->library = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!asked->library)
        return false;
    *(void **)&asked->begin = dlsym(asked->library, "debuginfod_begin");
    *(void **)&asked->end = dlsym(asked->library, "debuginfod_end");
    *(void **)&asked->find = dlsym(asked->library, "debuginfod_find_debuginfo");
    *(void **)&asked->set_progress = dlsym(asked->library, "debuginfod_set_progressfn");
    if (!asked->begin || !asked->end || !asked->find || !asked->set_progress)
        return false;
    asked->client = asked->begin();
    if (asked->client)
        asked->set_progress(asked->client, on_progress);
    return asked->client;
}

int debuginfod_ask(struct symbols *symbols, const unsigned char *id, int n_id, char **ret_path)
{
    struct debuginfod *asked = symbols->debuginfod;
    if (!asked) {
        asked = symbols->debuginfod = pool_alloc(&symbols->pool, sizeof(*asked));
        if (asked)
            start(symbols, asked);
    }
    if (!asked || !asked->client || !symbols->debuginfod_left_ms)
        return -1;
    uint64_t begin_ns = now_ns();
    deadline_ns = begin_ns + symbols->debuginfod_left_ms * 1000000u;
    int fd = asked->find(asked->client, id, n_id, ret_path);
    uint64_t took_ms = (now_ns() - begin_ns) / 1000000u;
    symbols->debuginfod_left_ms -=
        took_ms < symbols->debuginfod_left_ms ? took_ms : symbols->debuginfod_left_ms;
    return fd;
}

void debuginfod_fini(struct symbols *symbols)
{
    struct debuginfod *asked = symbols->debuginfod;
    if (!asked)
        return;
    if (asked->client)
        asked->end(asked->client);
    if (asked->library)
        dlclose(asked->library);
}

/* random: a seed's choices, the trace that is printed, the ways in which worlds are run. */
#include "random.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- choices ---- */

uint32_t roll(struct base *base, uint32_t n)
{
    base->dice += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = base->dice;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 16) % n;
}

bool one_in(struct base *base, uint32_t n)
{
    return roll(base, n) == 0;
}

/* ---- what is printed ---- */

void say(struct base *base, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(base->out, format, arguments);
    va_end(arguments);
}

void expect_span(struct base *base, const char *outcome, const char *tag)
{
    say(base, "!span %s %s\n", outcome, tag);
}

const char *failed_if(bool has_failed)
{
    return has_failed ? "ERROR" : "UNSET";
}

/* ---- worlds ---- */

static struct world *create_world(struct base base)
{
    struct base *world = calloc(1, world_bytes);
    *world = base;
    return (struct world *)world;
}

static struct base *base_of(struct world *w)
{
    return (struct base *)w;
}

static void end_world(struct world *w, bool is_tidy)
{
    world_end(w, is_tidy);
    if (is_tidy)
        free(w);
}

/* ---- children ---- */

void fork_child(struct base *base)
{
    if (!base->may_fork)
        return;
    uint32_t way = roll(base, 4), n_steps = roll(base, 8);
    uint64_t dice = base->dice ^ 0x5bd1e995;
    say(base, "fork %u\n", way);
    fflush(base->out);
    pid_t pid = fork();
    if (!pid) {
        struct base own = {.out = base->out, .dice = dice, .number = base->number + 50 + base->n_serial++};
        struct world *child = create_world(own);
        for (uint32_t i = 0; i < n_steps; i++)
            world_step(child);
        end_world(child, way != 3);
        fflush(base->out);
        if (way == 1)
            execlp("true", "true", (char *)NULL);
        if (way == 2)
            exit(3);
        _exit(4);
    }
    base->n_serial++;
    int status = 0;
    waitpid(pid, &status, 0);
    say(base, "child ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

/* ---- handed from thread to thread ---- */

#define N_TURNS 3

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct world *world;
    pthread_t threads[N_TURNS];
    pthread_t gone; /* where has_gone: it may still be in what libraries do when a thread ends */
    bool has_gone;
    int turn, n_left;
} relay = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *relay_run(void *argument);

/* With the lock held. */
static void relay_start(int number)
{
    if (pthread_create(&relay.threads[number], NULL, relay_run, (void *)(intptr_t)number))
        abort();
}

/* With the lock held. A child that is forked meanwhile would inherit the locks of one that is ending. */
static void relay_join(void)
{
    if (relay.has_gone)
        pthread_join(relay.gone, NULL);
    relay.has_gone = false;
}

/* With the lock held. A thread ends now and then, with work open, and another takes its place. */
static void *relay_run(void *argument)
{
    int number = (int)(intptr_t)argument;
    pthread_mutex_lock(&relay.lock);
    struct base *base = base_of(relay.world);
    bool is_leaving = false;
    while (!is_leaving) {
        while (relay.turn != number && relay.n_left > 0)
            pthread_cond_wait(&relay.changed, &relay.lock);
        if (relay.n_left <= 0)
            break;
        relay_join();
        world_step(relay.world);
        relay.n_left--;
        is_leaving = one_in(base, 12);
        relay.turn = (int)roll(base, N_TURNS);
        if (is_leaving) {
            relay.gone = pthread_self();
            relay.has_gone = true;
            relay_start(number);
        }
        pthread_cond_broadcast(&relay.changed);
    }
    pthread_mutex_unlock(&relay.lock);
    return NULL;
}

/* To the end of the last thread: libraries' own ends of threads and of the process do not bear each other. */
static void run_relay(struct world *w, int n_steps)
{
    pthread_mutex_lock(&relay.lock);
    relay.world = w;
    relay.n_left = n_steps;
    for (int i = 0; i < N_TURNS; i++)
        relay_start(i);
    while (relay.n_left > 0)
        pthread_cond_wait(&relay.changed, &relay.lock);
    relay_join();
    pthread_mutex_unlock(&relay.lock);
    for (int i = 0; i < N_TURNS; i++)
        pthread_join(relay.threads[i], NULL);
}

/* ---- side by side ---- */

struct lane {
    pthread_t thread;
    struct base base;
    int n_steps;
    bool is_tidy;
    char *text;
    size_t bytes;
};

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    struct world *w = create_world(lane->base);
    for (int i = 0; i < lane->n_steps; i++)
        world_step(w);
    end_world(w, lane->is_tidy);
    return NULL;
}

static void run_lanes(struct base base, int n_steps, bool is_tidy)
{
    struct lane lanes[3] = {0};
    for (int i = 0; i < 3; i++) {
        struct lane *lane = &lanes[i];
        lane->base = base;
        lane->base.number = i;
        lane->base.dice += (uint64_t)i * 0x1234567;
        lane->base.out = open_memstream(&lane->text, &lane->bytes);
        lane->n_steps = n_steps / 2;
        lane->is_tidy = is_tidy;
        if (pthread_create(&lane->thread, NULL, lane_run, lane))
            abort();
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(lanes[i].thread, NULL);
        fclose(lanes[i].base.out);
        fputs(lanes[i].text, stdout);
        free(lanes[i].text);
    }
}

int random_main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    int n_steps = argc > 2 ? atoi(argv[2]) : 120;
    struct base base = {.out = stdout, .dice = seed * 0x100000001b3u};
    bool is_tidy = !one_in(&base, 3);
    uint32_t way = (uint32_t)(seed % 3);
    if (way == 2) {
        run_lanes(base, n_steps, is_tidy);
        return 0;
    }
    base.may_fork = true;
    struct world *w = create_world(base);
    if (way == 1)
        run_relay(w, n_steps);
    else
        for (int i = 0; i < n_steps; i++)
            world_step(w);
    end_world(w, is_tidy);
    return 0;
}

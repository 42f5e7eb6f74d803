#!/bin/sh
# Two compilations; the cache is Redis, the local one is taken away in between.
set -e
export CCACHE_DIR=$PWD/cache CCACHE_REMOTE_STORAGE="redis://$REDIS_HOST:$REDIS_PORT" CCACHE_COMPILERCHECK=none
echo 'int answer(void) { return 42; }' >answer.c
for round in one two; do
    ccache gcc -c -o $round.o answer.c
    rm -rf cache
done
cmp one.o two.o && echo same

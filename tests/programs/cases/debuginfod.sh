#!/bin/sh
# A file that is there and one that is not; twice: the second time from its cache.
export DEBUGINFOD_URLS="$WEB_URL" DEBUGINFOD_CACHE_PATH="$PWD/cache"
unset DEBUGINFOD_VERBOSE
for _ in one two; do
    debuginfod-find debuginfo 00112233445566778899aabbccddeeff00112233
    debuginfod-find debuginfo ffffffffffffffffffffffffffffffffffffffff || echo "status $?"
done

#!/usr/bin/env bash
# Dispositions, handlers, alternate stacks of a program without and with the library: the output must be the same to the letter.
# disposition.sh [matrix|flags|names|lives…]      CRASH_EMULATOR="qemu-aarch64 -L ROOT": for another processor
set -u
here=$(dirname "$(readlink -f "$0")")
BUILD=$(readlink -f "${BUILD:-$here/../../../build}")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
read -ra emulator <<<"${CRASH_EMULATOR:-}"
passed=0 failed=0

preload=(env LD_PRELOAD="$BUILD/libotelshim.so")
[ ${#emulator[@]} -eq 0 ] || preload=("${emulator[@]}" -E LD_PRELOAD="$BUILD/libotelshim.so") # for the program's loader alone

run() { # NAME COMMAND…: twice
    local name=$1
    shift
    (cd "$out" && exec "${emulator[@]}" "$@") >"$out/without" 2>&1 </dev/null
    echo "exit $?" >>"$out/without"
    (cd "$out" && export OTELSHIM_DIR="$out" OTELSHIM_EXPORTER=none && exec "${preload[@]}" "$@") >"$out/with" 2>&1 </dev/null
    echo "exit $?" >>"$out/with"
    # qemu leaves SIGKILL and SIGSTOP in the masks of actions
    [ ${#emulator[@]} -eq 0 ] || sed -i -E 's/(mask [0-9a-f]*e7ff)fffff/\1bfeff/' "$out/without" "$out/with"
    if diff -u "$out/without" "$out/with" >"$out/diff" && [ "$(wc -l <"$out/with")" -ge 3 ]; then
        echo "ok crash/$name ($(wc -l <"$out/with") lines)"
        passed=$((passed + 1))
    else
        echo "not ok crash/$name"
        head -n 40 "$out/diff" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
}

[ $# -gt 0 ] || set -- matrix flags names lives
for what in "$@"; do
    run "disposition_$what" "$BUILD/tests/integration/crash/disposition" "$what"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]

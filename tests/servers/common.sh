# shellcheck shell=bash
# common.sh: what the scripts of this folder share. Sourced by start, stop and one <server>.sh per server.
#
# A server belongs to one DIR, given by the caller:
#   DIR/env          what `start` found out, NAME=value lines that a shell can source
#   DIR/<name>.pid   "pid start-time": what `stop` may end, and nothing else
#   DIR/<name>.log   all that the server said
# Data and UNIX sockets lie in a directory of their own below /tmp: their path must be short (107 bytes), and
# open to the unprivileged user that PostgreSQL insists on.

# Ports are guessed; somebody may be faster.
# shellcheck disable=SC2034
TRIES=3
DEADLINE_S=${SERVERS_DEADLINE_S:-120}

fail() {
    printf 'tests/servers: %s\n' "$*" >&2
    exit 1
}

# The user that servers run as when we are root: initdb refuses root.
unprivileged_user() {
    id -un postgres 2>/dev/null || echo nobody
}

# Root that has other users at hand: in a user namespace of one's own there is nobody else to become.
is_root() { [ "$(id -u)" = 0 ] && setpriv --reuid="$(unprivileged_user)" --clear-groups true 2>/dev/null; }

# as_user CMD...: replaces this shell by CMD, unprivileged where we are root. No fork: the pid stays.
as_user() {
    if is_root; then
        local user
        user=$(unprivileged_user)
        exec setpriv --reuid="$user" --regid="$(id -gn "$user")" --init-groups "$@"
    fi
    exec "$@"
}

# A port that nobody listens on, outside the range that outgoing connections are given (32768 and up).
free_port() {
    local port
    for _ in {1..50}; do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port on 127.0.0.1"
}

# Field 22 of /proc/PID/stat: a pid alone may be somebody else's by the time it is ended.
start_time() {
    local -a stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return
    read -ra stat <<<"${stat##*) }"
    [ "${stat[0]}" = Z ] || echo "${stat[19]}"
}

# spawn NAME CMD...: starts a server in a session of its own, so that ^C in a terminal is not meant for it.
spawn() {
    local name=$1
    shift
    # shellcheck disable=SC2016
    setsid bash -c '. "$0"; as_user "$@"' "$HERE/common.sh" "$@" \
        </dev/null >"$DIR/$name.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    SPAWNED=$!
    echo "$SPAWNED $(start_time "$SPAWNED")" >"$DIR/$name.pid"
}

# await NAME CMD...: until CMD succeeds; 1 when the server has died before or the deadline has passed.
await() {
    local name=$1
    shift
    while ! "$@" 2>/dev/null; do
        [ -n "$(start_time "$SPAWNED")" ] || return 1
        [ "$SECONDS" -lt "$DEADLINE_S" ] || {
            echo "$name was not ready within $DEADLINE_S s" >"$DIR/$name.why"
            return 1
        }
        sleep 0.02
    done
}

# give_up NAME: the one line that says why a server did not start.
give_up() {
    local why
    why=$(cat "$DIR/$1.why" 2>/dev/null) || why=$(tail -n 1 "$DIR/$1.log" 2>/dev/null)
    fail "cannot start $1: ${why:-it ended at once} (all it said: $DIR/$1.log)"
}

# need NAME PROGRAM: prints the program's path, or fails with the package to install.
need() {
    local found
    found=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2") || fail "cannot start $1: no $2 here (make deps installs it)"
    echo "$found"
}

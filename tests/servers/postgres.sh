# shellcheck shell=bash
# postgres.sh: a private PostgreSQL, fast and forgetful: no fsync, little memory, nothing in /dev/shm.

postgres_bin() {
    local bin
    for bin in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
        [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && echo "$bin" && return
    done
    fail "cannot start postgres: no initdb here (make deps installs it)"
}

# The eighth line of postmaster.pid says "ready" once connections are accepted: no client needed to find out.
postgres_ready() {
    local line=
    line=$(sed -n 8p "$RUN/pg/postmaster.pid") && [[ $line == ready* ]]
}

start_postgres() {
    local bin port
    bin=$(postgres_bin) || exit
    (as_user "$bin/initdb" -D "$RUN/pg" -U trader -A trust -E UTF8 --locale=C --no-sync --no-instructions) \
        </dev/null >"$DIR/postgres.log" 2>&1 || give_up postgres

    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        spawn postgres "$bin/postgres" -D "$RUN/pg" -p "$port" -k "$RUN" -h 127.0.0.1 -c fsync=off \
            -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=8MB -c max_connections=60 \
            -c autovacuum=off -c max_wal_senders=2 -c wal_level=replica -c dynamic_shared_memory_type=mmap
        if await postgres postgres_ready; then
            "$bin/psql" -qX -h "$RUN" -p "$port" -U trader -d postgres -c 'CREATE DATABASE trader' \
                >>"$DIR/postgres.log" 2>&1 || give_up postgres
            cat <<END
PGHOST=127.0.0.1
PGPORT=$port
PGUSER=trader
PGDATABASE=trader
PG_SOCKET_DIR=$RUN
POSTGRES_PID=$SPAWNED
END
            return
        fi
    done
    give_up postgres
}

# shellcheck shell=bash
# ftp.sh: a private FTP server (pyftpdlib), read only, with one file.

ftp_ready() {
    local answer=
    { read -r -t 1 answer <&3; } 3<>"/dev/tcp/127.0.0.1/$1"
    [[ $answer == 220* ]]
}

start_ftp() {
    local port
    /usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || fail "cannot start ftp: no pyftpdlib here (make deps installs it)"
    mkdir -p "$RUN/ftp"
    printf 'hello by FTP\n' >"$RUN/ftp/small"
    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        spawn ftp /usr/bin/python3 -m pyftpdlib -i 127.0.0.1 -p "$port" -d "$RUN/ftp"
        if await ftp ftp_ready "$port"; then
            cat <<END
FTP_PORT=$port
FTP_URL=ftp://127.0.0.1:$port
END
            return
        fi
    done
    give_up ftp
}

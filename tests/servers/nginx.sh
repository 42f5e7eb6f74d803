# shellcheck shell=bash
# nginx.sh: a private nginx: static files, a redirect, errors, log-in, headers, a body of unknown length, HTTP/2 over TLS with push, a
# git repository as plain files; connections kept open for a long time.

nginx_config() {
    cat <<END
daemon off;
worker_processes 1;
pid $RUN/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path $RUN/nginx_body;
    proxy_temp_path $RUN/nginx_proxy;
    fastcgi_temp_path $RUN/nginx_fastcgi;
    uwsgi_temp_path $RUN/nginx_uwsgi;
    scgi_temp_path $RUN/nginx_scgi;
    server {
        listen 127.0.0.1:$1;
        $([ ! -e "$RUN/tls.key" ] || echo "listen 127.0.0.1:$2 ssl http2; ssl_certificate $RUN/tls.pem; ssl_certificate_key $RUN/tls.key;")
        listen unix:$RUN/nginx.sock;
        root $RUN/www;
        default_type text/plain;
        location = /redirect { return 302 /small; }
        location = /away { return 302 http://away.example:$1/small; }
        location = /chunked { ssi on; ssi_types *; }
        location = /private { auth_basic private; auth_basic_user_file $RUN/users; }
        location = /pushing { http2_push /small; }
        location = /headers {
            add_header X-Request-Id 4711;
            add_header X-Twice one;
            add_header X-Twice two;
            add_header Set-Cookie id=secret;
            return 200 headers;
        }
        location = /status/500 { return 500; }
        location = /status/503 { return 503; }
    }
}
END
}

# nginx writes its pid once it has its ports.
nginx_ready() {
    local answer=
    [ "$(cat "$RUN/nginx.pid")" = "$SPAWNED" ] || return
    { printf 'GET /small HTTP/1.0\r\n\r\n' >&3 && read -r -t 1 answer <&3; } 3<>"/dev/tcp/127.0.0.1/$1"
    [[ $answer == *" 200 "* ]]
}

# Always the same commit: its name is in the URLs.
make_repository() {
    command -v git >/dev/null || return 0
    local stamp='2026-01-01T00:00:00Z'
    (
        export GIT_AUTHOR_DATE=$stamp GIT_COMMITTER_DATE=$stamp GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a
        git init -q --bare -b main "$1" && cd "$1" || exit
        tree=$(printf '100644 blob %s\tfile\n' "$(echo hello | git hash-object -w --stdin)" | git mktree)
        git update-ref refs/heads/main "$(git commit-tree -m one "$tree")"
        git update-server-info
    )
}

start_nginx() {
    local server port http2_port
    server=$(need nginx nginx) || exit
    mkdir -p "$RUN/www"
    printf 'hello, world\n' >"$RUN/www/small"
    head -c 65536 /dev/zero | tr '\0' 'x' >"$RUN/www/large"
    for file in chunked private pushing; do cp "$RUN/www/small" "$RUN/www/$file"; done
    echo 'user:{PLAIN}password' >"$RUN/users"
    command -v openssl >/dev/null && openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$RUN/tls.key" -out "$RUN/tls.pem" 2>/dev/null
    make_repository "$RUN/www/repository.git"
    chmod -R go+rX "$RUN/www" "$RUN/users"
    chmod -f a+r "$RUN"/tls.*
    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        http2_port=$(free_port)
        nginx_config "$port" "$http2_port" >"$RUN/nginx.conf"
        rm -f "$RUN/nginx.sock"
        spawn nginx "$server" -e stderr -p "$RUN" -c "$RUN/nginx.conf"
        if await nginx nginx_ready "$port"; then
            cat <<END
HTTP_PORT=$port
HTTP_URL=http://127.0.0.1:$port
HTTP2_PORT=$http2_port
HTTP2_URL=https://127.0.0.1:$http2_port
HTTP2_CA=$RUN/tls.pem
HTTP_SOCKET=$RUN/nginx.sock
NGINX_PID=$SPAWNED
END
            return
        fi
    done
    give_up nginx
}

# shellcheck shell=bash
# nginx.sh: a private nginx: two static files, a redirect, an error; connections kept open for a long time.

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
        listen unix:$RUN/nginx.sock;
        root $RUN/www;
        default_type text/plain;
        location = /redirect { return 302 /small; }
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

start_nginx() {
    local server port
    server=$(need nginx nginx) || exit
    mkdir -p "$RUN/www"
    printf 'hello, world\n' >"$RUN/www/small"
    head -c 65536 /dev/zero | tr '\0' 'x' >"$RUN/www/large"
    chmod -R go+rX "$RUN/www"
    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        nginx_config "$port" >"$RUN/nginx.conf"
        rm -f "$RUN/nginx.sock"
        spawn nginx "$server" -e stderr -p "$RUN" -c "$RUN/nginx.conf"
        if await nginx nginx_ready "$port"; then
            cat <<END
HTTP_PORT=$port
HTTP_URL=http://127.0.0.1:$port
HTTP_SOCKET=$RUN/nginx.sock
NGINX_PID=$SPAWNED
END
            return
        fi
    done
    give_up nginx
}

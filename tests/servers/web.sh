# shellcheck shell=bash
# web.sh: an nginx that writes down what it was asked (method, path, status, protocol, traceparent, the
# body's sizes), and serves git.

web_config() {
    cat <<END
daemon off;
worker_processes 1;
pid $RUN/web.pid;
error_log stderr crit;
events { worker_connections 512; }
http {
    log_format asked '\$request_method \$request_uri \$status \$server_protocol \$http_traceparent '
        '\$content_length \$body_bytes_sent \$sent_http_transfer_encoding \$http_expect';
    access_log $RUN/web.log asked;
    client_max_body_size 64m;
    client_body_temp_path $RUN/web_body;
    proxy_temp_path $RUN/web_proxy;
    fastcgi_temp_path $RUN/web_fastcgi;
    uwsgi_temp_path $RUN/web_uwsgi;
    scgi_temp_path $RUN/web_scgi;
    server {
        listen 127.0.0.1:$1;
        root $RUN/site;
        default_type text/plain;
        location = /redirect { return 302 /small; }
        location = /status/404 { return 404; }
        location = /status/500 { return 500; }
        location = /status/503 { return 503; }
        location /post { return 200 "posted\n"; }
        location /git/ {
            fastcgi_pass unix:$RUN/fcgiwrap.sock;
            fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
            fastcgi_param GIT_PROJECT_ROOT $RUN;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param GIT_CONFIG_COUNT 2;
            fastcgi_param GIT_CONFIG_KEY_0 safe.directory;
            fastcgi_param GIT_CONFIG_VALUE_0 *;
            fastcgi_param GIT_CONFIG_KEY_1 http.receivepack;
            fastcgi_param GIT_CONFIG_VALUE_1 true;
            fastcgi_param PATH_INFO \$uri;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
            fastcgi_param REMOTE_ADDR \$remote_addr;
        }
    }
}
END
}

web_ready() {
    local answer=
    [ "$(cat "$RUN/web.pid")" = "$SPAWNED" ] || return
    { printf 'GET /small HTTP/1.0\r\n\r\n' >&3 && read -r -t 1 answer <&3; } 3<>"/dev/tcp/127.0.0.1/$1"
    [[ $answer == *" 200 "* ]]
}

start_web() {
    local server wrapper port
    server=$(need web nginx) || exit
    wrapper=$(need web fcgiwrap) || exit
    mkdir -p "$RUN/site" "$RUN/git"
    printf 'hello, world\n' >"$RUN/site/small"
    head -c 300000 /dev/zero | tr '\0' 'x' >"$RUN/site/large"
    chmod -R go+rX "$RUN/site"
    chmod 1777 "$RUN/git"
    spawn fcgiwrap "$wrapper" -s "unix:$RUN/fcgiwrap.sock"
    await web test -S "$RUN/fcgiwrap.sock" || give_up fcgiwrap
    for ((try = 0; try < TRIES; try++)); do
        port=$(free_port)
        web_config "$port" >"$RUN/web.conf"
        spawn web "$server" -e stderr -p "$RUN" -c "$RUN/web.conf"
        if await web web_ready "$port"; then
            cat <<END
WEB_PORT=$port
WEB_URL=http://127.0.0.1:$port
WEB_LOG=$RUN/web.log
WEB_ROOT=$RUN/site
GIT_ROOT=$RUN/git
END
            return
        fi
    done
    give_up web
}

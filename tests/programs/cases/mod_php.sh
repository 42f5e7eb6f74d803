#!/bin/sh
# Apache with mod_php, asked by a curl without the shim; then a graceful restart, which unloads and loads libphp and its
# modules again; the same once more.
modules=/usr/lib/apache2/modules
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p htdocs
cp "$CASES/page.php" htdocs/
cat >httpd.conf <<END
ServerRoot $PWD
ServerName localhost
Listen 127.0.0.1:$port
PidFile $PWD/httpd.pid
DefaultRuntimeDir $PWD
ErrorLog $PWD/error.log
Mutex fcntl:$PWD
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule mime_module $modules/mod_mime.so
LoadModule php_module $(ls $modules/libphp*.so)
TypesConfig /etc/mime.types
StartServers 1
MinSpareServers 1
MaxSpareServers 1
MaxRequestWorkers 1
DocumentRoot $PWD/htdocs
<FilesMatch \.php$>
    SetHandler application/x-httpd-php
</FilesMatch>
<Directory $PWD/htdocs>
    Require all granted
</Directory>
END
setsid apache2 -f "$PWD/httpd.conf" -D FOREGROUND & # of its own: it ends its whole process group
server=$!
started() { # TIMES: until the log says so
    for _ in $(seq 200); do
        [ "$(cat error.log 2>/dev/null | grep -c 'resuming normal operations')" -ge "$1" ] && return
        sleep 0.05
    done
}
get() { env -u LD_PRELOAD curl -sS "http://127.0.0.1:$port/page.php"; }
started 1
get
get
kill -USR1 $server
started 2
get
get
kill -TERM $server
wait $server
echo "status $?"
grep -c 'exit signal' error.log
rm -rf httpd.conf error.log htdocs

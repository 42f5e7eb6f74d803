"""pycurl: an easy handle used again, a multi handle under select, another under socket_action."""
import io
import os
import select

import pycurl

url = os.environ["WEB_URL"]


def easy(path, **options):
    handle, body = pycurl.Curl(), io.BytesIO()
    handle.setopt(pycurl.URL, url + path)
    handle.setopt(pycurl.WRITEDATA, body)
    for name, value in options.items():
        handle.setopt(getattr(pycurl, name), value)
    handle.body = body
    return handle


handle = easy("/small", USERAGENT="case")
handle.perform()
handle.setopt(pycurl.URL, url + "/status/503")
handle.perform()
print(handle.getinfo(pycurl.RESPONSE_CODE), handle.body.getvalue()[:12])
handle.close()
easy("/post", POSTFIELDS="pw=hunter2").perform()
try:
    easy("/status/404", FAILONERROR=1).perform()
except pycurl.error as error:
    print(error.args[0])

multi = pycurl.CurlMulti()
handles = [easy("/small"), easy("/large"), easy("/status/500"), easy("/redirect", FOLLOWLOCATION=1)]
for handle in handles:
    multi.add_handle(handle)
running = len(handles)
while running:
    while True:
        status, running = multi.perform()
        if status != pycurl.E_CALL_MULTI_PERFORM:
            break
    multi.select(1.0)
_, good, bad = multi.info_read()
print(len(good), len(bad), sorted(handle.getinfo(pycurl.RESPONSE_CODE) for handle in handles))
for handle in handles:
    multi.remove_handle(handle)
multi.close()

sockets = {}


def on_socket(what, fd, _multi, _data):
    sockets.pop(fd, None) if what == pycurl.POLL_REMOVE else sockets.__setitem__(fd, what)


multi = pycurl.CurlMulti()
multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
handles = [easy("/small"), easy("/large")]
for handle in handles:
    multi.add_handle(handle)
running = multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1]
while running:
    reading = [fd for fd, what in sockets.items() if what & pycurl.POLL_IN]
    writing = [fd for fd, what in sockets.items() if what & pycurl.POLL_OUT]
    ready = select.select(reading, writing, [], 0.05)
    for fd in ready[0] + ready[1]:
        running = multi.socket_action(fd, 0)[1]
    if not ready[0] and not ready[1]:
        running = multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1]
multi.info_read()
for handle in handles:
    print(len(handle.body.getvalue()))
    multi.remove_handle(handle)

"""pycurl's CurlMulti: three requests side by side, one of them refused."""
import sys

import pycurl

multi = pycurl.CurlMulti()
handles = []
for url in (sys.argv[1] + "/small", sys.argv[1] + "/status/503", "http://127.0.0.1:9/"):
    handle = pycurl.Curl()
    handle.setopt(handle.URL, url)
    handle.setopt(handle.WRITEFUNCTION, lambda data: None)
    multi.add_handle(handle)
    handles.append(handle)
n_left = len(handles)
results = []
while n_left:
    while multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
        pass
    queued, done, failed = multi.info_read()
    for handle in done:
        results.append((handles.index(handle), handle.getinfo(handle.RESPONSE_CODE)))
    for handle, code, _ in failed:
        results.append((handles.index(handle), "error", code))
    n_left -= len(done) + len(failed)
    if n_left:
        multi.select(1.0)
print(sorted(results))

"""pycurl: libcurl-gnutls in a module that Python opens with RTLD_LOCAL."""
import io
import sys

import pycurl

body = io.BytesIO()
handle = pycurl.Curl()
handle.setopt(handle.URL, sys.argv[1])
handle.setopt(handle.WRITEDATA, body)
handle.perform()
print(handle.getinfo(handle.RESPONSE_CODE), len(body.getvalue()))
handle.close()

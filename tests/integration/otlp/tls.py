"""OTLP over TLS, with certificates made for the occasion; see tls.sh."""
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
from receiver import Receiver  # noqa: E402

build = Path(os.environ.get("BUILD", "build")).resolve()


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(directory):
    """A CA, a server certificate for localhost, a client certificate."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=test CA", "-keyout", directory / "ca.key", "-out", directory / "ca.pem")
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.csr")
        openssl("x509", "-req", "-in", directory / f"{name}.csr", "-CA", directory / "ca.pem", "-CAkey",
                directory / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", directory / "names",
                "-out", directory / f"{name}.pem")


def listen(directory, asks_for_client):
    receiver = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    if asks_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(directory / "ca.pem")
    receiver.server.handle_error = lambda *_: None  # a refused handshake is what a case may be about
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    return receiver


def spans_of(directory, receiver, seconds, **settings):
    """Spans that arrive of one traced curl, within some seconds."""
    box = Path(tempfile.mkdtemp(dir=directory))
    environment = {"PATH": os.environ["PATH"], "HOME": str(box), "XDG_STATE_HOME": str(box / "state")}
    exporter = subprocess.Popen([build / "otelshim", "export", "--dir", box], env=environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        subprocess.run(["curl", "-s", "http://127.0.0.1:9/"], check=False, env=environment | {
            "LD_PRELOAD": str(build / "libotelshim.so"), "OTELSHIM_DIR": str(box), "OTELSHIM_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{receiver.port}", "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"} | settings)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(receiver.spans) < 2:
            time.sleep(0.02)
        return len(receiver.spans)
    finally:
        exporter.terminate()
        exporter.wait(60)


def cases(directory):
    ca = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(directory / "ca.pem")}
    client = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(directory / "client.pem"),
              "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(directory / "client.key")}
    yield "unknown_ca_is_refused", spans_of(directory, listen(directory, False), 1.5) == 0
    yield "ca_certificate", spans_of(directory, listen(directory, False), 10, **ca) == 2
    yield "client_certificate_missing", spans_of(directory, listen(directory, True), 1.5, **ca) == 0
    yield "client_certificate", spans_of(directory, listen(directory, True), 10, **ca, **client) == 2


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="otelshim-tls-", ignore_cleanup_errors=True) as directory:
        make_certificates(Path(directory))
        passed = 0
        for name, is_right in cases(Path(directory)):
            print(("ok" if is_right else "not ok") + f" otlp/tls_{name}", flush=True)
            failed += not is_right
            passed += is_right
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())

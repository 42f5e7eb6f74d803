"""An OTLP/HTTP receiver that decodes with the official schema (PyPI opentelemetry-proto), for the runner."""
import gzip
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}


def value_of(any_value):
    which = any_value.WhichOneof("value")
    if which == "array_value":
        return [value_of(item) for item in any_value.array_value.values]
    return getattr(any_value, which) if which else None


def attributes_of(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


def plain_logs(request):
    """Every record of an ExportLogsServiceRequest as a plain dict."""
    return [{"severity": record.severity_number, "severity_text": record.severity_text, "body": value_of(record.body),
             "attributes": attributes_of(record.attributes), "trace": record.trace_id.hex(), "id": record.span_id.hex(),
             "time": record.time_unix_nano, "event": record.event_name, "scope": scope.scope.name, "resource": attributes_of(group.resource.attributes)}
            for group in request.resource_logs for scope in group.scope_logs for record in scope.log_records]


def check_times(point, gauge):
    assert point.time_unix_nano, "a point without a time"
    assert gauge or 0 < point.start_time_unix_nano < point.time_unix_nano, "window"


def plain_exemplar(exemplar, point):
    assert point.start_time_unix_nano < exemplar.time_unix_nano <= point.time_unix_nano, "exemplar's time"
    return {"value": exemplar.as_double, "trace": exemplar.trace_id.hex(), "id": exemplar.span_id.hex(),
            "filtered": attributes_of(exemplar.filtered_attributes)}


def plain_point(kind, data, point):
    """The rules of metrics.proto that a decoder does not check, and the point as a plain dict."""
    check_times(point, kind == "gauge")
    attributes = attributes_of(point.attributes)
    assert len(attributes) == len(point.attributes), "a key twice"
    plain = {"attributes": attributes, "start": point.start_time_unix_nano, "time": point.time_unix_nano,
             "exemplars": [plain_exemplar(e, point) for e in point.exemplars]}
    if kind in ("sum", "gauge"):
        which = point.WhichOneof("value")
        assert which, "a point without a value"
        return {**plain, "value": getattr(point, which)}
    plain.update(count=point.count, sum=point.sum, min=point.min, max=point.max)
    assert point.HasField("sum") and (not point.count or point.HasField("min"))
    if kind == "histogram":
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert sum(point.bucket_counts) == point.count and sorted(set(point.explicit_bounds)) == list(point.explicit_bounds)
        return {**plain, "bounds": list(point.explicit_bounds), "buckets": list(point.bucket_counts)}
    assert sum(point.positive.bucket_counts) + point.zero_count == point.count
    return {**plain, "scale": point.scale, "offset": point.positive.offset,
            "buckets": list(point.positive.bucket_counts), "zeros": point.zero_count}


TEMPORALITY = {0: None, 1: "delta", 2: "cumulative"}


def plain_points(request):
    """Every point of an ExportMetricsServiceRequest as a plain dict, with its metric, scope and resource."""
    points = []
    for group in request.resource_metrics:
        resource = attributes_of(group.resource.attributes)
        assert group.scope_metrics, "a resource without scopes"
        for scope in group.scope_metrics:
            assert scope.metrics, "a scope without metrics"
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                assert metric.name and data.data_points, "an empty metric"
                temporality = TEMPORALITY[data.aggregation_temporality] if kind != "gauge" else None
                assert kind == "gauge" or temporality, "no temporality"
                for point in data.data_points:
                    points.append({
                        **plain_point(kind, data, point), "name": metric.name, "unit": metric.unit,
                        "description": metric.description, "kind": kind, "temporality": temporality,
                        "monotonic": getattr(data, "is_monotonic", None), "scope": scope.scope.name,
                        "scope_version": scope.scope.version, "resource": resource,
                        "schema": scope.schema_url or group.schema_url})
    return points


class Receiver:
    """
    Listens on a free loopback port; `spans`, `points` and `logs` grow. Each is a plain dict, with its resource and scope.
    `self_points`: the exporter's own numbers (OTELSHIM_SELF_METRICS), which are a resource of their own.
    """

    def __init__(self, port=0):
        self.spans = []
        self.points, self.self_points = [], []
        self.logs = []
        self.metric_requests = 0
        self.metrics_status = 200  # what exports of metrics are answered
        self.requests = 0
        self.headers = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if len(body) < int(self.headers["Content-Length"]):  # an exporter that was killed
                    self.close_connection = True
                    return
                receiver.take(self.path, dict(self.headers), body)
                self.send_response(receiver.metrics_status if self.path == "/v1/metrics" else 200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                """A client that goes away is what some tests are about; what it sent wrong is everybody's."""
                if not isinstance(sys.exc_info()[1], ConnectionError):
                    super().handle_error(request, client_address)

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, path, headers, body):
        assert path in ("/v1/traces", "/v1/metrics", "/v1/logs"), path
        assert headers["Content-Type"] == "application/x-protobuf", headers
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if path == "/v1/logs":
            records = plain_logs(logs_service_pb2.ExportLogsServiceRequest.FromString(body))
            with self.lock:
                self.logs += records
            return
        if path == "/v1/metrics":
            points = plain_points(metrics_service_pb2.ExportMetricsServiceRequest.FromString(body))
            with self.lock:
                self.metric_requests += 1
                if self.metrics_status == 200:
                    for point in points:
                        is_self = point["resource"].get("service.name") == "otelshim"
                        (self.self_points if is_self else self.points).append(point)
            return
        request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        with self.lock:
            self.requests += 1
            self.headers.append(headers)
            for group in request.resource_spans:
                resource = attributes_of(group.resource.attributes)
                for scope_spans in group.scope_spans:
                    for span in scope_spans.spans:
                        self.spans.append(self.plain(span, resource, scope_spans, group.schema_url))

    @staticmethod
    def plain(span, resource, scope_spans, resource_schema):
        assert len(span.trace_id) == 16 and any(span.trace_id), "trace id"
        assert len(span.span_id) == 8 and any(span.span_id), "span id"
        assert len(span.parent_span_id) in (0, 8), "parent span id"
        assert span.start_time_unix_nano <= span.end_time_unix_nano, "times"
        return {
            "trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex(),
            "name": span.name, "kind": KINDS[span.kind], "status": STATUS[span.status.code],
            "message": span.status.message, "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
            "attributes": attributes_of(span.attributes), "flags": span.flags, "trace_state": span.trace_state,
            "events": [(e.name, e.time_unix_nano) for e in span.events],
            "exceptions": [attributes_of(e.attributes) for e in span.events if e.name == "exception"],
            "resource": resource, "scope": scope_spans.scope.name, "scope_version": scope_spans.scope.version,
            "schema": scope_spans.schema_url or resource_schema,
        }

    def of_service(self, service):
        with self.lock:
            return [s for s in self.spans if s["resource"].get("service.name") == service]

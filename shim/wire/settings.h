/*
 * settings: every environment variable and configuration key that otelshim knows. One row each.
 *
 * Included by shim/settings.c (rows marked SHIM: parsed there; every row: copied into the header area),
 * exporter/settings/ (all), and README.md (tests/lint/settings). To add one: add a row. Two parsers read rows marked SHIM;
 * tests/unit/setting_vectors.h feeds both the same strings.
 *
 * SETTING(NAME, who reads, type, "default", PLAIN|SECRET, "allowed values", "meaning")
 *   who:  SHIM (acts in the traced process; takes effect from the environment only) | EXPORTER
 *   type: BOOL COUNT DURATION_MS TIMEOUT_MS ENUM LIST TEXT URL PATH RATIO BYTES HEADERS
 *   SECRET: the value never enters the mapped file, only the fact that it is set
 */
/* kill switches and scope */
SETTING(OTEL_SDK_DISABLED, SHIM, BOOL, "false", PLAIN, "true, false", "true: record nothing")
SETTING(OTELSHIM, SHIM, TEXT, "1", PLAIN, "0, 1", "0: the library stays inert")
SETTING(OTELSHIM_ALLOW, SHIM, LIST, "", PLAIN, "globs, comma-separated", "trace only programs whose name or path matches")
SETTING(OTELSHIM_DENY, SHIM, LIST, "", PLAIN, "globs, comma-separated", "never trace these; wins over OTELSHIM_ALLOW")
/* traces */
SETTING(OTEL_TRACES_SAMPLER, SHIM, ENUM, "parentbased_always_on", PLAIN, "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio", "decision at the root of a trace")
SETTING(OTEL_TRACES_SAMPLER_ARG, SHIM, RATIO, "1.0", PLAIN, "0 to 1", "ratio of the traceidratio samplers")
SETTING(OTEL_PROPAGATORS, SHIM, LIST, "tracecontext,baggage", PLAIN, "tracecontext, baggage, b3, b3multi, none", "headers that go out with HTTP requests")
SETTING(OTELSHIM_KEEP, SHIM, LIST, "", PLAIN, "error, slow>DURATION (500ms, 2s)", "export traces that were not sampled when this process's part of them failed or was slow")
SETTING(OTELSHIM_PROPAGATE_EXCLUDE, SHIM, LIST, "", PLAIN, "globs of host names, comma-separated", "hosts that are never sent trace context")
SETTING(OTELSHIM_SQL_COMMENT, SHIM, BOOL, "false", PLAIN, "true, false", "true: append traceparent as a comment to SQL statements that are sent as text")
SETTING(OTELSHIM_USER_AGENT, SHIM, BOOL, "false", PLAIN, "true, false", "true: record user_agent.original")
SETTING(OTELSHIM_REQUEST_HEADERS, SHIM, LIST, "", PLAIN, "header names, comma-separated", "request headers to record as http.request.header.<name>")
SETTING(OTELSHIM_RESPONSE_HEADERS, SHIM, LIST, "", PLAIN, "header names, comma-separated", "response headers to record as http.response.header.<name>")
SETTING(OTELSHIM_TRACE_GAP, SHIM, DURATION_MS, "100", PLAIN, "milliseconds; 0 = every call its own trace", "calls of one thread closer than this share a trace")
SETTING(TRACEPARENT, SHIM, TEXT, "", PLAIN, "W3C traceparent", "parent of this process's spans")
SETTING(TRACESTATE, SHIM, TEXT, "", PLAIN, "W3C tracestate", "goes with TRACEPARENT")
SETTING(BAGGAGE, SHIM, TEXT, "", SECRET, "W3C baggage", "passed on with HTTP requests")
SETTING(B3, SHIM, TEXT, "", PLAIN, "b3 single header", "parent of this process's spans, where OTEL_PROPAGATORS has b3")
/* hand-over */
SETTING(OTELSHIM_DIR, SHIM, PATH, "", PLAIN, "absolute path", "drop box; default $XDG_RUNTIME_DIR/otelshim, else /dev/shm/otelshim-<uid>")
SETTING(OTELSHIM_BUFFER_SIZE, SHIM, BYTES, "8388608", PLAIN, "65536 to 67108864 bytes (K, M)", "pool of chunks per process")
SETTING(OTELSHIM_EXPORTER, SHIM, PATH, "", PLAIN, "absolute path, or none", "exporter to start; default beside the library; none: start none")
SETTING(OTELSHIM_FLUSH_TIMEOUT, SHIM, TIMEOUT_MS, "0", PLAIN, "milliseconds", "how long exit may wait for delivery; pid 1: default 2000")
SETTING(OTELSHIM_MAIN, SHIM, COUNT, "", PLAIN, "pid", "set by `otelshim run`: this process is watched")
SETTING(OTELSHIM_FROM_FILES, SHIM, LIST, "", PLAIN, "names of settings, comma-separated", "set by `otelshim run`: settings that it took from files; they follow the files")
SETTING(SYSTEMD_EXEC_PID, SHIM, COUNT, "", PLAIN, "pid", "set by systemd: the main process of a service is watched")
SETTING(XDG_RUNTIME_DIR, SHIM, PATH, "", PLAIN, "absolute path", "see OTELSHIM_DIR")
SETTING(OTELSHIM_LOG, SHIM, ENUM, "info", PLAIN, "error, warn, info, debug", "how much the exporter logs")
/* resource */
SETTING(OTEL_SERVICE_NAME, EXPORTER, TEXT, "", PLAIN, "text", "service.name; default from OTEL_RESOURCE_ATTRIBUTES, else unknown_service:<executable>")
SETTING(OTEL_RESOURCE_ATTRIBUTES, EXPORTER, LIST, "", PLAIN, "key=value,key=value", "attributes of the resource; discarded whole when malformed")
/* which outputs */
SETTING(OTEL_TRACES_EXPORTER, EXPORTER, LIST, "otlp", PLAIN, "otlp, console, none", "where spans go")
SETTING(OTEL_METRICS_EXPORTER, EXPORTER, LIST, "otlp", PLAIN, "otlp, none", "where metrics go")
/* OTLP */
SETTING(OTEL_EXPORTER_OTLP_ENDPOINT, EXPORTER, URL, "http://localhost:4318", PLAIN, "http:// or https:// URL", "base URL; /v1/traces and /v1/metrics are appended")
SETTING(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, EXPORTER, URL, "", PLAIN, "http:// or https:// URL", "URL for traces, used as it is")
SETTING(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, EXPORTER, URL, "", PLAIN, "http:// or https:// URL", "URL for metrics, used as it is")
SETTING(OTEL_EXPORTER_OTLP_PROTOCOL, EXPORTER, ENUM, "http/protobuf", PLAIN, "http/protobuf", "how requests are sent")
SETTING(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, EXPORTER, ENUM, "", PLAIN, "http/protobuf", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, EXPORTER, ENUM, "", PLAIN, "http/protobuf", "")
SETTING(OTEL_EXPORTER_OTLP_HEADERS, EXPORTER, HEADERS, "", SECRET, "name=value,name=value (percent-encoded)", "headers of every request")
SETTING(OTEL_EXPORTER_OTLP_TRACES_HEADERS, EXPORTER, HEADERS, "", SECRET, "name=value,name=value (percent-encoded)", "overlays OTEL_EXPORTER_OTLP_HEADERS for traces")
SETTING(OTEL_EXPORTER_OTLP_METRICS_HEADERS, EXPORTER, HEADERS, "", SECRET, "name=value,name=value (percent-encoded)", "overlays OTEL_EXPORTER_OTLP_HEADERS for metrics")
SETTING(OTEL_EXPORTER_OTLP_TIMEOUT, EXPORTER, TIMEOUT_MS, "10000", PLAIN, "milliseconds; 0 = no limit", "bound of one export with all its retries")
SETTING(OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, EXPORTER, TIMEOUT_MS, "", PLAIN, "milliseconds; 0 = no limit", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_TIMEOUT, EXPORTER, TIMEOUT_MS, "", PLAIN, "milliseconds; 0 = no limit", "")
SETTING(OTEL_EXPORTER_OTLP_COMPRESSION, EXPORTER, ENUM, "none", PLAIN, "gzip, none", "of requests")
SETTING(OTEL_EXPORTER_OTLP_TRACES_COMPRESSION, EXPORTER, ENUM, "", PLAIN, "gzip, none", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_COMPRESSION, EXPORTER, ENUM, "", PLAIN, "gzip, none", "")
SETTING(OTEL_EXPORTER_OTLP_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "CA certificates that vouch for the server")
SETTING(OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_EXPORTER_OTLP_CLIENT_KEY, EXPORTER, PATH, "", PLAIN, "PEM file", "client key (mTLS)")
SETTING(OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "client certificate (mTLS)")
SETTING(OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE, EXPORTER, PATH, "", PLAIN, "PEM file", "")
SETTING(OTEL_BSP_SCHEDULE_DELAY, EXPORTER, DURATION_MS, "5000", PLAIN, "milliseconds", "longest wait of a span in a batch")
SETTING(OTEL_BSP_EXPORT_TIMEOUT, EXPORTER, TIMEOUT_MS, "30000", PLAIN, "milliseconds; 0 = no limit", "bound of one batch's export, where it is the shorter one")
SETTING(OTEL_BSP_MAX_QUEUE_SIZE, EXPORTER, COUNT, "2048", PLAIN, "1 or more", "spans held in memory; beyond it they wait in the mapped files or the spool")
SETTING(OTEL_BSP_MAX_EXPORT_BATCH_SIZE, EXPORTER, COUNT, "512", PLAIN, "1 to OTEL_BSP_MAX_QUEUE_SIZE", "spans of one request")
/* metrics */
SETTING(OTEL_METRIC_EXPORT_INTERVAL, EXPORTER, DURATION_MS, "60000", PLAIN, "milliseconds", "from the beginning of one export of metrics to the next")
SETTING(OTEL_METRIC_EXPORT_TIMEOUT, EXPORTER, TIMEOUT_MS, "30000", PLAIN, "milliseconds; 0 = no limit", "bound of one export of metrics")
SETTING(OTEL_METRICS_EXEMPLAR_FILTER, EXPORTER, ENUM, "trace_based", PLAIN, "always_on, always_off, trace_based", "which calls may stand as examples in the metrics")
SETTING(OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, EXPORTER, ENUM, "cumulative", PLAIN, "cumulative, delta, lowmemory", "sums since the beginning, or since the last export")
SETTING(OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION, EXPORTER, ENUM, "explicit_bucket_histogram", PLAIN, "explicit_bucket_histogram, base2_exponential_bucket_histogram", "buckets of histograms")
/* limits */
SETTING(OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, EXPORTER, COUNT, "", PLAIN, "characters", "of an attribute's value; what is longer is cut")
SETTING(OTEL_ATTRIBUTE_COUNT_LIMIT, EXPORTER, COUNT, "128", PLAIN, "0 or more", "attributes of a span, or of a span event")
SETTING(OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, EXPORTER, COUNT, "", PLAIN, "characters", "instead of OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
SETTING(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, EXPORTER, COUNT, "", PLAIN, "0 or more", "attributes of a span; default OTEL_ATTRIBUTE_COUNT_LIMIT")
SETTING(OTEL_SPAN_EVENT_COUNT_LIMIT, EXPORTER, COUNT, "128", PLAIN, "0 or more", "events of a span")
SETTING(OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS, EXPORTER, LIST, "", PLAIN, "methods, comma-separated", "replaces the list of known HTTP methods")
SETTING(OTELSHIM_URL_TEMPLATES, EXPORTER, LIST, "", PLAIN, "paths, comma-separated: /v1/orders/{id}", "url.template of HTTP requests, and their spans' names")
SETTING(OTEL_SPAN_LINK_COUNT_LIMIT, EXPORTER, COUNT, "128", PLAIN, "0 or more", "no span has links yet")
SETTING(OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, EXPORTER, COUNT, "128", PLAIN, "0 or more", "attributes of a span event; default OTEL_ATTRIBUTE_COUNT_LIMIT where that is set")
SETTING(OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, EXPORTER, COUNT, "128", PLAIN, "0 or more", "no span has links yet")
/* the exporter itself */
SETTING(OTELSHIM_SPOOL_SIZE, EXPORTER, BYTES, "67108864", PLAIN, "bytes (K, M)", "batches kept on disk while a destination is down")
SETTING(OTELSHIM_ENV_FILE, EXPORTER, PATH, "", PLAIN, "file", "a .env file with NAME=value lines")
SETTING(OTELSHIM_RAW, EXPORTER, BOOL, "false", PLAIN, "true, false", "true: do not redact statements, URLs and values")
SETTING(OTELSHIM_INCLUDE, EXPORTER, LIST, "", PLAIN, "host=GLOB, url=GLOB, statement=GLOB, ...", "export only spans that match one of these; metrics count all")
SETTING(OTELSHIM_EXCLUDE, EXPORTER, LIST, "", PLAIN, "host=GLOB, url=GLOB, statement=GLOB, ...", "do not export spans that match one of these; wins over OTELSHIM_INCLUDE")
